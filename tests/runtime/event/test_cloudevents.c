/* A message as headers, and back, from friends and from strangers. */
#include "support/random.h"
#include "support/test.h"

#include "event/cloudevents.h"
#include "event/control.h"

enum { HEADERS_MAX = 64 };

/* The headers that were written, kept in the arena. */
typedef struct header_list {
    size_t count;
    skald_header_view headers[HEADERS_MAX];
} header_list;

static skald_arena arena;
static skald_error error;

static int setup(void **state)
{
    (void)state;
    skald_arena_init(&arena, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    skald_arena_done(&arena);
    return 0;
}

static void list_add(header_list *list, const char *name, const char *value)
{
    assert_true(list->count < HEADERS_MAX);
    list->headers[list->count++] =
        (skald_header_view){skald_arena_text(&arena, name), skald_arena_text(&arena, value)};
}

static skald_status list_sink(void *user, const char *name, const char *value)
{
    list_add(user, name, value);
    return SKALD_OK;
}

static header_list written(const skald_message *message)
{
    header_list list = {0};
    assert_int_equal(skald_cloudevents_write(message, &arena, list_sink, &list), SKALD_OK);
    return list;
}

static skald_status read_list(skald_message *message, const header_list *list)
{
    return skald_cloudevents_read(message, list->headers, list->count, &arena, &error);
}

/* All headers as one text, to compare at a glance. */
static const char *transcript(const header_list *list)
{
    const char *text = "";
    for (size_t i = 0; i < list->count; i++)
        text = skald_arena_format(&arena, "%s%s: %s\n", text, list->headers[i].name,
                                  list->headers[i].value);
    return text;
}

static const skald_message complete = {
    .position = 1042,
    .previous = 1040,
    .partition = 7,
    .kind = SKALD_KIND_EVENT,
    .id = "019823ab-0000-7000-8000-000000000001",
    .source = "/orders",
    .type = "shop.v1.OrderCreated",
    .key = "Euro \xE2\x82\xAC",
    .content_type = "application/protobuf",
    .correlation_id = "correlation 1",
    .causation_id = "019823ab-0000-7000-8000-000000000000",
    .traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    .tracestate = "congo=t61rcWkgMzE, rojo=00f067",
    .headers = "tenant: blue \xC3\xA4\nX-Request-ID: 7%\n",
    .time_us = INT64_C(1522900584000001),
};

static void test_every_attribute_has_its_header(void **state)
{
    (void)state;
    const header_list list = written(&complete);
    assert_string_equal(transcript(&list),
                        "ce-specversion: 1.0\n"
                        "ce-id: 019823ab-0000-7000-8000-000000000001\n"
                        "ce-source: /orders\n"
                        "ce-type: shop.v1.OrderCreated\n"
                        "ce-time: 2018-04-05T03:56:24.000001Z\n"
                        "ce-subject: Euro%20%E2%82%AC\n"
                        "ce-correlationid: correlation%201\n"
                        "ce-causationid: 019823ab-0000-7000-8000-000000000000\n"
                        "ce-datacontenttype: application/protobuf\n"
                        "Content-Type: application/protobuf\n"
                        "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\n"
                        "tracestate: congo=t61rcWkgMzE, rojo=00f067\n"
                        "tenant: blue \xC3\xA4\n"
                        "X-Request-ID: 7%\n"
                        "Skald-Pos: 1042\n"
                        "Skald-Prev: 1040\n");
}

static void message_equal(const skald_message *left, const skald_message *right)
{
    assert_int_equal(left->position, right->position);
    assert_int_equal(left->previous, right->previous);
    assert_int_equal(left->time_us, right->time_us);
    const char *const texts[][2] = {
        {left->id, right->id},
        {left->source, right->source},
        {left->type, right->type},
        {left->key, right->key},
        {left->content_type, right->content_type},
        {left->correlation_id, right->correlation_id},
        {left->causation_id, right->causation_id},
        {left->traceparent, right->traceparent},
        {left->tracestate, right->tracestate},
        {left->headers, right->headers},
        {left->addressee, right->addressee},
        {left->control, right->control},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(texts[i][0] == NULL, texts[i][1] == NULL);
        if (texts[i][0] != NULL)
            assert_string_equal(texts[i][0], texts[i][1]);
    }
}

static void test_written_message_is_read_back_the_same(void **state)
{
    (void)state;
    const header_list list = written(&complete);
    skald_message message = {.partition = 3, .kind = SKALD_KIND_EVENT, .body = {"x", 1}};
    assert_ok(read_list(&message, &list), &error);
    message_equal(&message, &complete);
    /* These are not in the headers and stay as they were. */
    assert_int_equal(message.partition, 3);
    assert_int_equal(message.kind, SKALD_KIND_EVENT);
    assert_int_equal(message.body.size, 1);
}

static void test_a_command_is_read_back_with_its_addressee_and_control(void **state)
{
    (void)state;
    skald_message command = complete;
    command.kind = SKALD_KIND_COMMAND;
    command.addressee = "stock";
    command.control = "Skald-Operation: order \xC3\xA4%/hold/undo.1\n"
                      "Skald-Undoes: order \xC3\xA4%/hold/run.1\nSkald-Attempt: 3\n";
    header_list list = written(&command);
    const char *tail = strstr(transcript(&list), "Skald-Kind");
    assert_string_equal(tail, "Skald-Kind: command\nSkald-To: stock\n"
                              "Skald-Operation: order%20%C3%A4%25/hold/undo.1\n"
                              "Skald-Undoes: order%20%C3%A4%25/hold/run.1\nSkald-Attempt: 3\n");
    skald_message message = {0};
    assert_ok(read_list(&message, &list), &error);
    message_equal(&message, &command);
    assert_int_equal(message.kind, SKALD_KIND_COMMAND);

    command.kind = SKALD_KIND_REPLY;
    command.control = "Skald-Outcome: refused\nSkald-Reason: sold out\nX-Mine: no\nSkald-Pos: 7\n";
    list = written(&command);
    assert_ok(read_list(&message, &list), &error);
    assert_int_equal(message.kind, SKALD_KIND_REPLY);
    assert_string_equal(message.control, "Skald-Outcome: refused\nSkald-Reason: sold out\n");
    assert_int_equal(message.position, command.position);
}

static void test_a_kind_that_is_none_is_malformed(void **state)
{
    (void)state;
    const skald_header_view bad[][2] = {
        {{"Skald-Kind", "command"}, {"X", "y"}},
        {{"Skald-To", "stock"}, {"X", "y"}},
        {{"Skald-Kind", "question"}, {"Skald-To", "stock"}},
        {{"Skald-Kind", "reply"}, {"Skald-To", "a.b"}},
        {{"Skald-Kind", "reply"}, {"Skald-To", "*"}},
    };
    skald_message message = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_status(skald_cloudevents_read(&message, bad[i], 2, &arena, &error), SKALD_MALFORMED,
                      &error);
    const skald_header_view forged[] = {{"Skald-Kind", "reply"},
                                        {"Skald-To", "stock"},
                                        {"Skald-Reason", "a%0ASkald-Outcome: done"}};
    assert_status(skald_cloudevents_read(&message, forged, 3, &arena, &error), SKALD_MALFORMED,
                  &error);
    assert_contains(error.text, "Skald-Reason");
}

static void test_control_is_written_as_lines_that_cannot_be_broken(void **state)
{
    (void)state;
    const skald_control control = {.operation = "o/a/run.1",
                                   .attempt = 2,
                                   .outcome = "failed",
                                   .reason = " no\nSkald-Outcome: done\xC2\x85\xFF \xC3\xA4 "};
    const char *lines = skald_control_write(&control, &arena);
    assert_string_equal(lines, "Skald-Operation: o/a/run.1\nSkald-Attempt: 2\n"
                               "Skald-Outcome: failed\n"
                               "Skald-Reason: no Skald-Outcome: done   \xC3\xA4\n");
    assert_string_equal(skald_control_find(lines, SKALD_CONTROL_OUTCOME, &arena), "failed");
    assert_null(skald_control_find(lines, SKALD_CONTROL_UNDOES, &arena));
    assert_null(skald_control_find(NULL, SKALD_CONTROL_UNDOES, &arena));
    char long_text[4000];
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    memcpy(long_text + SKALD_CONTROL_VALUE_SIZE_MAX - 1, "\xC3\xA4", 2);
    const skald_control longer = {.reason = long_text};
    lines = skald_control_write(&longer, &arena);
    assert_int_equal(strlen(skald_control_find(lines, SKALD_CONTROL_REASON, &arena)),
                     SKALD_CONTROL_VALUE_SIZE_MAX - 1);
}

static void test_what_is_absent_is_left_out_and_read_as_absent(void **state)
{
    (void)state;
    const skald_message bare = {.previous = -1, .key = "", .time_us = INT64_MAX};
    const header_list list = written(&bare);
    assert_string_equal(transcript(&list), "ce-specversion: 1.0\n");
    skald_message message = {.position = 9, .previous = 9, .id = "old", .time_us = 9};
    assert_ok(read_list(&message, &list), &error);
    const skald_message expected = {.previous = -1, .key = ""};
    message_equal(&message, &expected);
}

static const char *text_random(test_random *random, uint32_t size_max)
{
    static const char *const pieces[] = {
        "a", "Z",  "9",   " ", "%", "\"", "\\", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
        ":", "\n", "\x7F"};
    char text[256] = "x";
    for (uint32_t left = random_below(random, size_max / 4); left > 0; left--)
        strcat(text, pieces[random_below(random, sizeof pieces / sizeof *pieces)]);
    return skald_arena_text(&arena, text);
}

static void test_random_messages_are_read_back_the_same(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int i = 0; i < 30000; i++) {
        const int64_t position = 1 + (int64_t)(random_next(&random) >> 2);
        const skald_message message = {
            .position = position,
            .previous = (int64_t)(random_next(&random) % (uint64_t)position),
            .id = text_random(&random, 200),
            .source = text_random(&random, 200),
            .type = text_random(&random, 200),
            .key = random_chance(&random, 10) ? "" : text_random(&random, 200),
            .correlation_id = random_chance(&random, 10) ? NULL : text_random(&random, 200),
            .causation_id = random_chance(&random, 10) ? NULL : text_random(&random, 200),
            .time_us = (int64_t)(random_next(&random) >> 14),
        };
        header_list list = written(&message);
        for (size_t h = 0; h < list.count; h++) {
            for (const char *at = list.headers[h].value; *at != '\0'; at++)
                assert_in_range(*at, 0x21, 0x7E);
        }
        skald_message result = {0};
        assert_ok(read_list(&result, &list), &error);
        message_equal(&result, &message);
        skald_arena_reset(&arena);
    }
}

