/* Messages as JSON and back, in protobuf's own mapping. */
#include "../codec/kinds.h"

#include "codec/decode.h"
#include "codec/describe.h"
#include "codec/encode.h"
#include "json/parse.h"
#include "json/print.h"

#include <test/v1/old.pb-c.h>

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

static char *printed(const ProtobufCMessage *message, bool pretty, bool defaults)
{
    char *text = NULL;
    size_t size = 0;
    skald_json json = {.out = open_memstream(&text, &size), .pretty = pretty};
    skald_json_print(&json, message, defaults);
    fclose(json.out);
    char *kept = skald_arena_text(&arena, text);
    free(text);
    return kept;
}

static const ProtobufCMessage *decoded(const ProtobufCMessageDescriptor *type, skald_bytes body)
{
    const ProtobufCMessage *out = NULL;
    assert_ok(skald_decode(&out, type, body, &arena, &error), &error);
    return out;
}

static skald_bytes encoded(const ProtobufCMessage *message)
{
    skald_bytes out = {0};
    assert_ok(skald_encode(&out, message, &arena, &error), &error);
    return out;
}

static skald_status parse(const ProtobufCMessageDescriptor *type, const char *json,
                          ProtobufCMessage **out)
{
    return skald_json_parse(out, type, json, strlen(json), &arena, &error);
}

/* Reads JSON as Kinds and gives it back as JSON. */
static const char *through(const char *json)
{
    ProtobufCMessage *message = NULL;
    assert_ok(parse(&test__v1__kinds__descriptor, json, &message), &error);
    return printed(decoded(message->descriptor, encoded(message)), false, false);
}

static void refused(const char *json, const char *text)
{
    ProtobufCMessage *message = NULL;
    assert_status(parse(&test__v1__kinds__descriptor, json, &message), SKALD_MALFORMED, &error);
    assert_string_equal(error.text, text);
    assert_null(message);
}

/* --- there and back ------------------------------------------------------------------------ */

static void survives(const ProtobufCMessageDescriptor *type, skald_bytes body, bool defaults)
{
    ProtobufCMessage *parsed = NULL;
    const char *json = printed(decoded(type, body), defaults, defaults);
    assert_ok(parse(type, json, &parsed), &error);
    const skald_bytes again = encoded(parsed);
    if (again.size != body.size || memcmp(again.data, body.data, body.size) != 0)
        print_error("it came back otherwise: %s\n", json);
    assert_int_equal(again.size, body.size);
    assert_memory_equal(again.data, body.data, body.size);
}

static void test_random_messages_come_back_as_they_were(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int i = 0; i < 2000; i++) {
        const kinds *message = kinds_random(&random, &arena, 2);
        survives(message->base.descriptor, encoded(&message->base), i % 2 == 0);
        skald_arena_reset(&arena);
    }
}

static void test_random_messages_come_back_through_a_described_type(void **state)
{
    (void)state;
    test_random random = random_begin();
    skald_arena types = {0};
    skald_bytes description = {0};
    const ProtobufCMessageDescriptor *type = NULL;
    assert_ok(skald_describe(&description, &test__v1__kinds__descriptor, &types, &error), &error);
    assert_ok(skald_describe_read(&type, description, &types, &error), &error);
    for (int i = 0; i < 1000; i++) {
        const kinds *message = kinds_random(&random, &arena, 2);
        const skald_bytes body = encoded(&message->base);
        const char *known = printed(decoded(message->base.descriptor, body), true, true);
        assert_string_equal(printed(decoded(type, body), true, true), known);
        survives(type, body, true);
        skald_arena_reset(&arena);
    }
    skald_arena_done(&types);
}

/* Unknown fields follow the known ones when packed, so the order of bytes may differ: looked at
 * with the eyes of the newer program, nothing is lost. */
