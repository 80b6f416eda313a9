/* A type as bytes, and a working type made of such bytes, whoever wrote them. */
#include "kinds.h"

#include "codec/decode.h"
#include "codec/describe.h"
#include "codec/encode.h"
#include "codec/make.h"

#include <skald/v1/types.pb-c.h>
#include <test/v1/old.pb-c.h>

typedef Skald__V1__TypeDescription type_description;
typedef Skald__V1__MessageDescription message_description;
typedef Skald__V1__FieldDescription field_description;
typedef Skald__V1__EnumDescription enum_description;

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

static skald_bytes described(const ProtobufCMessageDescriptor *descriptor)
{
    skald_bytes description = {0};
    assert_ok(skald_describe(&description, descriptor, &arena, &error), &error);
    return description;
}

static const ProtobufCMessageDescriptor *rebuilt(const ProtobufCMessageDescriptor *descriptor)
{
    const ProtobufCMessageDescriptor *out = NULL;
    assert_ok(skald_describe_read(&out, described(descriptor), &arena, &error), &error);
    return out;
}

/* --- a described type works like a generated one ------------------------------------------- */

static void fields_compare(const ProtobufCMessageDescriptor *left,
                           const ProtobufCMessageDescriptor *right)
{
    assert_string_equal(left->name, right->name);
    assert_string_equal(left->short_name, right->short_name);
    assert_int_equal(left->n_fields, right->n_fields);
    assert_int_equal(left->n_field_ranges, right->n_field_ranges);
    assert_int_equal(left->sizeof_message % sizeof(void *), 0);
    for (unsigned i = 0; i < left->n_fields; i++) {
        const ProtobufCFieldDescriptor *a = &left->fields[i];
        const ProtobufCFieldDescriptor *b = &right->fields[i];
        assert_string_equal(a->name, b->name);
        assert_int_equal(a->id, b->id);
        assert_int_equal(a->type, b->type);
        assert_int_equal(a->label, b->label);
        assert_int_equal(a->flags, b->flags);
        assert_ptr_equal(protobuf_c_message_descriptor_get_field(right, a->id), b);
        assert_ptr_equal(protobuf_c_message_descriptor_get_field_by_name(right, a->name), b);
    }
}

static void test_fields_are_found_by_number_and_by_name(void **state)
{
    (void)state;
    fields_compare(&test__v1__kinds__descriptor, rebuilt(&test__v1__kinds__descriptor));
    fields_compare(&test__v1__old__descriptor, rebuilt(&test__v1__old__descriptor));
    fields_compare(&test__v1__everything__descriptor, rebuilt(&test__v1__everything__descriptor));
    assert_null(protobuf_c_message_descriptor_get_field(rebuilt(&test__v1__kinds__descriptor), 17));
}

static void test_enum_values_and_aliases_are_found(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *type = rebuilt(&test__v1__kinds__descriptor);
    const ProtobufCEnumDescriptor *level =
        protobuf_c_message_descriptor_get_field_by_name(type, "level")->descriptor;
    assert_string_equal(level->name, "test.v1.Level");
    assert_int_equal(level->n_values, 3);
    assert_int_equal(level->n_value_names, 4);
    assert_string_equal(protobuf_c_enum_descriptor_get_value(level, -1)->name, "LEVEL_LOW");
    assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(level, "LEVEL_TOP")->value,
                     2147483647);
    assert_int_equal(protobuf_c_enum_descriptor_get_value_by_name(level, "LEVEL_HIGH")->value,
                     2147483647);
    assert_null(protobuf_c_enum_descriptor_get_value(level, 1));
}

static void test_a_type_that_contains_itself_refers_to_itself(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *type = rebuilt(&test__v1__everything__descriptor);
    assert_ptr_equal(protobuf_c_message_descriptor_get_field_by_name(type, "child")->descriptor,
                     type);
}

static void test_one_type_has_one_description(void **state)
{
    (void)state;
    const skald_bytes first = described(&test__v1__kinds__descriptor);
    const skald_bytes again = described(rebuilt(&test__v1__kinds__descriptor));
    assert_int_equal(first.size, again.size);
    assert_memory_equal(first.data, again.data, first.size);
}

/* Decodes with the described type and encodes again: the same bytes as by the generated one. */
static void round_trip(const ProtobufCMessageDescriptor *type, const ProtobufCMessage *message)
{
    skald_bytes body = {0};
    skald_bytes again = {0};
    const ProtobufCMessage *decoded = NULL;
    assert_ok(skald_encode(&body, message, &arena, &error), &error);
    assert_ok(skald_decode(&decoded, type, body, &arena, &error), &error);
    assert_int_equal(decoded->n_unknown_fields, 0);
    assert_ok(skald_encode(&again, decoded, &arena, &error), &error);
    assert_int_equal(body.size, again.size);
    assert_memory_equal(body.data, again.data, body.size);
    /* And with protobuf-c's own allocator, which frees what it thinks it has allocated. */
    ProtobufCMessage *unpacked = protobuf_c_message_unpack(
        type, NULL, body.size, body.data != NULL ? body.data : (const unsigned char *)"");
    assert_non_null(unpacked);
    assert_int_equal(protobuf_c_message_get_packed_size(unpacked), body.size);
    protobuf_c_message_free_unpacked(unpacked, NULL);
}

