/* Whatever user code puts into a message: it is packed so that others can decode it, or refused. */
#include "everything.h"
#include "handmade.h"

#include "codec/decode.h"
#include "codec/encode.h"

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

static skald_status encode(const Test__V1__Everything *message)
{
    skald_bytes out = {NULL, 77};
    const skald_status status = skald_encode(&out, &message->base, &arena, &error);
    /* Left alone on failure. */
    assert_int_equal(out.data == NULL, status != SKALD_OK);
    assert_int_equal(out.size == 77 && out.data == NULL, status != SKALD_OK);
    return status;
}

static void invalid_expect(const Test__V1__Everything *message, const char *text)
{
    assert_status(encode(message), SKALD_INVALID, &error);
    assert_string_equal(error.text, text);
}

static void test_random_messages_are_packed_as_by_protobuf_c_and_decode(void **state)
{
    (void)state;
    static unsigned char expected[SKALD_BODY_SIZE_MAX];
    test_random random = random_begin();
    for (int i = 0; i < 20000; i++) {
        const Test__V1__Everything *message = everything_random(&random, &arena, 3);
        skald_bytes body = {0};
        const ProtobufCMessage *decoded = NULL;
        assert_ok(skald_encode(&body, &message->base, &arena, &error), &error);
        assert_int_equal(protobuf_c_message_pack(&message->base, expected), body.size);
        assert_memory_equal(body.data, expected, body.size);
        assert_ok(skald_decode(&decoded, message->base.descriptor, body, &arena, &error), &error);
        skald_arena_reset(&arena);
    }
}

static void test_decoded_message_with_unknown_fields_is_packed_again(void **state)
{
    (void)state;
    static wire body;
    body.size = 0;
    wire_prefixed(&body, 7, "order", 5);
    wire_prefixed(&body, 1001, "later", 5);
    const ProtobufCMessage *decoded = NULL;
    skald_bytes again = {0};
    assert_ok(
        skald_decode(&decoded, &test__v1__everything__descriptor, wire_body(&body), &arena, &error),
        &error);
    assert_ok(skald_encode(&again, decoded, &arena, &error), &error);
    assert_int_equal(again.size, body.size);
    assert_memory_equal(again.data, body.bytes, body.size);
}

static void test_message_that_was_never_initialised_is_refused(void **state)
{
    (void)state;
    skald_bytes out = {0};
    const ProtobufCMessage zeroed = {0};
    const ProtobufCMessageDescriptor no_magic = {.name = "x"};
    const ProtobufCMessage strange = {.descriptor = &no_magic};
    assert_status(skald_encode(&out, NULL, &arena, &error), SKALD_INVALID, &error);
    assert_status(skald_encode(&out, &zeroed, &arena, &error), SKALD_INVALID, &error);
    assert_status(skald_encode(&out, &strange, &arena, &error), SKALD_INVALID, &error);
}

static void test_missing_pointers_are_refused_and_named(void **state)
{
    (void)state;
    char *texts[] = {"a", NULL};
    Test__V1__Everything *children[] = {NULL};
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    Test__V1__Everything outer = TEST__V1__EVERYTHING__INIT;
    outer.child = &message;

    message.n_texts = 2;
    message.texts = texts;
    invalid_expect(&outer, "test.v1.Everything.child.texts: a string is missing");
    message.texts = NULL;
    invalid_expect(&message, "test.v1.Everything.texts: a count and no elements");
    message.n_texts = 0;

    message.n_children = 1;
    message.children = children;
    invalid_expect(&message, "test.v1.Everything.children: a message is missing");
    message.children = NULL;
    invalid_expect(&message, "test.v1.Everything.children: a count and no elements");
    message.n_children = 0;

    message.n_packed = 3;
    invalid_expect(&message, "test.v1.Everything.packed: a count and no elements");
    message.n_packed = 0;

    message.data.len = 4;
    invalid_expect(&message, "test.v1.Everything.data: bytes with a length and no data");
    message.data.len = 0;

    message.base.n_unknown_fields = 1;
    invalid_expect(&message, "test.v1.Everything: a count and no unknown fields");
    ProtobufCMessageUnknownField unknown = {.tag = 99, .wire_type = 0, .len = 1};
    message.base.unknown_fields = &unknown;
    invalid_expect(&message, "test.v1.Everything: an unknown field without data");
    message.base.n_unknown_fields = 0;
    assert_ok(encode(&outer), &error);
}