static void test_an_older_program_loses_nothing_of_a_newer_message(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int i = 0; i < 1000; i++) {
        const kinds *message = kinds_random(&random, &arena, 2);
        const skald_bytes body = encoded(&message->base);
        const ProtobufCMessageDescriptor *older = &test__v1__few_kinds__descriptor;
        ProtobufCMessage *parsed = NULL;
        assert_ok(parse(older, printed(decoded(older, body), true, true), &parsed), &error);
        const char *before = printed(decoded(message->base.descriptor, body), true, true);
        const char *after = printed(decoded(message->base.descriptor, encoded(parsed)), true, true);
        assert_string_equal(before, after);
        skald_arena_reset(&arena);
    }
}

/* --- how it looks -------------------------------------------------------------------------- */

static void test_values_look_as_the_mapping_says(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"aDouble\":0.1,\"aFloat\":0.1,\"anInt64\":\"-9223372036854775808\","
        "\"aUint64\":\"18446744073709551615\",\"anInt32\":-2147483648}",
        "{\"aBool\":true,\"aString\":\"\xC3\xA4 \\\"\\\\\\n\\u0001\",\"someBytes\":\"AAEC/w==\"}",
        "{\"aDouble\":\"NaN\",\"aFloat\":\"-Infinity\",\"doubles\":[1e+300,-0.5,\"Infinity\"]}",
        "{\"level\":\"LEVEL_HIGH\",\"levels\":[\"LEVEL_UNSPECIFIED\",\"LEVEL_LOW\",77]}",
        "{\"counts\":{\"a\":\"1\",\"\":\"0\"},\"namesByTruth\":{\"true\":\"yes\"},"
        "\"levelsById\":{\"18446744073709551615\":\"LEVEL_LOW\"}}",
        "{\"kindsByNumber\":{\"-7\":{\"aBool\":true},\"0\":{}}}",
        "{\"oneNumber\":0,\"otherTime\":\"1970-01-01T00:00:00Z\"}",
        "{\"at\":\"2026-11-24T07:09:27.125Z\",\"took\":\"-1.000340012s\",\"maybeText\":\"\","
        "\"maybeNumber\":\"5\",\"maybeBytes\":\"AA==\"}",
        "{\"at\":\"0001-01-01T00:00:00Z\",\"took\":\"0s\"}",
        "{\"notAWrapper\":{\"text\":\"plain\"},\"OddName\":\"x\"}",
        "{}",
    };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_string_equal(through(same[i]), same[i]);
}

static void test_other_ways_to_write_the_same_are_taken(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"{\"a_double\": \"1.5\", \"an_int64\": 5, \"anInt32\": 2.0, \"aUint32\": \"1e3\"}",
         "{\"aDouble\":1.5,\"anInt64\":\"5\",\"anInt32\":2,\"aUint32\":1000}"},
        {"{\"someBytes\": \"_-8\", \"level\": 2147483647, \"levels\": [\"LEVEL_TOP\", 0]}",
         "{\"someBytes\":\"/+8=\",\"level\":\"LEVEL_HIGH\",\"levels\":[\"LEVEL_HIGH\","
         "\"LEVEL_UNSPECIFIED\"]}"},
        {"{\"aString\": null, \"strings\": null, \"at\": null, \"oneString\": null}", "{}"},
        {"{\"at\": \"2026-11-24T08:39:27.5+01:30\", \"took\": \"3.5s\"}",
         "{\"at\":\"2026-11-24T07:09:27.500Z\",\"took\":\"3.500s\"}"},
        {"{\"at\": {\"seconds\": \"1\", \"nanos\": 5}}",
         "{\"at\":\"1970-01-01T00:00:01.000000005Z\"}"},
        {"{\"anInt64\": -0, \"aUint64\": 1.8446744073709550e19}",
         "{\"aUint64\":\"18446744073709549568\"}"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(through(pairs[i][0]), pairs[i][1]);
}

static void test_a_time_that_is_none_is_written_as_its_fields(void **state)
{
    (void)state;
    const char *json =
        "{\"at\":{\"seconds\":\"253402300800\"},\"took\":{\"seconds\":\"1\",\"nanos\":-1}}";
    assert_string_equal(through(json), json);
}

