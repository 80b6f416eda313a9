/* What a leading relay does beside relaying: it answers followers that miss rows, notes how far
 * they are, and trims what nobody needs. */
#include "support/database.h"
#include "support/relay.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include <pthread.h>
#include <skald/partition.h>
#include <skald/v1/relay.pb-c.h>

enum { ANSWERS_MAX = 1024 };

/* What came back to a MissingRequest; the callback's thread writes until `ended`. */
typedef struct repair {
    atomic_bool ended;
    unsigned count;
    int64_t positions[ANSWERS_MAX];
    int64_t previous[ANSWERS_MAX];
    uint32_t sent_count;
    int64_t trimmed_position;
    bool more;
} repair;

static const char *header_of(const skald_nats_view *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].value;
    }
    return NULL;
}

static void on_answer(void *user, const skald_nats_view *message)
{
    repair *answer = user;
    if (header_of(message, "Skald-Missing") == NULL) {
        if (answer->count < ANSWERS_MAX && header_of(message, "Skald-Prev") != NULL) {
            answer->positions[answer->count] = skald_nats_position(message);
            answer->previous[answer->count++] = atoll(header_of(message, "Skald-Prev"));
        }
        return;
    }
    Skald__V1__MissingEnd *end =
        skald__v1__missing_end__unpack(NULL, message->body.size, message->body.data);
    if (end == NULL)
        return;
    answer->sent_count = end->sent_count;
    answer->trimmed_position = end->trimmed_position;
    answer->more = end->more;
    skald__v1__missing_end__free_unpacked(end, NULL);
    atomic_store(&answer->ended, true);
}

static void ask_missing(repair *answer, skald_nats *nats, const char *service, uint32_t partition,
                        int64_t after, int64_t before)
{
    Skald__V1__MissingRequest request = SKALD__V1__MISSING_REQUEST__INIT;
    skald_nats_question *question = NULL;
    skald_error error;
    uint8_t body[256];
    char subject[128];
    *answer = (repair){.count = 0};
    request.follower = (char *)"test";
    request.partition = partition;
    request.after_position = after;
    request.before_position = before;
    const size_t size = skald__v1__missing_request__pack(&request, body);
    snprintf(subject, sizeof subject, "skald.relay.%s.missing", service);
    assert_ok(skald_nats_ask(&question, nats, subject, (skald_bytes){body, size}, on_answer, answer,
                             &error),
              &error);
    WAIT_UNTIL(atomic_load(&answer->ended));
    skald_nats_question_close(question);
}

static void report_reached(skald_nats *nats, const char *service, const char *follower,
                           int64_t position)
{
    Skald__V1__ReachedReport report = SKALD__V1__REACHED_REPORT__INIT;
    skald_error error;
    uint8_t body[256];
    char subject[128];
    report.service = (char *)"payments";
    report.follower = (char *)(uintptr_t)follower;
    int64_t positions[SKALD_PARTITIONS_DEFAULT];
    for (uint32_t i = 0; i < SKALD_PARTITIONS_DEFAULT; i++)
        positions[i] = position;
    report.positions = positions;
    report.n_positions = SKALD_PARTITIONS_DEFAULT;
    const size_t size = skald__v1__reached_report__pack(&report, body);
    snprintf(subject, sizeof subject, "skald.relay.%s.reached", service);
    assert_ok(
        skald_nats_send(nats, &(skald_nats_view){.subject = subject, .body = {body, size}}, &error),
        &error);
}

static void test_rows_that_a_follower_misses_come_from_the_outbox(void **state)
{
    (void)state;
    const char *database = database_new();
    outbox_add(database, 160);
    test_relay *relay = relay_start("repair", database);
    relay_await(relay->nats, "repair", database);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 160);
    static repair answer;

    /* Row i is in lane i % 16. */
    ask_missing(&answer, relay->nats, "repair", 3, 19, 99);

    assert_int_equal(answer.count, 4);
    assert_int_equal(answer.sent_count, 4);
    assert_false(answer.more);
    assert_int_equal(answer.trimmed_position, 0);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(answer.positions[i], 35 + 16 * i);
        assert_int_equal(answer.previous[i], 19 + 16 * i);
    }
    relay_free(relay);
}

static void test_a_long_answer_is_cut_and_says_so(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "INSERT INTO skald.outbox (event_id, partition, type, key, body)"
                           " SELECT gen_random_uuid(), 5, 'test.v1.Counted', 'k', ''"
                           " FROM generate_series(1, 700)");
    test_relay *relay = relay_start("cut", database);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 700);
    static repair answer;

    ask_missing(&answer, relay->nats, "cut", 5, 0, 701);
    assert_int_equal(answer.count, 500);
    assert_true(answer.more);
    ask_missing(&answer, relay->nats, "cut", 5, answer.positions[499], 701);
    assert_int_equal(answer.count, 200);
    assert_int_equal(answer.positions[199], 700);
    assert_false(answer.more);

    relay_free(relay);
}

