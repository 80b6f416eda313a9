/* What protobuf-c says about good messages, we say too. */
#include "everything.h"

#include "codec/decode.h"

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

static skald_bytes packed(const ProtobufCMessage *message)
{
    const size_t size = protobuf_c_message_get_packed_size(message);
    unsigned char *bytes = skald_arena_alloc(&arena, size);
    assert_int_equal(protobuf_c_message_pack(message, bytes), size);
    return (skald_bytes){bytes, size};
}

static skald_status decode(const ProtobufCMessage **out, skald_bytes body)
{
    return skald_decode(out, &test__v1__everything__descriptor, body, &arena, &error);
}

static void bytes_equal(skald_bytes left, skald_bytes right)
{
    assert_int_equal(left.size, right.size);
    assert_memory_equal(left.data, right.data, left.size);
}

static void test_random_messages_come_back_as_protobuf_c_gives_them(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int i = 0; i < 30000; i++) {
        const Test__V1__Everything *message = everything_random(&random, &arena, 4);
        const skald_bytes body = packed(&message->base);
        if (body.size <= SKALD_BODY_SIZE_MAX) {
            const ProtobufCMessage *decoded = NULL;
            assert_ok(decode(&decoded, body), &error);
            assert_ptr_equal(decoded->descriptor, &test__v1__everything__descriptor);
            bytes_equal(packed(decoded), body);
        }
        skald_arena_reset(&arena);
    }
}

static void test_empty_body_is_the_empty_message(void **state)
{
    (void)state;
    const ProtobufCMessage *decoded = NULL;
    assert_ok(decode(&decoded, (skald_bytes){NULL, 0}), &error);
    const Test__V1__Everything *message = (const Test__V1__Everything *)decoded;
    assert_string_equal(message->text, "");
    assert_null(message->child);
}

static void test_unknown_fields_and_enum_values_pass_and_are_kept(void **state)
{
    (void)state;
    static wire body;
    body.size = 0;
    wire_tag(&body, 9, VARINT); /* colour */
    wire_varint(&body, 77);
    wire_tag(&body, 1000, VARINT);
    wire_varint(&body, UINT64_MAX);
    wire_prefixed(&body, 1001, "\xFF\x00", 2);
    wire_tag(&body, 536870911, FIXED64);
    wire_raw(&body, "12345678", 8);
    wire_tag(&body, 1002, FIXED32);
    wire_raw(&body, "1234", 4);
    const ProtobufCMessage *decoded = NULL;
    assert_ok(decode(&decoded, wire_body(&body)), &error);
    assert_int_equal(((const Test__V1__Everything *)decoded)->colour, 77);
    assert_int_equal(decoded->n_unknown_fields, 4);
    bytes_equal(packed(decoded), wire_body(&body));
}

static void test_repeated_numbers_are_read_packed_and_one_by_one(void **state)
{
    (void)state;
    static wire body;
    body.size = 0;
    wire_prefixed(&body, 12, "\x01\x02\xAC\x02", 4);
    wire_tag(&body, 12, VARINT);
    wire_varint(&body, 5);
    const ProtobufCMessage *decoded = NULL;
    assert_ok(decode(&decoded, wire_body(&body)), &error);
    const Test__V1__Everything *message = (const Test__V1__Everything *)decoded;
    const int32_t expected[] = {1, 2, 300, 5};
    assert_int_equal(message->n_packed, 4);
    assert_memory_equal(message->packed, expected, sizeof expected);
}

static void test_last_of_several_values_counts(void **state)
{
    (void)state;
    static wire body;
    body.size = 0;
    wire_prefixed(&body, 7, "first", 5);
    wire_prefixed(&body, 14, "text", 4);
    wire_prefixed(&body, 7, "second", 6);
    wire_prefixed(&body, 15, "\x18\x07", 2); /* choice_child.int32_value */
    const ProtobufCMessage *decoded = NULL;
    assert_ok(decode(&decoded, wire_body(&body)), &error);
    const Test__V1__Everything *message = (const Test__V1__Everything *)decoded;
    assert_string_equal(message->text, "second");
    assert_int_equal(message->choice_case, TEST__V1__EVERYTHING__CHOICE_CHOICE_CHILD);
    assert_int_equal(message->choice_child->int32_value, 7);
}

static void test_decoded_message_does_not_point_into_the_body(void **state)
{
    (void)state;
    static wire body;
    body.size = 0;
    wire_prefixed(&body, 7, "order", 5);
    wire_prefixed(&body, 8, "bytes", 5);
    const ProtobufCMessage *decoded = NULL;
    assert_ok(decode(&decoded, wire_body(&body)), &error);
    memset(body.bytes, 0xFF, body.size);
    const Test__V1__Everything *message = (const Test__V1__Everything *)decoded;
    assert_string_equal(message->text, "order");
    assert_memory_equal(message->data.data, "bytes", 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages_come_back_as_protobuf_c_gives_them),
        cmocka_unit_test(test_empty_body_is_the_empty_message),
        cmocka_unit_test(test_unknown_fields_and_enum_values_pass_and_are_kept),
        cmocka_unit_test(test_repeated_numbers_are_read_packed_and_one_by_one),
        cmocka_unit_test(test_last_of_several_values_counts),
        cmocka_unit_test(test_decoded_message_does_not_point_into_the_body),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