static void test_random_messages_survive_a_described_type(void **state)
{
    (void)state;
    test_random random = random_begin();
    skald_arena types = {0};
    skald_bytes description = {0};
    const ProtobufCMessageDescriptor *type = NULL;
    assert_ok(skald_describe(&description, &test__v1__kinds__descriptor, &types, &error), &error);
    assert_ok(skald_describe_read(&type, description, &types, &error), &error);
    for (int i = 0; i < 3000; i++) {
        round_trip(type, &kinds_random(&random, &arena, 2)->base);
        skald_arena_reset(&arena);
    }
    skald_arena_done(&types);
}

static Test__V1__Old *old_make(void)
{
    Test__V1__Old *old = taken(&arena, sizeof *old);
    test__v1__old__init(old);
    old->number = 7;
    old->text = (char *)(uintptr_t) "text";
    old->data = (ProtobufCBinaryData){2, (uint8_t *)(uintptr_t) "\x01\x00"};
    return old;
}

static void test_defaults_and_presence_of_proto2_survive(void **state)
{
    (void)state;
    const ProtobufCMessageDescriptor *type = rebuilt(&test__v1__old__descriptor);
    Test__V1__Old *bare = old_make();
    round_trip(type, &bare->base);
    Test__V1__Old *full = old_make();
    full->has_balance = full->has_flag = full->has_speed = full->has_small = true;
    full->balance = 0;
    full->flag = false;
    full->greeting = (char *)(uintptr_t) "";
    full->child = old_make();
    full->choice_case = TEST__V1__OLD__CHOICE_CHOICE_OLD;
    full->choice_old = old_make();
    full->has_no_bytes = true;
    round_trip(type, &full->base);
    /* One of each kind in the oneof, after the other was there before. */
    full->choice_case = TEST__V1__OLD__CHOICE_CHOICE_TEXT;
    full->choice_text = (char *)(uintptr_t) "text";
    round_trip(type, &full->base);

    const ProtobufCMessage *made = skald_make(type, &arena);
    const ProtobufCFieldDescriptor *greeting =
        protobuf_c_message_descriptor_get_field_by_name(type, "greeting");
    assert_string_equal(*(char *const *)(const void *)((const char *)made + greeting->offset),
                        "hello");
    const ProtobufCFieldDescriptor *balance =
        protobuf_c_message_descriptor_get_field_by_name(type, "balance");
    assert_int_equal(*(const int64_t *)(const void *)((const char *)made + balance->offset), -5);
    const ProtobufCFieldDescriptor *blob =
        protobuf_c_message_descriptor_get_field_by_name(type, "blob");
    const ProtobufCBinaryData *bytes = (const void *)((const char *)made + blob->offset);
    assert_int_equal(bytes->len, 3);
    assert_memory_equal(bytes->data, "x\0y", 3);
}

static void test_a_missing_required_field_is_still_missed(void **state)
{
    (void)state;
    const ProtobufCMessage *out = NULL;
    assert_status(skald_decode(&out, rebuilt(&test__v1__old__descriptor),
                               (skald_bytes){"\x08\x01", 2}, &arena, &error),
                  SKALD_MALFORMED, &error);
    assert_contains(error.text, "test.v1.Old.text: a required field is missing");
}