static void test_an_answer_of_large_rows_is_cut_by_its_size(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "INSERT INTO skald.outbox (event_id, partition, type, key, body)"
                           " SELECT gen_random_uuid(), 0, 'test.v1.Counted', 'k',"
                           " convert_to(repeat('x', 200000), 'UTF8') FROM generate_series(1, 50)");
    test_relay *relay = relay_start("large", database);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 50);
    static repair answer;

    ask_missing(&answer, relay->nats, "large", 0, 0, 51);

    assert_true(answer.count > 0 && answer.count < 30);
    assert_true(answer.more);
    relay_free(relay);
}

static void test_requests_that_make_no_sense_are_survived(void **state)
{
    (void)state;
    const char *database = database_new();
    outbox_add(database, 16);
    test_relay *relay = relay_start("nonsense", database);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 16);
    static repair answer;
    static char large[4096];
    memset(large, 'x', sizeof large - 1);

    stream_intrude(relay->nats, "skald.relay.nonsense.missing", "no reply, no protobuf");
    stream_intrude(relay->nats, "skald.relay.nonsense.missing", large);
    stream_intrude(relay->nats, "skald.relay.nonsense.reached", "\xff\xff\xff");
    stream_intrude(relay->nats, "skald.relay.nonsense.reached", "");
    report_reached(relay->nats, "nonsense", "", 5);
    report_reached(relay->nats, "nonsense", "negative", -5);

    ask_missing(&answer, relay->nats, "nonsense", 1, 100, 50);
    assert_int_equal(answer.count, 0);
    ask_missing(&answer, relay->nats, "nonsense", 1, -7, INT64_MAX);
    assert_int_equal(answer.count, 1);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.subscriber"), 0);
    relay_free(relay);
}

static void test_what_followers_have_reached_is_stored(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("reached", database);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 0);

    report_reached(relay->nats, "reached", "charging", 7);
    report_reached(relay->nats, "reached", "charging", 9);
    report_reached(relay->nats, "reached", "auditing", 4);
    WAIT_UNTIL(
        database_integer(database, "SELECT count(DISTINCT follower) FROM skald.subscriber") == 2);

    assert_int_equal(database_integer(database, "SELECT max(position) FROM skald.subscriber"
                                                " WHERE service = 'payments'"
                                                " AND follower = 'charging'"),
                     9);
    /* Going back is allowed: it was set back on purpose. */
    report_reached(relay->nats, "reached", "charging", 2);
    WAIT_UNTIL(database_integer(database, "SELECT max(position) FROM skald.subscriber"
                                          " WHERE follower = 'charging'") == 2);
    relay_free(relay);
}

static void test_the_relays_position_can_be_seen_in_the_database(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "INSERT INTO skald.follower VALUES ('@relay', 'seen', 1);"
                           "INSERT INTO skald.position VALUES ('@relay', 0, 0)");
    outbox_add(database, 20);
    test_relay *relay = relay_start("seen", database);

    WAIT_UNTIL(database_integer(database, "SELECT position FROM skald.position") == 20);

    relay_free(relay);
}

/* Gives the outbox ranges of ten positions instead of a million. */
static void small_ranges(const char *database)
{
    database_run(database, "DO $$ DECLARE name text; BEGIN"
                           " FOR name IN SELECT table_name FROM skald.outbox_range LOOP"
                           " EXECUTE format('DROP TABLE skald.%I', name); END LOOP; END $$;"
                           "DELETE FROM skald.outbox_range; SELECT skald.outbox_extend(10, 20)");
}

static void test_ranges_are_dropped_once_old_and_passed_by_every_follower(void **state)
{
    (void)state;
    const char *database = database_new();
    small_ranges(database);
    outbox_add(database, 45);
    database_run(database, "UPDATE skald.outbox SET created_at = now() - interval '8 days'"
                           " WHERE position <= 40;"
                           "INSERT INTO skald.follower VALUES ('local', 'trimmed', 16);"
                           "INSERT INTO skald.position (follower, partition, position)"
                           " SELECT 'local', p, CASE WHEN p = 15 THEN 15 ELSE 40 END"
                           " FROM generate_series(0, 15) AS p;"
                           "INSERT INTO skald.subscriber SELECT 'payments', 'charging', p, 40"
                           " FROM generate_series(0, 15) AS p");

    test_relay *relay = relay_start("trimmed", database);
    /* Lane 15 has passed position 15 but not 31, so the ranges from 21 to 30 may go and no more. */
    WAIT_UNTIL(database_integer(database, "SELECT min(first_position) FROM skald.outbox_range") ==
               31);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM pg_class"
                                          " WHERE relname ~ '^outbox_[0-9]+$' AND relkind = 'r'"
                                          " AND relname < 'outbox_0000000000000000031'") == 0);
    assert_int_equal(database_integer(database, "SELECT min(position) FROM skald.outbox"), 31);

    static repair answer;
    ask_missing(&answer, relay->nats, "trimmed", 15, 0, 40);
    assert_int_equal(answer.trimmed_position, 30);
    assert_int_equal(answer.count, 1);
    assert_int_equal(answer.previous[0], 30);
    relay_free(relay);
}

