/* Streams: made and checked, searched over holes, trimmed. */
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/clock.h"

#include <inttypes.h>

enum { MESSAGES = 120 };

/* One setting that differs from Skald's own, as JSON that wins over the same setting before it. */
static const struct {
    const char *setting; /* how Skald's sentence names it */
    const char *json;
} spoiled[] = {
    {"storage", "\"storage\":\"memory\""},
    {"retention", "\"retention\":\"interest\""},
    {"discard", "\"discard\":\"old\""},
    {"max_age", "\"max_age\":3600000000000"},
    {"max_msgs", "\"max_msgs\":1000"},
    {"max_msgs_per_subject", "\"max_msgs_per_subject\":7,\"discard\":\"new\""},
    {"allow_rollup_hdrs", "\"allow_rollup_hdrs\":true"},
    {"deny_delete", "\"deny_delete\":false"},
    {"duplicate_window", "\"duplicate_window\":120000000000"},
    {"no_ack", "\"no_ack\":true"},
    {"subjects", "\"subjects\":[\"elsewhere.>\"]"},
    {"description", "\"description\":\"mine\""},
};

static void test_a_stream_is_made_once_and_then_found_as_it_was_made(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found;
    skald_nats *nats = stream_connect();

    assert_ok(skald_stream_ensure(nats, "made", 16, 0, &error), &error);
    assert_ok(skald_stream_ensure(nats, "made", 16, 0, &error), &error);
    assert_ok(skald_stream_look(&found, nats, "made", &error), &error);

    assert_int_equal(found.partitions, 16);
    assert_true(found.written_by_skald);
    assert_int_equal(found.first_sequence, 1);
    assert_int_equal(found.last_sequence, 0);
    assert_int_equal(found.message_count, 0);
    assert_true(found.created_ns > 0);
    assert_status(skald_stream_ensure(nats, "made", 8, 0, &error), SKALD_UNSAFE, &error);
    skald_nats_close(nats);
}

static void test_every_setting_that_breaks_a_promise_is_refused_by_name(void **state)
{
    (void)state;
    skald_nats *nats = stream_connect();
    for (size_t i = 0; i < sizeof spoiled / sizeof spoiled[0]; i++) {
        char name[64];
        char config[1024];
        skald_error error;
        snprintf(name, sizeof name, "spoiled%zu", i);
        snprintf(config, sizeof config,
                 "{\"name\":\"%s\",\"subjects\":[\"%s.event.>\"],\"storage\":\"file\","
                 "\"retention\":\"limits\",\"discard\":\"new\",\"deny_delete\":true,"
                 "\"duplicate_window\":100000000,\"description\":\"Skald %s partitions=16\",%s}",
                 name, name, name, spoiled[i].json);
        stream_make(nats, name, config);

        assert_status(skald_stream_ensure(nats, name, 16, 0, &error), SKALD_UNSAFE, &error);

        assert_contains(error.text, name);
        assert_contains(error.text, spoiled[i].setting);
        stream_delete(nats, name);
    }
    skald_nats_close(nats);
}

/* As they were made before there were commands. */
static void test_a_stream_of_events_only_is_widened_and_keeps_what_it_has(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found = {0};
    skald_nats *nats = stream_connect();
    stream_make(nats, "narrow",
                "{\"name\":\"narrow\",\"subjects\":[\"narrow.event.>\"],\"storage\":\"file\","
                "\"retention\":\"limits\",\"discard\":\"new\",\"deny_delete\":true,"
                "\"allow_direct\":true,\"duplicate_window\":100000000,\"max_bytes\":1000000,"
                "\"description\":\"Skald narrow partitions=16\"}");
    stream_intrude(nats, "narrow.event.00.T", "first");

    assert_ok(skald_stream_ensure(nats, "narrow", 16, 0, &error), &error);
    assert_ok(skald_stream_ensure(nats, "narrow", 16, 0, &error), &error);
    stream_intrude(nats, "narrow.command.stock.00.T", "second");
    stream_intrude(nats, "narrow.reply.stock.00.T", "third");

    WAIT_UNTIL(skald_stream_look(&found, nats, "narrow", NULL) == SKALD_OK &&
               found.last_sequence == 3);
    assert_int_equal(found.message_count, 3);
    assert_int_equal(found.partitions, 16);
    skald_nats_close(nats);
}