static void test_a_type_without_names_is_refused(void **state)
{
    (void)state;
    ProtobufCMessageDescriptor nameless = test__v1__counted__descriptor;
    skald_bytes out = {0};
    nameless.name = NULL;
    assert_status(skald_describe(&out, &nameless, &arena, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "optimize_for");
    assert_null(out.data);
}

/* --- whatever stands in a description ------------------------------------------------------ */

/* The description of Kinds as structures, to be spoiled by a test. */
static type_description *opened(void)
{
    const ProtobufCMessage *message = NULL;
    assert_ok(skald_decode(&message, &skald__v1__type_description__descriptor,
                           described(&test__v1__kinds__descriptor), &arena, &error),
              &error);
    return (type_description *)(uintptr_t)message;
}

static void refused(const type_description *description, const char *reason)
{
    const ProtobufCMessageDescriptor *out = NULL;
    skald_bytes bytes = {0};
    assert_ok(skald_encode(&bytes, &description->base, &arena, &error), &error);
    assert_status(skald_describe_read(&out, bytes, &arena, &error), SKALD_MALFORMED, &error);
    assert_contains(error.text, reason);
    assert_null(out);
}

static field_description *field_named(const type_description *description, const char *name)
{
    for (size_t i = 0; i < description->messages[0]->n_fields; i++)
        if (strcmp(description->messages[0]->fields[i]->name, name) == 0)
            return description->messages[0]->fields[i];
    fail_msg("no field %s", name);
    return NULL;
}

static void test_references_into_nothing_are_refused(void **state)
{
    (void)state;
    type_description *description = opened();
    field_named(description, "everything")->refers_to = 1000000;
    refused(description, "test.v1.Kinds.everything: of a message that is not described");
    description = opened();
    field_named(description, "level")->refers_to = 99;
    refused(description, "test.v1.Kinds.level: of an enum that is not described");
    description = opened();
    field_named(description, "a_bool")->refers_to = 1;
    refused(description, "a plain value");
    description = opened();
    description->n_messages = 0;
    refused(description, "it describes no message");
}

static void test_what_protobuf_c_would_fall_over_is_refused(void **state)
{
    (void)state;
    type_description *description = opened();
    field_named(description, "strings")->packed = true;
    refused(description, "test.v1.Kinds.strings: packed, but not repeated numbers");
    description = opened();
    field_named(description, "doubles")->oneof = 1;
    refused(description, "inside a oneof");
    description = opened();
    field_named(description, "a_bool")->oneof = 4000000;
    refused(description, "a oneof that there is not");
    description = opened();
    field_named(description, "a_bool")->number = 1;
    refused(description, "not in the order of its number");
    description = opened();
    field_named(description, "_odd__name_")->number = 536870912;
    refused(description, "no valid field number");
    description = opened();
    field_named(description, "a_bool")->type = 10;
    refused(description, "an unknown type or label");
    description = opened();
    field_named(description, "a_bool")->label = SKALD__V1__FIELD_LABEL__FIELD_LABEL_UNSPECIFIED;
    refused(description, "an unknown type or label");
    description = opened();
    field_named(description, "an_int64")->label = SKALD__V1__FIELD_LABEL__FIELD_LABEL_OPTIONAL;
    field_named(description, "an_int64")->has_default = true;
    refused(description, "a default of another size than its type");
    description = opened();
    field_named(description, "one_string")->has_default = true;
    refused(description, "a default where there can be none");
}

static void test_names_that_are_none_are_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"", "1", "a b", "a.b", "\x1b[2J", "\"", "\xC3\xA4"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        type_description *description = opened();
        field_named(description, "a_bool")->name = (char *)(uintptr_t)names[i];
        refused(description, "no valid name");
    }
    type_description *description = opened();
    field_named(description, "a_bool")->name = (char *)(uintptr_t) "a_double";
    refused(description, "a name that another field has");
    description = opened();
    description->messages[0]->name = (char *)(uintptr_t) "test..Kinds";
    refused(description, "no valid name");
    description = opened();
    description->enums[0]->values[0]->number = 2147483647;
    refused(description, "not in the order of its number");
    description = opened();
    description->enums[0]->values[1]->name = description->enums[0]->values[0]->name;
    refused(description, "a name that is there twice");
}

/* Bytes of a description are changed at random. What is still accepted must work: bodies of the
 * real type, changed as well, decode or are refused, and what decodes can be packed. */
static void test_changed_descriptions_are_refused_or_work(void **state)
{
    (void)state;
    test_random random = random_begin();
    int accepted = 0;
    for (int i = 0; i < 6000; i++) {
        const ProtobufCMessageDescriptor *type = NULL;
        const ProtobufCMessage *decoded = NULL;
        skald_bytes body = {0};
        skald_bytes again = {0};
        skald_bytes description =
            described(i % 2 == 0 ? &test__v1__kinds__descriptor : &test__v1__old__descriptor);
        unsigned char *changed = (unsigned char *)(uintptr_t)description.data;
        for (uint32_t changes = 1 + random_below(&random, 3); changes > 0; changes--)
            changed[random_below(&random, (uint32_t)description.size)] =
                (unsigned char)random_next(&random);
        if (skald_describe_read(&type, description, &arena, &error) == SKALD_OK) {
            accepted++;
            const ProtobufCMessage *message = &kinds_random(&random, &arena, 1)->base;
            assert_ok(skald_encode(&body, message, &arena, &error), &error);
            if (skald_decode(&decoded, type, body, &arena, &error) == SKALD_OK)
                skald_encode(&again, decoded, &arena, &error);
        }
        skald_arena_reset(&arena);
    }
    assert_true(accepted > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields_are_found_by_number_and_by_name),
        cmocka_unit_test(test_enum_values_and_aliases_are_found),
        cmocka_unit_test(test_a_type_that_contains_itself_refers_to_itself),
        cmocka_unit_test(test_one_type_has_one_description),
        cmocka_unit_test(test_random_messages_survive_a_described_type),
        cmocka_unit_test(test_defaults_and_presence_of_proto2_survive),
        cmocka_unit_test(test_a_missing_required_field_is_still_missed),
        cmocka_unit_test(test_a_type_without_names_is_refused),
        cmocka_unit_test(test_references_into_nothing_are_refused),
        cmocka_unit_test(test_what_protobuf_c_would_fall_over_is_refused),
        cmocka_unit_test(test_names_that_are_none_are_refused),
        cmocka_unit_test(test_changed_descriptions_are_refused_or_work),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