static void test_people_see_every_field_there_is(void **state)
{
    (void)state;
    Test__V1__Counted counted = TEST__V1__COUNTED__INIT;
    counted.number = 7;
    const ProtobufCMessage *message = decoded(counted.base.descriptor, encoded(&counted.base));
    assert_string_equal(printed(message, true, true), "{\n"
                                                      "  \"key\": \"\",\n"
                                                      "  \"number\": \"7\",\n"
                                                      "  \"note\": \"\"\n"
                                                      "}");
    assert_string_equal(printed(message, false, false), "{\"number\":\"7\"}");
}

static void test_presence_of_proto2_is_kept(void **state)
{
    (void)state;
    const char *json = "{\"number\":0,\"text\":\"\",\"data\":\"\",\"balance\":\"0\",\"flag\":false,"
                       "\"choiceNumber\":0,\"nothing\":\"\"}";
    ProtobufCMessage *message = NULL;
    assert_ok(parse(&test__v1__old__descriptor, json, &message), &error);
    assert_string_equal(printed(decoded(message->descriptor, encoded(message)), false, false),
                        json);
    assert_string_equal(printed(decoded(message->descriptor, encoded(message)), false, true),
                        "{\"number\":0,\"text\":\"\",\"data\":\"\",\"balance\":\"0\","
                        "\"flag\":false,\"packed\":[],\"choiceNumber\":0,\"nothing\":\"\"}");
    assert_status(parse(&test__v1__old__descriptor, "{\"number\":1,\"data\":\"\"}", &message),
                  SKALD_MALFORMED, &error);
    assert_string_equal(error.text, "test.v1.Old.text: it is required");
}

/* --- what does not fit --------------------------------------------------------------------- */

static void test_mistakes_are_named_with_their_path(void **state)
{
    (void)state;
    refused("{\"kinds\": [{}, {\"kinds\": [{\"anInt32\": \"x\"}]}]}",
            "test.v1.Kinds.kinds[1].kinds[0].anInt32: a whole number is wanted");
    refused("{\"kindsByNumber\": {\"5\": {\"aBool\": 1}}}",
            "test.v1.Kinds.kindsByNumber.5.aBool: true or false is wanted");
    refused("{\"everything\": {\"child\": {\"amuont\": 1}}}",
            "test.v1.Kinds.everything.child.amuont: test.v1.Everything has no such field");
    refused("{\"anInt32\": 2147483648}",
            "test.v1.Kinds.anInt32: out of range: -2147483648 to 2147483647");
    refused("{\"aUint32\": -1}", "test.v1.Kinds.aUint32: out of range: 0 to 4294967295");
    refused("{\"anInt64\": 1.5}", "test.v1.Kinds.anInt64: a whole number is wanted");
    refused("{\"anInt64\": \" 1\"}", "test.v1.Kinds.anInt64: a whole number is wanted");
    refused("{\"anInt64\": \"9223372036854775808\"}",
            "test.v1.Kinds.anInt64: out of range: -9223372036854775808 to 9223372036854775807");
    refused("{\"aFloat\": 1e39}", "test.v1.Kinds.aFloat: out of range for a float");
    refused("{\"aDouble\": \"infinity\"}", "test.v1.Kinds.aDouble: a number is wanted");
    refused("{\"aDouble\": \"1e999\"}", "test.v1.Kinds.aDouble: a number is wanted");
    refused("{\"someBytes\": \"A\"}", "test.v1.Kinds.someBytes: this is not base64");
    refused("{\"someBytes\": \"AA=\"}", "test.v1.Kinds.someBytes: this is not base64");
    refused(
        "{\"level\": \"LEVEL_LOUD\"}",
        "test.v1.Kinds.level: test.v1.Level has no value \"LEVEL_LOUD\"; a number is taken, too");
    refused("{\"strings\": \"one\"}", "test.v1.Kinds.strings: a list is wanted: [...]");
    refused("{\"strings\": [null]}", "test.v1.Kinds.strings[0]: text is wanted");
    refused("{\"counts\": [1]}", "test.v1.Kinds.counts: a map is wanted: {\"key\": value, ...}");
    refused("{\"namesByTruth\": {\"yes\": \"\"}}",
            "test.v1.Kinds.namesByTruth.yes: a key that is \"true\" or \"false\" is wanted");
    refused("{\"oneString\": \"a\", \"oneNumber\": 1}",
            "test.v1.Kinds.oneNumber: another field of its oneof is given, too");
    refused("{\"aBool\": true, \"a_bool\": true}",
            "test.v1.Kinds.a_bool: given twice, under both of its names");
    refused("{\"at\": \"2026-02-29T00:00:00Z\"}",
            "test.v1.Kinds.at: a time is wanted: \"2026-11-24T07:09:27.125Z\"");
    refused("{\"took\": \"1.5\"}", "test.v1.Kinds.took: a duration is wanted: \"1.5s\"");
    refused("{\"everything\": 7}", "test.v1.Kinds.everything: a message is wanted: {...}");
    refused("[]", "test.v1.Kinds: a message is wanted: {...}");
    refused("{\"@unknown\": [{\"number\": 8, \"wireType\": 0, \"data\": \"AQ==\"}]}",
            "test.v1.Kinds.@unknown[0]: field 8 is known: it is \"a_bool\"");
}

