/* The relay in calm weather: the stream is the outbox's mirror, and where the two disagree it says
 * so. */
#include "support/database.h"
#include "support/relay.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

static void test_rows_are_mirrored_in_order_with_the_position_before_them_in_their_lane(
    void **state)
{
    (void)state;
    const char *database = database_new();
    outbox_add(database, 500);
    test_relay *relay = relay_start("mirror", database);

    for (unsigned i = 0; i < 5; i++) {
        outbox_add(database, 100 + i);
        skald_bell_ring(&relay->bell);
    }
    relay_await(relay->nats, "mirror", database);

    stream_expect_outbox(relay->nats, "mirror", database);
    WAIT_UNTIL(atomic_load(&relay->relayed) == 1010);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 1010);
    relay_free(relay);
}

static void test_rows_come_without_any_bell(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("deaf", database);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 0);

    outbox_add(database, 3);
    relay_await(relay->nats, "deaf", database);

    stream_expect_outbox(relay->nats, "deaf", database);
    relay_free(relay);
}

static void test_the_bell_can_be_rung_from_another_process(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("rung", database);
    skald_nats *other = stream_connect();
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 0);
    uint64_t heard = 0;
    skald_bell_wait(&relay->bell, &heard, 0);

    skald_nats_ping(other, "skald.bell.rung");

    WAIT_UNTIL(skald_bell_wait(&relay->bell, &heard, 0));
    skald_nats_close(other);
    relay_free(relay);
}

static void test_positions_that_were_rolled_back_are_passed(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("gaps", database);

    outbox_add(database, 10);
    database_run(database, "SELECT nextval('skald.outbox_position_seq'),"
                           " nextval('skald.outbox_position_seq')");
    outbox_add(database, 10);
    relay_await(relay->nats, "gaps", database);

    stream_expect_outbox(relay->nats, "gaps", database);
    relay_free(relay);
}

static void test_standing_by_publishes_nothing_and_leading_again_goes_on(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("shifts", database);
    outbox_add(database, 20);
    relay_await(relay->nats, "shifts", database);

    skald_relay_lead(relay->relay, false);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == -1);
    outbox_add(database, 20);
    skald_bell_ring(&relay->bell);
    test_relay *other = relay_start("shifts", database);
    relay_await(other->nats, "shifts", database);
    WAIT_UNTIL(atomic_load(&other->relayed) == 20);
    assert_int_equal(atomic_load(&relay->relayed), 20);

    relay_free(other);
    skald_relay_lead(relay->relay, true);
    outbox_add(database, 20);
    relay_await(relay->nats, "shifts", database);
    stream_expect_outbox(relay->nats, "shifts", database);
    relay_free(relay);
}

static void test_messages_of_somebody_else_are_passed_over(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("visited", database);
    outbox_add(database, 20);
    relay_await(relay->nats, "visited", database);

    for (unsigned i = 0; i < 3; i++)
        stream_intrude(relay->nats, "visited.event.03.x", "not ours");
    outbox_add(database, 20);
    relay_await(relay->nats, "visited", database);

    skald_stream_state found;
    skald_error error;
    assert_ok(skald_stream_look(&found, relay->nats, "visited", &error), &error);
    assert_int_equal(found.message_count, 43);
    relay_free(relay);
}

/* Puts the database back to `position`, as a restored backup would. */
static void history_lose(const char *database, int position)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "DELETE FROM skald.outbox WHERE position > %d;"
             "SELECT setval('skald.outbox_position_seq', %d)",
             position, position);
    database_run(database, sql);
}

/* A relay that leads says `id` and publishes nothing, before and after new rows. */
static void expect_refusal(const char *service, const char *database, const char *id)
{
    skald_error error;
    skald_stream_state before;
    skald_stream_state after;
    skald_nats *nats = stream_connect();
    const unsigned said = stream_log_count(id);
    assert_ok(skald_stream_look(&before, nats, service, &error), &error);
    outbox_add(database, 5);

    test_relay *relay = relay_start(service, database);
    WAIT_UNTIL(stream_log_count(id) > said);

    assert_int_equal(skald_relay_confirmed(relay->relay), -1);
    relay_free(relay);
    assert_ok(skald_stream_look(&after, nats, service, &error), &error);
    assert_int_equal(after.last_sequence, before.last_sequence);
    skald_nats_close(nats);
}

static void test_a_database_without_the_streams_last_event_is_history_lost(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("restored", database);
    outbox_add(database, 50);
    relay_await(relay->nats, "restored", database);
    relay_free(relay);

    history_lose(database, 30);

    expect_refusal("restored", database, "RELAY-HISTORY-LOST");
}

static void test_a_database_with_another_event_at_that_position_is_history_lost(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("rewritten", database);
    outbox_add(database, 50);
    relay_await(relay->nats, "rewritten", database);
    relay_free(relay);

    history_lose(database, 30);
    outbox_add(database, 40);

    expect_refusal("rewritten", database, "RELAY-HISTORY-LOST");
}

static void test_history_that_comes_back_is_relayed(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("healed", database);
    outbox_add(database, 50);
    relay_await(relay->nats, "healed", database);
    relay_free(relay);
    database_run(database, "CREATE TABLE saved AS SELECT * FROM skald.outbox WHERE position > 30");
    history_lose(database, 30);
    expect_refusal("healed", database, "RELAY-HISTORY-LOST");
    history_lose(database, 30);

    relay = relay_start("healed", database);
    database_run(database, "INSERT INTO skald.outbox OVERRIDING SYSTEM VALUE SELECT * FROM saved;"
                           "SELECT setval('skald.outbox_position_seq', 50)");
    outbox_add(database, 10);
    relay_await(relay->nats, "healed", database);

    stream_expect_outbox(relay->nats, "healed", database);
    relay_free(relay);
}