static void test_null_in_a_single_field_means_absent(void **state)
{
    (void)state;
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.text = NULL;
    message.choice_case = TEST__V1__EVERYTHING__CHOICE_CHOICE_TEXT;
    message.choice_text = NULL;
    assert_ok(encode(&message), &error);
}

static void test_only_the_chosen_member_of_a_oneof_is_looked_at(void **state)
{
    (void)state;
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.choice_case = TEST__V1__EVERYTHING__CHOICE_CHOICE_TEXT;
    message.choice_text = "not a message";
    assert_ok(encode(&message), &error);
    message.choice_case = TEST__V1__EVERYTHING__CHOICE__NOT_SET;
    assert_ok(encode(&message), &error);
}

static void test_message_of_another_type_is_refused(void **state)
{
    (void)state;
    Test__V1__Counted other = TEST__V1__COUNTED__INIT;
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.child = (Test__V1__Everything *)&other;
    invalid_expect(&message,
                   "test.v1.Everything.child: a message of another type, or not initialised");
}

static void test_text_that_is_not_utf8_is_refused_and_named(void **state)
{
    (void)state;
    char *texts[] = {"fine", "\xC0\xA0"};
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.n_texts = 2;
    message.texts = texts;
    assert_status(encode(&message), SKALD_INVALID, &error);
    assert_contains(error.text, "test.v1.Everything.texts: not UTF-8");
}

static void test_cycles_and_too_many_levels_are_refused(void **state)
{
    (void)state;
    static Test__V1__Everything levels[SKALD_DECODE_DEPTH_MAX + 1];
    for (int i = 0; i <= SKALD_DECODE_DEPTH_MAX; i++) {
        test__v1__everything__init(&levels[i]);
        levels[i].child = i < SKALD_DECODE_DEPTH_MAX ? &levels[i + 1] : NULL;
    }
    assert_status(encode(&levels[0]), SKALD_INVALID, &error);
    assert_contains(error.text, "nested too deep");
    assert_ok(encode(&levels[1]), &error);
    Test__V1__Everything snake = TEST__V1__EVERYTHING__INIT;
    snake.child = &snake;
    assert_status(encode(&snake), SKALD_INVALID, &error);
}

static void test_message_reached_in_very_many_ways_ends_as_too_large(void **state)
{
    (void)state;
    /* Two ways down on each of 40 levels: 2^40 visits for whoever does not count. */
    enum { LEVELS = 40 };
    static Test__V1__Everything levels[LEVELS];
    static Test__V1__Everything *ways[LEVELS][2];
    for (int i = 0; i < LEVELS; i++) {
        test__v1__everything__init(&levels[i]);
        ways[i][0] = ways[i][1] = i + 1 < LEVELS ? &levels[i + 1] : NULL;
        levels[i].n_children = i + 1 < LEVELS ? 2 : 0;
        levels[i].children = ways[i];
    }
    assert_status(encode(&levels[0]), SKALD_FULL, &error);
}

static void test_absurd_counts_and_sizes_are_too_large(void **state)
{
    (void)state;
    int32_t number = 0;
    char *text = "";
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.n_packed = SIZE_MAX;
    message.packed = &number;
    assert_status(encode(&message), SKALD_FULL, &error);
    message.n_packed = 0;
    message.n_texts = SIZE_MAX;
    message.texts = &text;
    assert_status(encode(&message), SKALD_FULL, &error);
    message.n_texts = 0;
    message.data = (ProtobufCBinaryData){.len = SIZE_MAX, .data = (uint8_t *)&number};
    assert_status(encode(&message), SKALD_FULL, &error);
}

static void test_largest_body_is_packed_and_a_larger_one_is_not(void **state)
{
    (void)state;
    static uint8_t filler[SKALD_BODY_SIZE_MAX];
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.data = (ProtobufCBinaryData){.len = SKALD_BODY_SIZE_MAX - 4, .data = filler};
    assert_ok(encode(&message), &error);
    message.data.len++;
    assert_status(encode(&message), SKALD_FULL, &error);
}

static void test_what_followers_would_find_too_large_is_not_packed(void **state)
{
    (void)state;
    enum { CHILDREN = 100000 };
    static Test__V1__Everything child = TEST__V1__EVERYTHING__INIT;
    static Test__V1__Everything *children[CHILDREN];
    for (int i = 0; i < CHILDREN; i++)
        children[i] = &child;
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.n_children = CHILDREN;
    message.children = children;
    assert_status(encode(&message), SKALD_FULL, &error);
    assert_contains(error.text, "decoded");
}