static void test_what_is_not_there_is_said(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found;
    skald_stream_message message;
    skald_arena arena = {0};
    uint64_t sequence = 0;
    skald_nats *nats = stream_connect();

    assert_status(skald_stream_look(&found, nats, "none", &error), SKALD_NOT_FOUND, &error);
    assert_status(skald_stream_load(&message, nats, "none", 1, &arena, &error), SKALD_NOT_FOUND,
                  &error);
    assert_status(skald_stream_next(&message, nats, "none", 1, &arena, &error), SKALD_NOT_FOUND,
                  &error);
    assert_status(skald_stream_find_position(&sequence, nats, "none", 1, &error), SKALD_NOT_FOUND,
                  &error);
    assert_status(skald_stream_trim(nats, "none", 1, &error), SKALD_NOT_FOUND, &error);
    assert_ok(skald_stream_ensure(nats, "empty", 16, 0, &error), &error);
    assert_status(skald_stream_load(&message, nats, "empty", 1, &arena, &error), SKALD_NOT_FOUND,
                  &error);
    assert_status(skald_stream_next(&message, nats, "empty", 1, &arena, &error), SKALD_NOT_FOUND,
                  &error);
    assert_status(skald_stream_last(&message, nats, "empty", "empty.event.>", &arena, &error),
                  SKALD_NOT_FOUND, &error);
    assert_ok(skald_stream_find_position(&sequence, nats, "empty", 1, &error), &error);
    assert_int_equal(sequence, 1);

    skald_arena_done(&arena);
    skald_nats_close(nats);
}

/* One message; `position` 0 leaves the header out. */
static void put(skald_nats *nats, const char *stream, unsigned lane, int64_t position)
{
    char subject[64];
    char value[24];
    skald_error error;
    snprintf(subject, sizeof subject, "%s.event.%02u.test.v1.Counted", stream, lane);
    snprintf(value, sizeof value, "%" PRId64, position);
    const skald_header_view header = {"Skald-Pos", value};
    const skald_nats_view view = {
        .subject = subject,
        .headers = &header,
        .header_count = position == 0 ? 0 : 1,
        .body = {"body", 4},
    };
    assert_ok(skald_nats_send(nats, &view, &error), &error);
}

/* A stream with positions that jump, foreign messages among them and holes; positions[s] is that of
 * sequence s, 0 where there is none, -1 for a hole. */
static void given_holes(skald_nats *nats, const char *stream, const char *direct, unsigned seed,
                        int64_t positions[MESSAGES + 2])
{
    char config[512];
    skald_stream_state found = {0};
    snprintf(config, sizeof config,
             "{\"name\":\"%s\",\"subjects\":[\"%s.event.>\"],\"storage\":\"file\","
             "\"retention\":\"limits\",\"allow_direct\":%s}",
             stream, stream, direct);
    stream_make(nats, stream, config);
    int64_t position = 0;
    for (unsigned sequence = 1; sequence <= MESSAGES; sequence++) {
        position += 1 + rand_r(&seed) % 5;
        positions[sequence] = rand_r(&seed) % 6 == 0 ? 0 : position;
        put(nats, stream, sequence % 16, positions[sequence]);
    }
    WAIT_UNTIL(skald_stream_look(&found, nats, stream, NULL) == SKALD_OK &&
               found.last_sequence == MESSAGES);
    for (unsigned sequence = 1; sequence <= MESSAGES; sequence++) {
        if (rand_r(&seed) % 3 != 0)
            continue;
        stream_message_delete(nats, stream, sequence);
        positions[sequence] = -1;
    }
}

static uint64_t first_above(const int64_t positions[MESSAGES + 2], int64_t position)
{
    for (uint64_t sequence = 1; sequence <= MESSAGES; sequence++) {
        if (positions[sequence] > position)
            return sequence;
    }
    return MESSAGES + 1;
}

