/* From a user's event to the message that is stored: what is inherited, made, checked. */
#include "support/test.h"

#include "base/uuid.h"
#include "outbox/compose.h"
#include "test/v1/events.pb-c.h"

#include <skald/partition.h>

static skald_arena arena;
static skald_error error;

static int setup(void **state)
{
    (void)state;
    skald_arena_init(&arena, 0);
    error = (skald_error){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    skald_arena_done(&arena);
    return 0;
}

static const ProtobufCMessage *counted(void)
{
    static char key[] = "body-key";
    static Test__V1__Counted event;
    event = (Test__V1__Counted)TEST__V1__COUNTED__INIT;
    event.key = key;
    event.number = 7;
    return &event.base;
}

static const skald_message parent = {
    .position = 40,
    .id = "0190163d-8694-739b-aea5-966c26f8ad91",
    .key = "order-1",
    .type = "test.v1.Other",
    .correlation_id = "conversation",
    .causation_id = "grandparent",
    .traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    .tracestate = "vendor=1",
    .headers = "tenant: red\n",
};

static skald_status compose(skald_message *out, const skald_publish_options *options,
                            const skald_message *in_hand)
{
    return skald_compose(out, counted(), options, in_hand, 16, &arena, &error);
}

static skald_publish_options keyed(const char *key)
{
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.key = key;
    return options;
}

static void test_everything_is_inherited_from_the_message_in_hand(void **state)
{
    (void)state;
    skald_message message;
    assert_ok(compose(&message, NULL, &parent), &error);
    assert_string_equal(message.key, "order-1");
    assert_string_equal(message.correlation_id, "conversation");
    assert_string_equal(message.causation_id, parent.id);
    assert_string_equal(message.traceparent, parent.traceparent);
    assert_string_equal(message.tracestate, "vendor=1");
    assert_string_equal(message.headers, "tenant: red\n");
    assert_string_equal(message.type, "test.v1.Counted");
    assert_int_equal(message.kind, SKALD_KIND_EVENT);
    assert_int_equal(message.previous, -1);
    assert_int_equal(message.partition, skald_partition_of("order-1", 7, 16));
    assert_string_not_equal(message.id, parent.id);
    unsigned char bytes[16];
    assert_true(skald_uuid_parse(message.id, bytes));
    assert_int_equal(bytes[6] >> 4, 7);
}

static void test_options_win_over_what_would_be_inherited(void **state)
{
    (void)state;
    const skald_header headers[] = {{"tenant", "blue"}, {"region", "eu"}};
    const skald_publish_options options = {.size = sizeof options,
                                           .key = "order-2",
                                           .id = "0190163D-8694-739B-AEA5-000000000000",
                                           .correlation_id = "co",
                                           .causation_id = "ca",
                                           .traceparent = "tp",
                                           .tracestate = "ts",
                                           .headers = headers,
                                           .header_count = 2};
    skald_message message;
    assert_ok(compose(&message, &options, &parent), &error);
    assert_string_equal(message.key, "order-2");
    assert_string_equal(message.id, "0190163d-8694-739b-aea5-000000000000");
    assert_string_equal(message.correlation_id, "co");
    assert_string_equal(message.causation_id, "ca");
    assert_string_equal(message.traceparent, "tp");
    assert_string_equal(message.tracestate, "ts");
    assert_string_equal(message.headers, "tenant: blue\nregion: eu\n");
    assert_int_equal(message.partition, skald_partition_of("order-2", 7, 16));
}

static void test_the_first_event_of_a_conversation_gives_it_its_id(void **state)
{
    (void)state;
    const skald_publish_options options = keyed("k");
    skald_message message;
    assert_ok(compose(&message, &options, NULL), &error);
    assert_string_equal(message.correlation_id, message.id);
    assert_null(message.causation_id);
    assert_null(message.traceparent);
    assert_null(message.headers);
}

/* A message of somebody who does not know conversations begins one. */
static void test_a_parent_without_correlation_is_the_beginning_of_the_conversation(void **state)
{
    (void)state;
    const skald_message plain = {.id = "outside-17", .key = "k"};
    skald_message message;
    assert_ok(compose(&message, NULL, &plain), &error);
    assert_string_equal(message.correlation_id, "outside-17");
    assert_string_equal(message.causation_id, "outside-17");
}

static void test_every_event_has_an_id_of_its_own_and_they_increase(void **state)
{
    (void)state;
    char last[37] = "";
    for (int i = 0; i < 1000; i++) {
        skald_message message;
        assert_ok(compose(&message, NULL, &parent), &error);
        assert_true(strcmp(message.id, last) > 0);
        memcpy(last, message.id, sizeof last);
    }
}

static void test_without_a_key_nothing_is_published(void **state)
{
    (void)state;
    skald_message message = {.position = 99};
    assert_status(compose(&message, NULL, NULL), SKALD_INVALID, &error);
    assert_contains(error.text, "test.v1.Counted");
    assert_contains(error.text, "key");
    assert_int_equal(message.position, 99);
}

static void test_the_empty_key_is_a_key(void **state)
{
    (void)state;
    const skald_publish_options options = keyed("");
    skald_message message;
    assert_ok(compose(&message, &options, &parent), &error);
    assert_string_equal(message.key, "");
}

static void test_options_of_another_size_are_refused(void **state)
{
    (void)state;
    skald_publish_options options = keyed("k");
    options.size = 0;
    skald_message message;
    assert_status(compose(&message, &options, NULL), SKALD_INVALID, &error);
    options.size = sizeof options + 8;
    assert_status(compose(&message, &options, NULL), SKALD_INVALID, &error);
    assert_contains(error.text, "SKALD_PUBLISH_OPTIONS_INIT");
}

static void test_headers_that_are_counted_must_be_there_and_allowed(void **state)
{
    (void)state;
    skald_publish_options options = keyed("k");
    options.header_count = 1;
    skald_message message;
    assert_status(compose(&message, &options, NULL), SKALD_INVALID, &error);
    const skald_header forbidden = {"Nats-Rollup", "all"};
    options.headers = &forbidden;
    assert_status(compose(&message, &options, NULL), SKALD_INVALID, &error);
    assert_contains(error.text, "header 1");
}

static void test_an_id_that_is_no_uuid_is_refused(void **state)
{
    (void)state;
    skald_publish_options options = keyed("k");
    skald_message message;
    options.id = "17";
    assert_status(compose(&message, &options, NULL), SKALD_INVALID, &error);
    options.id = "0190163d-8694-739b-aea5-966c26f8ad9g";
    assert_status(compose(&message, &options, NULL), SKALD_INVALID, &error);
    assert_contains(error.text, "UUID");
}

/* Each text field at its limit is taken, one byte more is SKALD_FULL, and broken UTF-8, which
 * PostgreSQL would refuse for ever, is SKALD_INVALID. */
static void field_check(const char **field, skald_publish_options *options, size_t size_max)
{
    static char text[1024];
    skald_message message;
    memset(text, 'x', size_max + 1);
    text[size_max + 1] = '\0';
    *field = text;
    assert_status(compose(&message, options, NULL), SKALD_FULL, &error);
    text[size_max] = '\0';
    assert_ok(compose(&message, options, NULL), &error);
    text[0] = (char)0xFF;
    assert_status(compose(&message, options, NULL), SKALD_INVALID, &error);
    assert_contains(error.text, "UTF-8");
    *field = NULL;
}

static void test_every_text_has_a_limit_and_must_be_utf8(void **state)
{
    (void)state;
    skald_publish_options options = keyed("k");
    field_check(&options.correlation_id, &options, SKALD_ID_SIZE_MAX);
    field_check(&options.causation_id, &options, SKALD_ID_SIZE_MAX);
    field_check(&options.traceparent, &options, SKALD_ID_SIZE_MAX);
    field_check(&options.tracestate, &options, 512);
    field_check(&options.key, &options, SKALD_KEY_SIZE_MAX);
}

static void test_a_body_has_a_limit(void **state)
{
    (void)state;
    char *note = malloc(SKALD_BODY_SIZE_MAX + 1);
    assert_non_null(note);
    memset(note, 'x', SKALD_BODY_SIZE_MAX);
    note[SKALD_BODY_SIZE_MAX] = '\0';
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    event.note = note;
    const skald_publish_options options = keyed("k");
    skald_message message;
    assert_status(skald_compose(&message, &event.base, &options, NULL, 16, &arena, &error),
                  SKALD_FULL, &error);
    /* Tag and length take four bytes. */
    note[SKALD_BODY_SIZE_MAX - 4] = '\0';
    assert_ok(skald_compose(&message, &event.base, &options, NULL, 16, &arena, &error), &error);
    assert_int_equal(message.body.size, SKALD_BODY_SIZE_MAX);
    note[0] = (char)0xFF;
    assert_status(skald_compose(&message, &event.base, &options, NULL, 16, &arena, &error),
                  SKALD_INVALID, &error);
    free(note);
}

static void test_without_memory_the_answer_says_so(void **state)
{
    (void)state;
    const skald_publish_options options = keyed("k");
    for (size_t size = 1; size < 64; size++) {
        skald_arena small;
        skald_arena_init(&small, size);
        skald_message message = {.position = 99};
        const skald_status status =
            skald_compose(&message, counted(), &options, &parent, 16, &small, &error);
        if (status != SKALD_OK) {
            assert_int_equal(status, SKALD_NO_MEMORY);
            assert_int_equal(message.position, 99);
        }
        skald_arena_done(&small);
    }
}

#define compose_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        compose_test(test_everything_is_inherited_from_the_message_in_hand),
        compose_test(test_options_win_over_what_would_be_inherited),
        compose_test(test_the_first_event_of_a_conversation_gives_it_its_id),
        compose_test(test_a_parent_without_correlation_is_the_beginning_of_the_conversation),
        compose_test(test_every_event_has_an_id_of_its_own_and_they_increase),
        compose_test(test_without_a_key_nothing_is_published),
        compose_test(test_the_empty_key_is_a_key),
        compose_test(test_options_of_another_size_are_refused),
        compose_test(test_headers_that_are_counted_must_be_there_and_allowed),
        compose_test(test_an_id_that_is_no_uuid_is_refused),
        compose_test(test_every_text_has_a_limit_and_must_be_utf8),
        compose_test(test_a_body_has_a_limit),
        compose_test(test_without_memory_the_answer_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