static void test_a_range_that_another_services_follower_has_not_reached_is_kept(void **state)
{
    (void)state;
    const char *database = database_new();
    small_ranges(database);
    outbox_add(database, 45);
    database_run(database, "UPDATE skald.outbox SET created_at = now() - interval '8 days';"
                           "INSERT INTO skald.subscriber SELECT 'payments', 'charging', p, 15"
                           " FROM generate_series(0, 15) AS p");

    test_relay *relay = relay_start("needed", database);
    WAIT_UNTIL(database_integer(database, "SELECT min(first_position) FROM skald.outbox_range") ==
               11);
    report_reached(relay->nats, "needed", "late", 12);
    WAIT_UNTIL(
        database_integer(database, "SELECT count(DISTINCT follower) FROM skald.subscriber") == 2);

    assert_int_equal(database_integer(database, "SELECT min(position) FROM skald.outbox"), 11);
    relay_free(relay);
}

static void test_a_relay_resumes_when_the_streams_last_event_is_trimmed_from_the_outbox(
    void **state)
{
    (void)state;
    const char *database = database_new();
    small_ranges(database);
    outbox_add(database, 30);
    test_relay *relay = relay_start("past", database);
    relay_await(relay->nats, "past", database);
    relay_free(relay);
    database_run(database, "DO $$ DECLARE name text; BEGIN FOR name IN SELECT table_name"
                           " FROM skald.outbox_range WHERE end_position <= 31 LOOP"
                           " EXECUTE format('DROP TABLE skald.%I', name); END LOOP; END $$;"
                           "DELETE FROM skald.outbox_range WHERE end_position <= 31");

    relay = relay_start("past", database);
    outbox_add(database, 5);
    relay_await(relay->nats, "past", database);

    skald_error error;
    skald_stream_state found;
    assert_ok(skald_stream_look(&found, relay->nats, "past", &error), &error);
    assert_int_equal(found.message_count, 35);
    relay_free(relay);
}

static void test_the_stream_is_trimmed_up_to_what_all_have_reached_but_never_its_last(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found = {0};
    const char *database = database_new();
    outbox_add(database, 40);
    database_run(database, "INSERT INTO skald.subscriber SELECT 'payments', 'charging', p, 25"
                           " FROM generate_series(0, 15) AS p UNION ALL"
                           " SELECT 'shipping', 'packing', p, 30 FROM generate_series(0, 15) AS p");
    test_relay *relay = relay_start_forgetful("shortened", database, 1);

    WAIT_UNTIL(skald_stream_look(&found, relay->nats, "shortened", &error) == SKALD_OK &&
               found.first_sequence == 26);
    relay_free(relay);
    database_run(database, "UPDATE skald.subscriber SET position = 40");
    relay = relay_start_forgetful("shortened", database, 1);
    WAIT_UNTIL(skald_stream_look(&found, relay->nats, "shortened", &error) == SKALD_OK &&
               found.first_sequence == 40);

    assert_int_equal(found.message_count, 1);
    outbox_add(database, 16);
    relay_await(relay->nats, "shortened", database);
    relay_free(relay);
}

static void test_a_stream_without_subscribers_is_not_trimmed(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found;
    const char *database = database_new();
    database_run(database, "INSERT INTO skald.follower VALUES ('@relay', 'kept', 1);"
                           "INSERT INTO skald.position VALUES ('@relay', 0, 0)");
    outbox_add(database, 40);
    test_relay *relay = relay_start_forgetful("kept", database, 1);

    /* A round of housekeeping notes the position first and trims last; the next notes it again. */
    WAIT_UNTIL(database_integer(database, "SELECT position FROM skald.position") == 40);
    outbox_add(database, 1);
    WAIT_UNTIL(database_integer(database, "SELECT position FROM skald.position") == 41);

    assert_ok(skald_stream_look(&found, relay->nats, "kept", &error), &error);
    assert_int_equal(found.message_count, 41);
    relay_free(relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows_that_a_follower_misses_come_from_the_outbox),
        cmocka_unit_test(test_a_long_answer_is_cut_and_says_so),
        cmocka_unit_test(test_an_answer_of_large_rows_is_cut_by_its_size),
        cmocka_unit_test(test_requests_that_make_no_sense_are_survived),
        cmocka_unit_test(test_what_followers_have_reached_is_stored),
        cmocka_unit_test(test_the_relays_position_can_be_seen_in_the_database),
        cmocka_unit_test(test_ranges_are_dropped_once_old_and_passed_by_every_follower),
        cmocka_unit_test(test_a_range_that_another_services_follower_has_not_reached_is_kept),
        cmocka_unit_test(
            test_a_relay_resumes_when_the_streams_last_event_is_trimmed_from_the_outbox),
        cmocka_unit_test(test_the_stream_is_trimmed_up_to_what_all_have_reached_but_never_its_last),
        cmocka_unit_test(test_a_stream_without_subscribers_is_not_trimmed),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