static void test_a_stream_made_by_somebody_else_is_not_written_to(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_nats *nats = stream_connect();
    stream_make(nats, "taken",
                "{\"name\":\"taken\",\"subjects\":[\"taken.event.>\"],"
                "\"storage\":\"memory\",\"retention\":\"limits\"}");

    expect_refusal("taken", database, "RELAY-UNSAFE");

    skald_nats_close(nats);
}

static void rows_add(const char *database, unsigned lane, unsigned count, unsigned size)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.outbox (event_id, partition, type, key, body)"
             " SELECT gen_random_uuid(), %u, 'test.v1.Counted', 'k',"
             " convert_to(repeat('x', %u), 'UTF8') FROM generate_series(1, %u)",
             lane, size, count);
    database_run(database, sql);
}

/* What the last message of a lane says is before it. */
static int64_t previous_of_last(test_relay *relay, const char *service, unsigned lane)
{
    char subject[64];
    skald_error error;
    skald_arena arena = {0};
    skald_stream_message stored;
    skald_message message;
    snprintf(subject, sizeof subject, "%s.event.%02u.>", service, lane);
    assert_ok(skald_stream_last(&stored, relay->nats, service, subject, &arena, &error), &error);
    assert_ok(skald_stream_decode(&message, &stored, service, &arena, &error), &error);
    skald_arena_done(&arena);
    return message.previous;
}

static void test_a_resumed_relay_knows_lanes_that_were_silent_for_long(void **state)
{
    (void)state;
    const char *database = database_new();
    rows_add(database, 9, 1, 1);
    rows_add(database, 0, 20500, 1);
    test_relay *relay = relay_start("silent", database);
    WAIT_UNTIL(skald_relay_confirmed(relay->relay) == 20501);
    relay_free(relay);

    relay = relay_start("silent", database);
    for (unsigned lane = 0; lane < 16; lane++)
        rows_add(database, lane, 1, 1);
    relay_await(relay->nats, "silent", database);

    for (unsigned lane = 0; lane < 16; lane++)
        assert_int_equal(previous_of_last(relay, "silent", lane), lane == 0   ? 20501
                                                                  : lane == 9 ? 1
                                                                              : 0);
    relay_free(relay);
}

/* Removes the file that holds the stream's second block, behind the stopped server's back. */
static void block_lose(const char *stream)
{
    char command[2048];
    snprintf(command, sizeof command,
             "find '%s' -path '*/streams/%s/msgs/2.blk' -print -delete | grep -q blk",
             skald_servers_directory(servers()), stream);
    assert_int_equal(system(command), 0);
}

static void test_a_block_lost_inside_the_stream_is_not_covered_up(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found = {0};
    const char *database = database_new();
    test_relay *relay = relay_start("holed", database);
    /* Blocks take 8 MiB; lane 7 has rows only where the second will be. */
    rows_add(database, 0, 50, 200000);
    rows_add(database, 7, 5, 200000);
    rows_add(database, 0, 50, 200000);
    relay_await(relay->nats, "holed", database);

    servers_stop(SKALD_SERVER_NATS);
    block_lose("holed");
    servers_start(SKALD_SERVER_NATS);
    rows_add(database, 7, 1, 1);
    relay_await(relay->nats, "holed", database);

    assert_ok(skald_stream_look(&found, relay->nats, "holed", &error), &error);
    assert_true(found.message_count < found.last_sequence);
    assert_int_equal(previous_of_last(relay, "holed", 7), 55);
    relay_free(relay);
}

static void test_a_row_that_fits_no_subject_stops_the_relay_in_front_of_it(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("stuck", database);
    outbox_add(database, 10);
    database_run(database, "INSERT INTO skald.outbox (event_id, partition, type, key, body)"
                           " VALUES (gen_random_uuid(), 0, 'no subject', 'k', '')");
    outbox_add(database, 10);
    skald_bell_ring(&relay->bell);

    WAIT_UNTIL(stream_last_position(relay->nats, "stuck") == 10);
    database_run(database, "UPDATE skald.outbox SET type = 'mended' WHERE position = 11");
    relay_await(relay->nats, "stuck", database);

    stream_expect_outbox(relay->nats, "stuck", database);
    relay_free(relay);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_rows_are_mirrored_in_order_with_the_position_before_them_in_their_lane),
        cmocka_unit_test(test_rows_come_without_any_bell),
        cmocka_unit_test(test_the_bell_can_be_rung_from_another_process),
        cmocka_unit_test(test_positions_that_were_rolled_back_are_passed),
        cmocka_unit_test(test_standing_by_publishes_nothing_and_leading_again_goes_on),
        cmocka_unit_test(test_messages_of_somebody_else_are_passed_over),
        cmocka_unit_test(test_a_database_without_the_streams_last_event_is_history_lost),
        cmocka_unit_test(test_a_database_with_another_event_at_that_position_is_history_lost),
        cmocka_unit_test(test_history_that_comes_back_is_relayed),
        cmocka_unit_test(test_a_stream_made_by_somebody_else_is_not_written_to),
        cmocka_unit_test(test_a_resumed_relay_knows_lanes_that_were_silent_for_long),
        cmocka_unit_test(test_a_block_lost_inside_the_stream_is_not_covered_up),
        cmocka_unit_test(test_a_row_that_fits_no_subject_stops_the_relay_in_front_of_it),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
