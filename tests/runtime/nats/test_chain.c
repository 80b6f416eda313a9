/* The chained publisher: what the stream holds is always a prefix of what was published. */
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "nats/chain.h"

enum { COUNT = 2000 };

static skald_message message_at(int64_t position)
{
    return (skald_message){
        .position = position,
        .previous = position - 1,
        .kind = SKALD_KIND_EVENT,
        .id = "01910000-0000-7000-8000-000000000000",
        .source = "/chain",
        .type = "test.v1.Counted",
        .key = "k",
        .content_type = "application/protobuf",
        .body = {"body", 4},
    };
}

static skald_nats *given_stream(const char *stream)
{
    skald_nats *nats = stream_connect();
    skald_error error;
    assert_ok(skald_stream_ensure(nats, stream, 1, 0, &error), &error);
    return nats;
}

static skald_chain *given_chain(skald_nats *nats, const char *stream, uint64_t sequence,
                                int64_t position)
{
    skald_chain *chain = NULL;
    skald_error error;
    assert_ok(skald_chain_open(&chain, nats, stream, sequence, position, &error), &error);
    return chain;
}

/* Publishes positions first..last until the chain breaks; the status that ended it. */
static skald_status publish(skald_chain *chain, int64_t first, int64_t last, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (int64_t position = first; status == SKALD_OK && position <= last; position++) {
        const skald_message message = message_at(position);
        do
            status = skald_chain_publish(chain, &message, 100, error);
        while (status == SKALD_FULL);
    }
    skald_chain_flush(chain);
    return status;
}

/* The stream holds first..last at these positions' own sequences, plus `shift`. */
static void expect_dense(skald_nats *nats, const char *stream, int64_t last, uint64_t shift)
{
    skald_error error;
    skald_stream_state state;
    assert_ok(skald_stream_look(&state, nats, stream, &error), &error);
    assert_int_equal(state.last_sequence, (uint64_t)last + shift);
    skald_arena arena = {0};
    for (int64_t position = 1; position <= last; position++) {
        skald_stream_message message;
        skald_arena_reset(&arena);
        assert_ok(
            skald_stream_load(&message, nats, stream, (uint64_t)position + shift, &arena, &error),
            &error);
        assert_int_equal(skald_nats_position(&message.view), position);
    }
    skald_arena_done(&arena);
}