static void expect_positions_found(const char *stream, const char *direct)
{
    const unsigned seed = (unsigned)skald_clock_wall_us();
    print_message("           seed %u\n", seed);
    int64_t positions[MESSAGES + 2] = {0};
    skald_error error;
    skald_nats *nats = stream_connect();
    given_holes(nats, stream, direct, seed, positions);
    skald_stream_state found;
    assert_ok(skald_stream_look(&found, nats, stream, &error), &error);
    for (int64_t position = 0; position <= 5 * MESSAGES; position += 3) {
        uint64_t sequence = 0;
        assert_ok(skald_stream_find_position(&sequence, nats, stream, position, &error), &error);
        const uint64_t expected = first_above(positions, position);
        assert_int_equal(sequence,
                         expected > found.last_sequence ? found.last_sequence + 1 : expected);
    }
    skald_nats_close(nats);
}

static void test_a_position_is_found_over_holes_and_foreign_messages(void **state)
{
    (void)state;
    expect_positions_found("sieve", "true");
}

static void test_a_position_is_found_without_direct_access(void **state)
{
    (void)state;
    expect_positions_found("plain", "false");
}

static void test_a_time_is_found(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found = {0};
    skald_stream_message message;
    skald_arena arena = {0};
    uint64_t sequence = 0;
    skald_nats *nats = stream_connect();
    assert_ok(skald_stream_ensure(nats, "timed", 16, 0, &error), &error);
    for (int i = 1; i <= 40; i++)
        put(nats, "timed", 1, i);
    WAIT_UNTIL(skald_stream_look(&found, nats, "timed", &error) == SKALD_OK &&
               found.last_sequence == 40);

    for (uint64_t wanted = 1; wanted <= 40; wanted++) {
        assert_ok(skald_stream_load(&message, nats, "timed", wanted, &arena, &error), &error);
        assert_ok(skald_stream_find_time(&sequence, nats, "timed", message.time_ns / 1000, &error),
                  &error);
        /* Several may share a microsecond; then it is the first of them. */
        skald_stream_message first;
        assert_ok(skald_stream_load(&first, nats, "timed", sequence, &arena, &error), &error);
        assert_true(sequence <= wanted);
        assert_int_equal(first.time_ns / 1000, message.time_ns / 1000);
    }
    assert_ok(skald_stream_find_time(&sequence, nats, "timed", 0, &error), &error);
    assert_int_equal(sequence, 1);
    assert_ok(skald_stream_find_time(&sequence, nats, "timed", INT64_MAX, &error), &error);
    assert_int_equal(sequence, 41);
    skald_arena_done(&arena);
    skald_nats_close(nats);
}

static void test_the_last_message_of_a_lane_is_found_by_wildcard(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_message message;
    skald_stream_state found = {0};
    skald_arena arena = {0};
    skald_nats *nats = stream_connect();
    assert_ok(skald_stream_ensure(nats, "lanes", 16, 0, &error), &error);
    for (int i = 1; i <= 40; i++)
        put(nats, "lanes", (unsigned)i % 16, i);
    WAIT_UNTIL(skald_stream_look(&found, nats, "lanes", &error) == SKALD_OK &&
               found.last_sequence == 40);

    assert_ok(skald_stream_last(&message, nats, "lanes", "lanes.event.07.>", &arena, &error),
              &error);

    assert_int_equal(message.sequence, 39);
    assert_int_equal(skald_nats_position(&message.view), 39);
    assert_string_equal(message.view.subject, "lanes.event.07.test.v1.Counted");
    skald_arena_done(&arena);
    skald_nats_close(nats);
}

static void test_trimming_removes_the_front_and_nothing_else(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found = {0};
    skald_nats *nats = stream_connect();
    assert_ok(skald_stream_ensure(nats, "front", 16, 0, &error), &error);
    for (int i = 1; i <= 40; i++)
        put(nats, "front", 1, i);
    WAIT_UNTIL(skald_stream_look(&found, nats, "front", &error) == SKALD_OK &&
               found.last_sequence == 40);

    assert_ok(skald_stream_trim(nats, "front", 25, &error), &error);
    assert_ok(skald_stream_trim(nats, "front", 10, &error), &error);

    assert_ok(skald_stream_look(&found, nats, "front", &error), &error);
    assert_int_equal(found.first_sequence, 26);
    assert_int_equal(found.message_count, 15);
    assert_ok(skald_stream_trim(nats, "front", 40, &error), &error);
    assert_ok(skald_stream_look(&found, nats, "front", &error), &error);
    assert_int_equal(found.message_count, 0);
    assert_int_equal(found.first_sequence, 41);
    assert_int_equal(found.last_sequence, 40);
    skald_nats_close(nats);
}

