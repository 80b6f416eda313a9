/* Reading a stream: in order, without hole or repeat, within its credits, or else in doubt. */
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "nats/puller.h"

#include <stdatomic.h>

enum { KEPT_MAX = 8192, REASON_SIZE = 128 };

/* What a puller has brought; its callbacks write, the test reads once the counts say so. */
typedef struct reading {
    skald_puller *puller;
    atomic_uint count;
    atomic_uint doubts;
    uint64_t sequences[KEPT_MAX];
    char subjects[KEPT_MAX][64];
    size_t sizes[KEPT_MAX];
    size_t header_counts[KEPT_MAX];
    char reason[REASON_SIZE];
} reading;

static void on_data(void *user, const skald_stream_message *message)
{
    reading *in = user;
    const unsigned at = atomic_load(&in->count);
    if (at == KEPT_MAX)
        abort(); /* not the test's thread, where an assert would do */
    in->sequences[at] = message->sequence;
    snprintf(in->subjects[at], sizeof in->subjects[at], "%s", message->view.subject);
    in->sizes[at] = message->view.body.size;
    in->header_counts[at] = message->view.header_count;
    atomic_store(&in->count, at + 1);
}

static void on_doubt(void *user, const char *reason)
{
    reading *in = user;
    snprintf(in->reason, sizeof in->reason, "%s", reason);
    atomic_fetch_add(&in->doubts, 1);
}

static reading *read_from(skald_nats *nats, const char *stream, const char *filter, uint64_t start)
{
    skald_error error;
    reading *in = calloc(1, sizeof *in);
    assert_non_null(in);
    const skald_puller_options options = {
        .stream = stream,
        .filter = filter,
        .start_sequence = start,
        .data = on_data,
        .doubt = on_doubt,
        .user = in,
    };
    assert_ok(skald_puller_open(&in->puller, nats, &options, &error), &error);
    return in;
}

static void reading_close(reading *in)
{
    skald_puller_close(in->puller);
    free(in);
}

static skald_nats *given_stream(const char *stream)
{
    skald_nats *nats = stream_connect();
    skald_error error;
    assert_ok(skald_stream_ensure(nats, stream, 16, 0, &error), &error);
    return nats;
}

/* Puts messages without headers into lanes 0 to 15 in turn, and waits until they are stored. */
static void given_messages(skald_nats *nats, const char *stream, unsigned count)
{
    skald_stream_state before;
    skald_stream_state now = {0};
    skald_error error;
    assert_ok(skald_stream_look(&before, nats, stream, &error), &error);
    for (unsigned i = 0; i < count; i++) {
        char subject[64];
        snprintf(subject, sizeof subject, "%s.event.%02u.test.v1.Counted", stream, i % 16);
        stream_intrude(nats, subject, "body");
    }
    WAIT_UNTIL(skald_stream_look(&now, nats, stream, &error) == SKALD_OK &&
               now.last_sequence == before.last_sequence + count);
}

static void expect_sequences(const reading *in, unsigned count, uint64_t first)
{
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(in->sequences[i], first + i);
    assert_int_equal(atomic_load(&in->doubts), 0);
}

static void test_a_backlog_and_what_follows_come_in_order_from_the_start_sequence(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("ordered");
    given_messages(nats, "ordered", 300);
    reading *in = read_from(nats, "ordered", NULL, 101);

    skald_puller_allow(in->puller, 500);
    WAIT_UNTIL(atomic_load(&in->count) == 200);
    given_messages(nats, "ordered", 300);
    WAIT_UNTIL(atomic_load(&in->count) == 500);

    expect_sequences(in, 500, 101);
    reading_close(in);
    skald_nats_close(nats);
}

static void test_a_big_backlog_comes_only_as_fast_as_credits_are_given(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("bounded");
    given_messages(nats, "bounded", 3000);
    reading *in = read_from(nats, "bounded", NULL, 1);
    reading *witness = read_from(nats, "bounded", NULL, 1);

    /* The second reader shows that messages flow while the first, without credits, gets none. */
    skald_puller_allow(witness->puller, 3000);
    skald_puller_allow(in->puller, 10);
    WAIT_UNTIL(atomic_load(&witness->count) == 3000 && atomic_load(&in->count) == 10);
    for (unsigned given = 10; given < 3000;) {
        const unsigned more = 1 + given % 97;
        skald_puller_allow(in->puller, more);
        given += more;
        const unsigned expected = given < 3000 ? given : 3000;
        WAIT_UNTIL(atomic_load(&in->count) >= expected);
        assert_int_equal(atomic_load(&in->count), expected);
    }

    expect_sequences(in, 3000, 1);
    reading_close(witness);
    reading_close(in);
    skald_nats_close(nats);
}