/* Reads "name: value" pairs, up to a NULL. */
static skald_status read_pairs(skald_message *message, const char *const *pairs)
{
    header_list list = {0};
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        list_add(&list, pairs[i], pairs[i + 1]);
    return read_list(message, &list);
}
#define READ(message, ...) read_pairs((message), (const char *const[]){__VA_ARGS__, NULL})

static void test_names_are_read_in_any_case(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_ok(READ(&message, "CE-ID", "1", "Ce-Type", "T", "TraceParent", "00-ab", "SKALD-POS", "5",
                   "content-type", "text/plain"),
              &error);
    assert_string_equal(message.id, "1");
    assert_string_equal(message.type, "T");
    assert_string_equal(message.traceparent, "00-ab");
    assert_string_equal(message.content_type, "text/plain");
    assert_int_equal(message.position, 5);
}

static void test_plain_message_of_a_stranger_is_read(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_ok(READ(&message, "Nats-Msg-Id", "order%1", "X-Tenant", " blue\t", "bad name", "dropped",
                   "Host", "a\x01", "Nats-Stream", "S", "Status", "100"),
              &error);
    assert_string_equal(message.id, "order%1");
    assert_null(message.type);
    assert_string_equal(message.key, "");
    assert_string_equal(message.headers, "X-Tenant: blue\n");
    assert_int_equal(message.position, 0);
    assert_int_equal(message.previous, -1);
}