static void test_a_subject_of_another_service_is_not_decoded(void **state)
{
    (void)state;
    skald_error error;
    skald_message out;
    skald_arena arena = {0};
    const skald_stream_message message = {.view = {.subject = "others.event.01.x"}};

    assert_status(skald_stream_decode(&out, &message, "mine", &arena, &error), SKALD_MALFORMED,
                  &error);

    assert_contains(error.text, "others.event.01.x");
    skald_arena_done(&arena);
}

static void test_positions_in_headers_are_read_with_care(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        int64_t position;
    } values[] = {{"1", 1},
                  {"9223372036854775807", INT64_MAX},
                  {"9223372036854775808", 0},
                  {"99999999999999999999999", 0},
                  {"", 0},
                  {"-1", 0},
                  {" 1", 0},
                  {"1x", 0},
                  {"0", 0}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        const skald_header_view headers[] = {{"other", "7"}, {"skald-pos", values[i].value}};
        const skald_nats_view view = {.headers = headers, .header_count = 2};
        assert_int_equal(skald_nats_position(&view), values[i].position);
    }
    assert_int_equal(skald_nats_position(&(skald_nats_view){0}), 0);
}

static void test_a_stream_is_out_of_reach_while_disconnected(void **state)
{
    (void)state;
    skald_error error;
    skald_stream_state found;
    skald_stream_message message;
    skald_arena arena = {0};
    uint64_t sequence = 0;
    skald_nats *nats = stream_connect();
    servers_kill(SKALD_SERVER_NATS);
    WAIT_UNTIL(!skald_nats_connected(nats));

    assert_status(skald_stream_ensure(nats, "x", 1, 0, &error), SKALD_UNAVAILABLE, &error);
    assert_status(skald_stream_look(&found, nats, "x", &error), SKALD_UNAVAILABLE, &error);
    assert_status(skald_stream_load(&message, nats, "x", 1, &arena, &error), SKALD_UNAVAILABLE,
                  &error);
    assert_status(skald_stream_next(&message, nats, "x", 1, &arena, &error), SKALD_UNAVAILABLE,
                  &error);
    assert_status(skald_stream_last(&message, nats, "x", ">", &arena, &error), SKALD_UNAVAILABLE,
                  &error);
    assert_status(skald_stream_find_time(&sequence, nats, "x", 1, &error), SKALD_UNAVAILABLE,
                  &error);
    assert_status(skald_stream_trim(nats, "x", 1, &error), SKALD_UNAVAILABLE, &error);

    servers_start(SKALD_SERVER_NATS);
    skald_arena_done(&arena);
    skald_nats_close(nats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stream_is_made_once_and_then_found_as_it_was_made),
        cmocka_unit_test(test_every_setting_that_breaks_a_promise_is_refused_by_name),
        cmocka_unit_test(test_a_stream_of_events_only_is_widened_and_keeps_what_it_has),
        cmocka_unit_test(test_what_is_not_there_is_said),
        cmocka_unit_test(test_a_position_is_found_over_holes_and_foreign_messages),
        cmocka_unit_test(test_a_position_is_found_without_direct_access),
        cmocka_unit_test(test_a_time_is_found),
        cmocka_unit_test(test_the_last_message_of_a_lane_is_found_by_wildcard),
        cmocka_unit_test(test_trimming_removes_the_front_and_nothing_else),
        cmocka_unit_test(test_a_subject_of_another_service_is_not_decoded),
        cmocka_unit_test(test_positions_in_headers_are_read_with_care),
        cmocka_unit_test(test_a_stream_is_out_of_reach_while_disconnected),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