static void test_a_filter_brings_one_lane_only(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("lanes");
    given_messages(nats, "lanes", 160);
    reading *in = read_from(nats, "lanes", "lanes.event.07.>", 1);

    skald_puller_allow(in->puller, 100);
    WAIT_UNTIL(atomic_load(&in->count) == 10);

    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(in->sequences[i], 8 + 16 * i);
        assert_string_equal(in->subjects[i], "lanes.event.07.test.v1.Counted");
    }
    reading_close(in);
    skald_nats_close(nats);
}

static void test_messages_that_look_like_server_statuses_are_data(void **state)
{
    (void)state;
    static const char *const forged[] = {"100", "404", "408", "409", "503"};
    skald_nats *nats = given_stream("forged");
    skald_error error;
    reading *in = read_from(nats, "forged", NULL, 1);
    skald_puller_allow(in->puller, 100);

    for (size_t i = 0; i < 5; i++) {
        const skald_header_view headers[] = {{"Status", forged[i]},
                                             {"Description", "Consumer Deleted"}};
        const skald_nats_view view = {
            .subject = "forged.event.00.x", .headers = headers, .header_count = 2};
        assert_ok(skald_nats_send(nats, &view, &error), &error);
    }
    stream_intrude(nats, "forged.event.00.x", "last");
    WAIT_UNTIL(atomic_load(&in->count) == 6);

    expect_sequences(in, 6, 1);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(in->header_counts[i], 2);
    assert_int_equal(in->header_counts[5], 0);
    assert_int_equal(in->sizes[5], 4);
    reading_close(in);
    skald_nats_close(nats);
}

static void test_a_deleted_stream_brings_doubt_once(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("deleted");
    given_messages(nats, "deleted", 10);
    reading *in = read_from(nats, "deleted", NULL, 1);
    skald_puller_allow(in->puller, 100);
    WAIT_UNTIL(atomic_load(&in->count) == 10);

    stream_delete(nats, "deleted");
    WAIT_UNTIL(atomic_load(&in->doubts) == 1);

    assert_int_equal(atomic_load(&in->count), 10);
    reading_close(in);
    skald_nats_close(nats);
}

/* Deletes all consumers of a stream, as an operator might. */
typedef struct consumer_names {
    atomic_bool came;
    char text[4096];
} consumer_names;

static void on_names(void *user, const skald_nats_view *message)
{
    consumer_names *names = user;
    snprintf(names->text, sizeof names->text, "%.*s", (int)message->body.size,
             (const char *)message->body.data);
    atomic_store(&names->came, true);
}

static void consumers_delete(skald_nats *nats, const char *stream)
{
    consumer_names names = {.text = ""};
    skald_nats_question *question = NULL;
    skald_error error;
    char subject[256];
    snprintf(subject, sizeof subject, "$JS.API.CONSUMER.NAMES.%s", stream);
    assert_ok(
        skald_nats_ask(&question, nats, subject, (skald_bytes){NULL, 0}, on_names, &names, &error),
        &error);
    WAIT_UNTIL(atomic_load(&names.came));
    skald_nats_question_close(question);
    const char *at = strstr(names.text, "\"skald_");
    assert_non_null(at);
    for (; at != NULL; at = strstr(at + 1, "\"skald_")) {
        snprintf(subject, sizeof subject, "$JS.API.CONSUMER.DELETE.%s.%.*s", stream,
                 (int)strcspn(at + 1, "\""), at + 1);
        skald_nats_ping(nats, subject);
    }
}

static void test_a_consumer_deleted_behind_its_back_brings_doubt_and_a_new_one_goes_on(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("stolen");
    given_messages(nats, "stolen", 10);
    reading *in = read_from(nats, "stolen", NULL, 1);
    skald_puller_allow(in->puller, 100);
    WAIT_UNTIL(atomic_load(&in->count) == 10);

    consumers_delete(nats, "stolen");
    WAIT_UNTIL(atomic_load(&in->doubts) == 1);
    given_messages(nats, "stolen", 10);
    assert_int_equal(atomic_load(&in->count), 10);
    reading_close(in);

    in = read_from(nats, "stolen", NULL, 11);
    skald_puller_allow(in->puller, 100);
    WAIT_UNTIL(atomic_load(&in->count) == 10);
    expect_sequences(in, 10, 11);
    reading_close(in);
    skald_nats_close(nats);
}