static void test_required_message_that_is_missing_is_refused(void **state)
{
    (void)state;
    needy child = {.base = PROTOBUF_C_MESSAGE_INIT(&needy_descriptor), .number = 1};
    const needy message = {
        .base = PROTOBUF_C_MESSAGE_INIT(&needy_descriptor), .number = 2, .child = &child};
    skald_bytes out = {0};
    assert_ok(skald_encode(&out, &message.base, &arena, &error), &error);
    const ProtobufCFieldDescriptor field = {.name = "child",
                                            .id = 2,
                                            .label = PROTOBUF_C_LABEL_REQUIRED,
                                            .type = PROTOBUF_C_TYPE_MESSAGE,
                                            .offset = offsetof(needy, child),
                                            .descriptor = &needy_descriptor};
    const ProtobufCIntRange ranges[] = {{2, 0}, {0, 1}};
    ProtobufCMessageDescriptor descriptor = needy_descriptor;
    descriptor.n_fields = 1;
    descriptor.fields = &field;
    descriptor.field_ranges = ranges;
    const needy lonely = {.base = PROTOBUF_C_MESSAGE_INIT(&descriptor)};
    assert_status(skald_encode(&out, &lonely.base, &arena, &error), SKALD_INVALID, &error);
    assert_string_equal(error.text, "test.v1.Needy.child: a message is missing");
}

static void test_repeated_and_optional_bytes_are_packed_or_refused(void **state)
{
    (void)state;
    uint32_t small[] = {1, 2};
    uint64_t large[] = {3};
    ProtobufCBinaryData blobs[] = {{1, (uint8_t *)"a"}, {0, NULL}, {2, NULL}};
    shapes message = {.base = PROTOBUF_C_MESSAGE_INIT(&shapes_descriptor),
                      .n_small = 2,
                      .small = small,
                      .n_large = 1,
                      .large = large,
                      .n_blobs = 2,
                      .blobs = blobs,
                      .blob = {5, NULL}};
    skald_bytes out = {0};
    const ProtobufCMessage *decoded = NULL;
    assert_ok(skald_encode(&out, &message.base, &arena, &error), &error);
    assert_ok(skald_decode(&decoded, &shapes_descriptor, out, &arena, &error), &error);
    assert_int_equal(((const shapes *)decoded)->n_blobs, 2);
    assert_int_equal(((const shapes *)decoded)->large[0], 3);

    message.n_blobs = 3;
    assert_status(skald_encode(&out, &message.base, &arena, &error), SKALD_INVALID, &error);
    assert_string_equal(error.text, "test.v1.Shapes.blobs: bytes with a length and no data");
    message.n_blobs = 0;
    message.has_blob = 1;
    assert_status(skald_encode(&out, &message.base, &arena, &error), SKALD_INVALID, &error);
    assert_string_equal(error.text, "test.v1.Shapes.blob: bytes with a length and no data");
}

static void test_no_memory_is_said(void **state)
{
    (void)state;
    skald_arena tiny;
    skald_arena_init(&tiny, 1);
    Test__V1__Everything message = TEST__V1__EVERYTHING__INIT;
    message.text = "a text";
    skald_bytes out = {0};
    assert_status(skald_encode(&out, &message.base, &tiny, &error), SKALD_NO_MEMORY, &error);
    skald_arena_done(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages_are_packed_as_by_protobuf_c_and_decode),
        cmocka_unit_test(test_decoded_message_with_unknown_fields_is_packed_again),
        cmocka_unit_test(test_message_that_was_never_initialised_is_refused),
        cmocka_unit_test(test_missing_pointers_are_refused_and_named),
        cmocka_unit_test(test_null_in_a_single_field_means_absent),
        cmocka_unit_test(test_only_the_chosen_member_of_a_oneof_is_looked_at),
        cmocka_unit_test(test_message_of_another_type_is_refused),
        cmocka_unit_test(test_text_that_is_not_utf8_is_refused_and_named),
        cmocka_unit_test(test_cycles_and_too_many_levels_are_refused),
        cmocka_unit_test(test_message_reached_in_very_many_ways_ends_as_too_large),
        cmocka_unit_test(test_absurd_counts_and_sizes_are_too_large),
        cmocka_unit_test(test_largest_body_is_packed_and_a_larger_one_is_not),
        cmocka_unit_test(test_what_followers_would_find_too_large_is_not_packed),
        cmocka_unit_test(test_required_message_that_is_missing_is_refused),
        cmocka_unit_test(test_repeated_and_optional_bytes_are_packed_or_refused),
        cmocka_unit_test(test_no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