static void test_partition_key_goes_before_subject_and_ce_id_before_nats_msg_id(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_ok(READ(&message, "ce-subject", "s", "ce-partitionkey", "\"the key\"", "Nats-Msg-Id",
                   "n", "ce-id", "c"),
              &error);
    assert_string_equal(message.key, "the key");
    assert_string_equal(message.id, "c");
    assert_ok(READ(&message, "ce-subject", "s"), &error);
    assert_string_equal(message.key, "s");
    assert_null(message.id);
}

static void test_content_type_goes_before_its_attribute_and_keeps_its_quotes(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_ok(READ(&message, "Content-Type", "text/plain; charset=\"utf-8\"", "ce-datacontenttype",
                   "application/json"),
              &error);
    assert_string_equal(message.content_type, "text/plain; charset=\"utf-8\"");
    assert_ok(READ(&message, "ce-datacontenttype", "application/json"), &error);
    assert_string_equal(message.content_type, "application/json");
}

static void test_broken_trace_is_left_out_and_the_first_of_two_is_kept(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_ok(READ(&message, "traceparent", "00-\xFF", "tracestate", "a\x01"), &error);
    assert_null(message.traceparent);
    assert_null(message.tracestate);
    assert_ok(
        READ(&message, "Traceparent", "first", "traceparent", "second", "ce-traceparent", "third"),
        &error);
    assert_string_equal(message.traceparent, "first");
    assert_ok(READ(&message, "ce-traceparent", "third", "ce-tracestate", "fourth"), &error);
    assert_string_equal(message.traceparent, "third");
    assert_string_equal(message.tracestate, "fourth");
}

