/* The percent-encoding of CloudEvents' NATS binding, with the binding's own examples. */
#include "support/random.h"
#include "support/test.h"

#include "event/percent.h"

static skald_arena arena;

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

/* The decoded text, or the reason after "! ". */
static const char *decoded(const char *value)
{
    const char *out = NULL;
    const char *reason = NULL;
    const skald_bytes bytes = {value, strlen(value)};
    if (skald_percent_decode(&out, bytes, &arena, &reason) == SKALD_OK)
        return out;
    return skald_arena_format(&arena, "! %s", reason);
}

static void test_example_of_the_binding_is_encoded_and_decoded(void **state)
{
    (void)state;
    const char *text = "Euro \xE2\x82\xAC \xF0\x9F\x98\x80";
    const char *encoded = "Euro%20%E2%82%AC%20%F0%9F%98%80";
    assert_string_equal(skald_percent_encode(text, &arena), encoded);
    assert_string_equal(decoded(encoded), text);
}

static void test_overlong_utf8_is_refused(void **state)
{
    (void)state;
    assert_string_equal(decoded("%C0%A0"), "! is not UTF-8");
    assert_string_equal(decoded("%ED%A0%80"), "! is not UTF-8");
    assert_string_equal(decoded("a%E2%82"), "! is not UTF-8");
    assert_string_equal(decoded("raw \xFF"), "! is not UTF-8");
}

static void test_needless_and_lower_case_encoding_is_accepted(void **state)
{
    (void)state;
    assert_string_equal(decoded("%41%62c"), "Abc");
    assert_string_equal(decoded("%e2%82%ac"), "\xE2\x82\xAC");
    assert_string_equal(decoded("raw \xE2\x82\xAC"), "raw \xE2\x82\xAC");
}

static void test_decoding_is_done_once(void **state)
{
    (void)state;
    assert_string_equal(decoded("%2541"), "%41");
}

static void test_quoted_parts_are_unquoted_before_decoding(void **state)
{
    (void)state;
    assert_string_equal(decoded("\"two words\""), "two words");
    assert_string_equal(decoded("\"a \\\"b\\\" \\\\ c\""), "a \"b\" \\ c");
    assert_string_equal(decoded("\"\\%41\""), "A");
    assert_string_equal(decoded("x\"y z\"%20"), "xy z ");
    assert_string_equal(decoded("\"\""), "");
    assert_string_equal(decoded("back\\slash"), "back\\slash");
    assert_string_equal(decoded("\"open"), "! has an open quote");
    assert_string_equal(decoded("\"open\\\""), "! has an open quote");
}

static void test_broken_percent_and_nul_are_refused(void **state)
{
    (void)state;
    const char *reason = "! has a \"%\" that is not followed by two hexadecimal digits";
    assert_string_equal(decoded("%"), reason);
    assert_string_equal(decoded("a%2"), reason);
    assert_string_equal(decoded("%G0"), reason);
    assert_string_equal(decoded("%0G"), reason);
    assert_string_equal(decoded("%%20"), reason);
    assert_string_equal(decoded("a%00b"), "! has a NUL inside");
}

static void test_every_byte_is_encoded_or_not_wherever_it_stands(void **state)
{
    (void)state;
    for (int byte = 1; byte < 256; byte++) {
        for (size_t place = 0; place < 20; place++) {
            char text[24] = "";
            memset(text, 'x', 20);
            text[place] = (char)byte;
            const bool itself = byte > 0x20 && byte < 0x7F && byte != '"' && byte != '%';
            const char *expected = itself
                                       ? text
                                       : skald_arena_format(&arena, "%.*s%%%02X%s", (int)place,
                                                            text, (unsigned)byte, text + place + 1);
            assert_string_equal(skald_percent_encode(text, &arena), expected);
        }
        skald_arena_reset(&arena);
    }
}

static void test_text_that_needs_nothing_is_not_copied(void **state)
{
    (void)state;
    const char *text = "/orders/api-1!#$&'()*+,-.:;<=>?@[\\]^_`{|}~";
    assert_ptr_equal(skald_percent_encode(text, &arena), text);
    assert_string_equal(decoded(text), text);
}

static void test_any_text_comes_back_from_printable_ascii(void **state)
{
    (void)state;
    static const char *const pieces[] = {"a",        " ",  "\"",           "%",
                                         "\xC3\xA4", "\\", "\xE2\x82\xAC", "\xF0\x9F\x98\x80",
                                         "\x7F",     "\n", "%41"};
    test_random random = random_begin();
    for (int i = 0; i < 100000; i++) {
        char text[128] = "";
        for (uint32_t left = random_below(&random, 20); left > 0; left--)
            strcat(text, pieces[random_below(&random, sizeof pieces / sizeof *pieces)]);
        const char *encoded = skald_percent_encode(text, &arena);
        for (const char *at = encoded; *at != '\0'; at++)
            assert_in_range(*at, 0x21, 0x7E);
        assert_string_equal(decoded(encoded), text);
        skald_arena_reset(&arena);
    }
}

static void test_random_values_never_give_anything_but_text_or_a_reason(void **state)
{
    (void)state;
    static const char alphabet[] =
        "%%%%\"\\0123456789abcdefCEF \xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80";
    test_random random = random_begin();
    for (int i = 0; i < 300000; i++) {
        char value[24];
        const uint32_t size = random_below(&random, sizeof value);
        for (uint32_t b = 0; b < size; b++)
            value[b] = alphabet[random_below(&random, sizeof alphabet - 1)];
        value[size] = '\0';
        const char *out = decoded(value);
        assert_non_null(out);
        assert_true(strlen(out) <= size || out[0] == '!');
        skald_arena_reset(&arena);
    }
}

static void test_no_memory_is_said(void **state)
{
    (void)state;
    skald_arena tiny;
    skald_arena_init(&tiny, 1);
    const char *out = NULL;
    const char *reason = NULL;
    const skald_bytes value = {"a", 1};
    assert_int_equal(skald_percent_decode(&out, value, &tiny, &reason), SKALD_NO_MEMORY);
    assert_null(skald_percent_encode("a b", &tiny));
    skald_arena_done(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_of_the_binding_is_encoded_and_decoded),
        cmocka_unit_test(test_overlong_utf8_is_refused),
        cmocka_unit_test(test_needless_and_lower_case_encoding_is_accepted),
        cmocka_unit_test(test_decoding_is_done_once),
        cmocka_unit_test(test_quoted_parts_are_unquoted_before_decoding),
        cmocka_unit_test(test_broken_percent_and_nul_are_refused),
        cmocka_unit_test(test_every_byte_is_encoded_or_not_wherever_it_stands),
        cmocka_unit_test(test_text_that_needs_nothing_is_not_copied),
        cmocka_unit_test(test_any_text_comes_back_from_printable_ascii),
        cmocka_unit_test(test_random_values_never_give_anything_but_text_or_a_reason),
        cmocka_unit_test(test_no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