static void test_a_chain_stores_everything_in_order_and_confirms_it(void **state)
{
    (void)state;
    skald_error error = {0};
    int64_t position = 0;
    skald_nats *nats = given_stream("whole");
    skald_chain *chain = given_chain(nats, "whole", 0, 0);

    assert_ok(publish(chain, 1, COUNT, &error), &error);
    assert_ok(skald_chain_settle(chain, WAIT_MS, &error), &error);

    assert_int_equal(skald_chain_confirmed(chain, &position), COUNT);
    assert_int_equal(position, COUNT);
    expect_dense(nats, "whole", COUNT, 0);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

static void test_a_message_of_somebody_else_breaks_the_chain_and_leaves_a_prefix(void **state)
{
    (void)state;
    skald_error error = {0};
    int64_t position = 0;
    skald_nats *nats = given_stream("broken");
    skald_chain *chain = given_chain(nats, "broken", 0, 0);
    assert_ok(publish(chain, 1, 100, &error), &error);
    assert_ok(skald_chain_settle(chain, WAIT_MS, &error), &error);

    stream_intrude(nats, "broken.event.00.test.v1.Counted", "not ours");
    (void)publish(chain, 101, 200, &error);

    assert_status(skald_chain_settle(chain, WAIT_MS, &error), SKALD_FENCED, &error);
    assert_contains(error.text, "wrong last sequence");
    assert_int_equal(skald_chain_confirmed(chain, &position), 100);
    assert_int_equal(position, 100);
    skald_stream_state found;
    assert_ok(skald_stream_look(&found, nats, "broken", &error), &error);
    assert_int_equal(found.last_sequence, 101);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

static void test_a_chain_that_begins_in_the_wrong_place_stores_nothing(void **state)
{
    (void)state;
    skald_error error = {0};
    skald_nats *nats = given_stream("misplaced");
    skald_chain *chain = given_chain(nats, "misplaced", 7, 7);

    (void)publish(chain, 8, 50, &error);

    assert_status(skald_chain_settle(chain, WAIT_MS, &error), SKALD_FENCED, &error);
    expect_dense(nats, "misplaced", 0, 0);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

static void test_an_empty_expectation_is_sent_too(void **state)
{
    (void)state;
    skald_error error = {0};
    skald_nats *nats = given_stream("occupied");
    stream_intrude(nats, "occupied.event.00.x", "first");
    skald_stream_state found = {0};
    WAIT_UNTIL(skald_stream_look(&found, nats, "occupied", &error) == SKALD_OK &&
               found.last_sequence == 1);
    skald_chain *chain = given_chain(nats, "occupied", 0, 0);

    (void)publish(chain, 1, 1, &error);

    assert_status(skald_chain_settle(chain, WAIT_MS, &error), SKALD_FENCED, &error);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

/* Resumes from the stream's tail whenever it is refused, as the relay does, until all is stored. */
static uint64_t race_step(skald_nats *nats, const char *stream, skald_chain **chain, int64_t end)
{
    skald_error error = {0};
    const int64_t last = stream_last_position(nats, stream);
    if (*chain == NULL)
        *chain = given_chain(nats, stream, (uint64_t)last, last);
    int64_t begin = 0;
    (void)skald_chain_confirmed(*chain, &begin);
    (void)publish(*chain, begin + 1, begin + 20 < end ? begin + 20 : end, &error);
    if (skald_chain_settle(*chain, WAIT_MS, &error) == SKALD_OK)
        return 0;
    assert_int_equal(error.status, SKALD_FENCED);
    skald_chain_close(*chain);
    *chain = NULL;
    return 1;
}

static void test_two_chains_at_once_leave_one_dense_ordered_stream(void **state)
{
    (void)state;
    skald_nats *left = given_stream("raced");
    skald_nats *right = stream_connect();
    skald_chain *left_chain = NULL;
    skald_chain *right_chain = NULL;
    uint64_t refused = 0;

    while (stream_last_position(left, "raced") < 400) {
        refused += race_step(left, "raced", &left_chain, 400);
        refused += race_step(right, "raced", &right_chain, 400);
    }

    assert_true(refused > 0);
    expect_dense(left, "raced", 400, 0);
    skald_chain_close(left_chain);
    skald_chain_close(right_chain);
    skald_nats_close(right);
    skald_nats_close(left);
}

static void test_a_lost_connection_breaks_the_chain(void **state)
{
    (void)state;
    skald_error error = {0};
    skald_nats *nats = given_stream("cut");
    skald_chain *chain = given_chain(nats, "cut", 0, 0);
    assert_ok(publish(chain, 1, 10, &error), &error);
    assert_ok(skald_chain_settle(chain, WAIT_MS, &error), &error);
    const uint64_t epoch = skald_nats_epoch(nats);

    servers_kill(SKALD_SERVER_NATS);
    WAIT_UNTIL(skald_chain_state(chain, &error) != SKALD_OK);
    assert_int_equal(error.status, SKALD_UNAVAILABLE);
    assert_int_equal(publish(chain, 11, 11, &error), SKALD_UNAVAILABLE);

    /* It stays broken when the server is back, and a new one goes on. */
    servers_start(SKALD_SERVER_NATS);
    WAIT_UNTIL(skald_nats_connected(nats) && skald_nats_epoch(nats) > epoch);
    assert_status(skald_chain_state(chain, &error), SKALD_UNAVAILABLE, &error);
    skald_chain_close(chain);
    WAIT_UNTIL(stream_last_position(nats, "cut") == 10);
    chain = given_chain(nats, "cut", 10, 10);
    assert_ok(publish(chain, 11, 20, &error), &error);
    assert_ok(skald_chain_settle(chain, WAIT_MS, &error), &error);
    expect_dense(nats, "cut", 20, 0);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

static void test_confirmations_that_do_not_come_break_the_chain(void **state)
{
    (void)state;
    skald_error error = {0};
    skald_nats *nats = given_stream("mute");
    skald_chain *chain = given_chain(nats, "mute", 0, 0);

    stream_server_pause();
    (void)publish(chain, 1, 10, &error);
    const skald_status status = skald_chain_settle(chain, WAIT_MS, &error);
    stream_server_resume();

    assert_true(status == SKALD_TIMEOUT || status == SKALD_UNAVAILABLE);
    assert_true(skald_chain_state(chain, &error) != SKALD_OK);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

static void test_a_stream_that_is_not_there_is_said(void **state)
{
    (void)state;
    skald_error error = {0};
    skald_nats *nats = stream_connect();
    skald_chain *chain = given_chain(nats, "nowhere", 0, 0);

    (void)publish(chain, 1, 1, &error);

    assert_status(skald_chain_settle(chain, WAIT_MS, &error), SKALD_NOT_FOUND, &error);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

static void test_a_full_stream_is_said_in_jetstreams_words(void **state)
{
    (void)state;
    skald_error error = {0};
    skald_nats *nats = stream_connect();
    assert_ok(skald_stream_ensure(nats, "small", 1, 64 * 1024, &error), &error);
    skald_chain *chain = given_chain(nats, "small", 0, 0);

    (void)publish(chain, 1, COUNT, &error);

    assert_status(skald_chain_settle(chain, WAIT_MS, &error), SKALD_BROKER, &error);
    assert_contains(error.text, "maximum bytes exceeded");
    int64_t position = 0;
    (void)skald_chain_confirmed(chain, &position);
    expect_dense(nats, "small", position, 0);
    skald_chain_close(chain);
    skald_nats_close(nats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain_stores_everything_in_order_and_confirms_it),
        cmocka_unit_test(test_a_message_of_somebody_else_breaks_the_chain_and_leaves_a_prefix),
        cmocka_unit_test(test_a_chain_that_begins_in_the_wrong_place_stores_nothing),
        cmocka_unit_test(test_an_empty_expectation_is_sent_too),
        cmocka_unit_test(test_two_chains_at_once_leave_one_dense_ordered_stream),
        cmocka_unit_test(test_a_lost_connection_breaks_the_chain),
        cmocka_unit_test(test_confirmations_that_do_not_come_break_the_chain),
        cmocka_unit_test(test_a_stream_that_is_not_there_is_said),
        cmocka_unit_test(test_a_full_stream_is_said_in_jetstreams_words),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