static char *repeated(char c, size_t count)
{
    char *text = skald_arena_alloc(&arena, count + 1);
    return memset(text, c, count);
}

static void test_hostile_headers_are_malformed_and_named(void **state)
{
    (void)state;
    const struct {
        const char *name;
        const char *value;
    } cases[] = {
        {"ce-id", "%C0%A0"},
        {"ce-id", "%zz"},
        {"ce-id", "a%00b"},
        {"ce-id", "\"open"},
        {"ce-id", ""},
        {"ce-id", "  "},
        {"ce-id", repeated('i', SKALD_ID_SIZE_MAX + 1)},
        {"ce-type", "\"\""},
        {"ce-type", repeated('t', SKALD_TYPE_SIZE_MAX + 1)},
        {"ce-source", "\xFF"},
        {"ce-subject", repeated('k', SKALD_KEY_SIZE_MAX + 1)},
        {"ce-partitionkey", "%"},
        {"ce-correlationid", repeated('c', SKALD_ID_SIZE_MAX + 1)},
        {"ce-causationid", "\xED\xA0\x80"},
        {"ce-specversion", "0.3"},
        {"ce-time", "yesterday"},
        {"Content-Type", "application/cloudevents+json"},
        {"Content-Type", " Application/CloudEvents"},
        {"Nats-Msg-Id", "\xFF"},
        {"Nats-Msg-Id", repeated('n', SKALD_ID_SIZE_MAX + 1)},
        {"Skald-Pos", "0"},
        {"Skald-Pos", "-1"},
        {"Skald-Pos", "+1"},
        {"Skald-Pos", "1x"},
        {"Skald-Pos", ""},
        {"Skald-Pos", "9223372036854775808"},
        {"Skald-Pos", "99999999999999999999999999"},
        {"Skald-Prev", "-1"},
        {"Skald-Prev", "%31"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        skald_message message = complete;
        assert_status(READ(&message, cases[i].name, cases[i].value), SKALD_MALFORMED, &error);
        assert_contains(error.text, cases[i].name);
        message_equal(&message, &complete);
    }
}

static void test_largest_position_is_read(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_ok(READ(&message, "Skald-Pos", "9223372036854775807", "Skald-Prev", "0"), &error);
    assert_int_equal(message.position, INT64_MAX);
    assert_int_equal(message.previous, 0);
}

static void test_previous_must_lie_before_the_position(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_status(READ(&message, "Skald-Pos", "7", "Skald-Prev", "7"), SKALD_MALFORMED, &error);
    assert_contains(error.text, "Skald-Prev");
}

static void test_duplicates_of_single_headers_are_malformed(void **state)
{
    (void)state;
    const char *const names[] = {"ce-id", "ce-type", "Skald-Pos", "Skald-Prev", "Content-Type"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        skald_message message = {0};
        assert_status(READ(&message, names[i], "1", names[i], "1"), SKALD_MALFORMED, &error);
        assert_contains(error.text, names[i]);
    }
}

static void test_too_many_bytes_of_own_headers_are_malformed(void **state)
{
    (void)state;
    skald_message message = {0};
    assert_ok(READ(&message, "a", repeated('v', SKALD_HEADERS_SIZE_MAX - 4)), &error);
    assert_int_equal(strlen(message.headers), SKALD_HEADERS_SIZE_MAX);
    assert_status(READ(&message, "a", repeated('v', SKALD_HEADERS_SIZE_MAX - 3)), SKALD_MALFORMED,
                  &error);
}

static void test_headers_written_by_hand_cannot_forge_others(void **state)
{
    (void)state;
    const skald_message message = {
        .previous = -1,
        .traceparent = "00\r\nSkald-Pos: 1",
        .headers = "Skald-Pos: 1\nNats-Rollup: all\na: b\rc\nb c: d\nfine: yes\n",
    };
    const header_list list = written(&message);
    assert_string_equal(transcript(&list), "ce-specversion: 1.0\n"
                                           "ce-time: 1970-01-01T00:00:00.000000Z\n"
                                           "fine: yes\n");
}

static skald_status failing_sink(void *user, const char *name, const char *value)
{
    (void)name;
    (void)value;
    int *left = user;
    return (*left)-- > 0 ? SKALD_OK : SKALD_FULL;
}

static void test_first_failure_of_the_sink_ends_the_writing(void **state)
{
    (void)state;
    const header_list list = written(&complete);
    for (int allowed = 0; allowed < (int)list.count; allowed++) {
        int left = allowed;
        assert_int_equal(skald_cloudevents_write(&complete, &arena, failing_sink, &left),
                         SKALD_FULL);
        assert_int_equal(left, -1);
    }
}

static skald_status deaf_sink(void *user, const char *name, const char *value)
{
    (void)user;
    assert_non_null(name);
    assert_non_null(value);
    return SKALD_OK;
}

static void test_no_memory_is_said_at_every_allocation(void **state)
{
    (void)state;
    const header_list list = written(&complete);
    for (size_t size = 1; size < 100; size += 16) {
        skald_arena tiny;
        skald_arena_init(&tiny, size);
        assert_int_equal(skald_cloudevents_write(&complete, &tiny, deaf_sink, NULL),
                         SKALD_NO_MEMORY);
        skald_arena_done(&tiny);
    }
    skald_status status = SKALD_NO_MEMORY;
    int sizes = 0;
    for (size_t size = 1; status == SKALD_NO_MEMORY; size += 16, sizes++) {
        skald_arena tiny;
        skald_message message = {0};
        skald_arena_init(&tiny, size);
        status = skald_cloudevents_read(&message, list.headers, list.count, &tiny, &error);
        if (status != SKALD_OK)
            assert_null(message.id);
        skald_arena_done(&tiny);
    }
    assert_int_equal(status, SKALD_OK);
    assert_true(sizes > 10);
}

static void test_random_headers_are_read_or_refused_and_nothing_else(void **state)
{
    (void)state;
    static const char *const names[] = {"ce-id",     "ce-type",     "ce-time",      "ce-subject",
                                        "Skald-Pos", "Skald-Prev",  "traceparent",  "x",
                                        "ce-source", "Nats-Msg-Id", "Content-Type", "y y"};
    test_random random = random_begin();
    int read_count = 0;
    for (int i = 0; i < 200000; i++) {
        header_list list = {0};
        for (uint32_t h = random_below(&random, 5); h > 0; h--) {
            char value[32];
            const uint32_t size = random_below(&random, 12);
            for (uint32_t b = 0; b < size; b++)
                value[b] = random_chance(&random, 70) ? (char)('0' + random_below(&random, 10))
                                                      : (char)(1 + random_below(&random, 255));
            value[size] = '\0';
            list_add(&list, names[random_below(&random, sizeof names / sizeof *names)], value);
        }
        skald_message message = {0};
        const skald_status status = read_list(&message, &list);
        assert_true(status == SKALD_OK || status == SKALD_MALFORMED);
        read_count += status == SKALD_OK ? 1 : 0;
        skald_arena_reset(&arena);
    }
    assert_in_range(read_count, 1000, 199000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_attribute_has_its_header),
        cmocka_unit_test(test_written_message_is_read_back_the_same),
        cmocka_unit_test(test_what_is_absent_is_left_out_and_read_as_absent),
        cmocka_unit_test(test_random_messages_are_read_back_the_same),
        cmocka_unit_test(test_names_are_read_in_any_case),
        cmocka_unit_test(test_plain_message_of_a_stranger_is_read),
        cmocka_unit_test(test_partition_key_goes_before_subject_and_ce_id_before_nats_msg_id),
        cmocka_unit_test(test_content_type_goes_before_its_attribute_and_keeps_its_quotes),
        cmocka_unit_test(test_broken_trace_is_left_out_and_the_first_of_two_is_kept),
        cmocka_unit_test(test_hostile_headers_are_malformed_and_named),
        cmocka_unit_test(test_largest_position_is_read),
        cmocka_unit_test(test_previous_must_lie_before_the_position),
        cmocka_unit_test(test_duplicates_of_single_headers_are_malformed),
        cmocka_unit_test(test_a_command_is_read_back_with_its_addressee_and_control),
        cmocka_unit_test(test_a_kind_that_is_none_is_malformed),
        cmocka_unit_test(test_control_is_written_as_lines_that_cannot_be_broken),
        cmocka_unit_test(test_too_many_bytes_of_own_headers_are_malformed),
        cmocka_unit_test(test_headers_written_by_hand_cannot_forge_others),
        cmocka_unit_test(test_first_failure_of_the_sink_ends_the_writing),
        cmocka_unit_test(test_no_memory_is_said_at_every_allocation),
        cmocka_unit_test(test_random_headers_are_read_or_refused_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