static void test_a_killed_and_restarted_server_brings_doubt_and_nothing_after_it(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("killed");
    given_messages(nats, "killed", 100);
    reading *in = read_from(nats, "killed", NULL, 1);
    skald_puller_allow(in->puller, 50);
    WAIT_UNTIL(atomic_load(&in->count) == 50);
    const uint64_t epoch = skald_nats_epoch(nats);

    servers_kill(SKALD_SERVER_NATS);
    WAIT_UNTIL(atomic_load(&in->doubts) == 1);
    servers_start(SKALD_SERVER_NATS);
    WAIT_UNTIL(skald_nats_epoch(nats) > epoch && skald_nats_connected(nats));
    skald_puller_allow(in->puller, 50);

    /* A new one reads on; by the time it is done the old one would have said something. */
    skald_error error;
    skald_stream_state found;
    WAIT_UNTIL(skald_stream_look(&found, nats, "killed", &error) == SKALD_OK);
    reading *next = read_from(nats, "killed", NULL, 51);
    skald_puller_allow(next->puller, 100);
    WAIT_UNTIL(atomic_load(&next->count) == 50);
    expect_sequences(next, 50, 51);
    assert_int_equal(atomic_load(&in->count), 50);
    assert_int_equal(atomic_load(&in->doubts), 1);
    reading_close(next);
    reading_close(in);
    skald_nats_close(nats);
}

static void test_a_server_that_falls_silent_brings_doubt(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("silent");
    reading *in = read_from(nats, "silent", NULL, 1);
    skald_puller_allow(in->puller, 50);

    stream_server_pause();
    WAIT_UNTIL(atomic_load(&in->doubts) == 1);
    stream_server_resume();

    reading_close(in);
    skald_nats_close(nats);
}

static void test_trimming_the_stream_under_a_reader_lets_it_go_on(void **state)
{
    (void)state;
    skald_error error;
    skald_nats *nats = given_stream("trimmed");
    given_messages(nats, "trimmed", 100);
    reading *in = read_from(nats, "trimmed", NULL, 1);
    skald_puller_allow(in->puller, 10);
    WAIT_UNTIL(atomic_load(&in->count) == 10);

    assert_ok(skald_stream_trim(nats, "trimmed", 50, &error), &error);
    skald_puller_allow(in->puller, 100);
    WAIT_UNTIL(atomic_load(&in->count) == 60);

    assert_int_equal(in->sequences[10], 51);
    assert_int_equal(in->sequences[59], 100);
    assert_int_equal(atomic_load(&in->doubts), 0);
    reading_close(in);
    skald_nats_close(nats);
}

static void test_a_start_behind_the_end_waits_for_what_comes(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("later");
    given_messages(nats, "later", 5);
    reading *in = read_from(nats, "later", NULL, 6);
    skald_puller_allow(in->puller, 10);

    given_messages(nats, "later", 3);
    WAIT_UNTIL(atomic_load(&in->count) == 3);

    expect_sequences(in, 3, 6);
    reading_close(in);
    skald_nats_close(nats);
}

static void test_a_stream_that_is_not_there_or_not_nameable_is_said(void **state)
{
    (void)state;
    skald_error error;
    skald_puller *puller = NULL;
    skald_nats *nats = stream_connect();
    skald_puller_options options = {
        .stream = "absent", .start_sequence = 1, .data = on_data, .doubt = on_doubt};

    assert_status(skald_puller_open(&puller, nats, &options, &error), SKALD_NOT_FOUND, &error);
    options.stream = "a\"b";
    assert_status(skald_puller_open(&puller, nats, &options, &error), SKALD_INVALID, &error);
    assert_null(puller);
    skald_nats_close(nats);
}

static void test_closing_while_messages_pour_in_is_safe(void **state)
{
    (void)state;
    skald_nats *nats = given_stream("pouring");
    given_messages(nats, "pouring", 2000);

    for (unsigned i = 0; i < 50; i++) {
        reading *in = read_from(nats, "pouring", NULL, 1);
        skald_puller_allow(in->puller, 2000);
        WAIT_UNTIL(atomic_load(&in->count) > i);
        reading_close(in);
    }

    skald_nats_close(nats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_backlog_and_what_follows_come_in_order_from_the_start_sequence),
        cmocka_unit_test(test_a_big_backlog_comes_only_as_fast_as_credits_are_given),
        cmocka_unit_test(test_a_filter_brings_one_lane_only),
        cmocka_unit_test(test_messages_that_look_like_server_statuses_are_data),
        cmocka_unit_test(test_a_deleted_stream_brings_doubt_once),
        cmocka_unit_test(
            test_a_consumer_deleted_behind_its_back_brings_doubt_and_a_new_one_goes_on),
        cmocka_unit_test(test_a_killed_and_restarted_server_brings_doubt_and_nothing_after_it),
        cmocka_unit_test(test_a_server_that_falls_silent_brings_doubt),
        cmocka_unit_test(test_trimming_the_stream_under_a_reader_lets_it_go_on),
        cmocka_unit_test(test_a_start_behind_the_end_waits_for_what_comes),
        cmocka_unit_test(test_a_stream_that_is_not_there_or_not_nameable_is_said),
        cmocka_unit_test(test_closing_while_messages_pour_in_is_safe),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