static void test_what_is_no_json_is_named_with_its_line(void **state)
{
    (void)state;
    ProtobufCMessage *message = NULL;
    const char *const broken[] = {"{\n  \"aBool\": true,\n}", "{\"aBool\":true,\"aBool\":true}", "",
                                  "{\"aString\":\"\\u0000\"}", "{\"aString\":\"\xFF\"}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        assert_status(parse(&test__v1__kinds__descriptor, broken[i], &message), SKALD_MALFORMED,
                      &error);
        assert_contains(error.text, i == 0 ? "no JSON at line 3" : "no JSON at line");
    }
}

static void test_depth_is_limited(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 0; i < SKALD_DECODE_DEPTH_MAX; i++)
        fputs("{\"child\":", out);
    fputs("{}", out);
    for (int i = 0; i < SKALD_DECODE_DEPTH_MAX; i++)
        fputs("}", out);
    fclose(out);
    ProtobufCMessage *message = NULL;
    assert_status(
        skald_json_parse(&message, &test__v1__everything__descriptor, text, size, &arena, &error),
        SKALD_MALFORMED, &error);
    assert_contains(error.text, "nested too deep");
    free(text);
}

/* Broken unknown fields are JSON like any other; encoding sees what they are. */
static void test_unknown_fields_cannot_smuggle_broken_bytes(void **state)
{
    (void)state;
    ProtobufCMessage *message = NULL;
    skald_bytes body = {0};
    assert_ok(parse(&test__v1__kinds__descriptor,
                    "{\"@unknown\": [{\"number\": 999, \"wireType\": 2, \"data\": \"fwA=\"}]}",
                    &message),
              &error);
    assert_status(skald_encode(&body, message, &arena, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "a length that goes past the end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages_come_back_as_they_were),
        cmocka_unit_test(test_random_messages_come_back_through_a_described_type),
        cmocka_unit_test(test_an_older_program_loses_nothing_of_a_newer_message),
        cmocka_unit_test(test_values_look_as_the_mapping_says),
        cmocka_unit_test(test_other_ways_to_write_the_same_are_taken),
        cmocka_unit_test(test_a_time_that_is_none_is_written_as_its_fields),
        cmocka_unit_test(test_people_see_every_field_there_is),
        cmocka_unit_test(test_presence_of_proto2_is_kept),
        cmocka_unit_test(test_mistakes_are_named_with_their_path),
        cmocka_unit_test(test_what_is_no_json_is_named_with_its_line),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_unknown_fields_cannot_smuggle_broken_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
