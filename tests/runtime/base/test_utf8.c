/* The UTF-8 check against a slow one that decodes each character. */
#include "support/random.h"
#include "support/test.h"

#include "base/utf8.h"

static size_t valid_size(const char *text)
{
    return skald_utf8_valid_size(text, strlen(text));
}

static void test_valid_text_is_valid_to_its_end(void **state)
{
    (void)state;
    const char *const texts[] = {"",
                                 "a",
                                 "plain text that is longer than eight bytes",
                                 "\xC2\x80\xDF\xBF",
                                 "\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80\xEF\xBF\xBF",
                                 "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        assert_int_equal(valid_size(texts[i]), strlen(texts[i]));
    assert_int_equal(skald_utf8_valid_size("a\0b", 3), 3);
}

static void test_invalid_bytes_are_found_where_they_begin(void **state)
{
    (void)state;
    const char *const endings[] = {
        "\x80",             /* a continuation alone */
        "\xC0\xA0",         /* overlong space */
        "\xC1\xBF",         /* overlong */
        "\xE0\x9F\xBF",     /* overlong */
        "\xF0\x8F\xBF\xBF", /* overlong */
        "\xED\xA0\x80",     /* a surrogate */
        "\xF4\x90\x80\x80", /* above U+10FFFF */
        "\xF5\x80\x80\x80",
        "\xFF",
        "\xC3",
        "\xE2\x82",
        "\xF0\x9F\x98",
        "\xE2\x28\xA1",
    };
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        for (size_t before = 0; before < 20; before++) {
            char text[32] = "";
            memset(text, 'x', before);
            strcat(text, endings[i]);
            assert_int_equal(valid_size(text), before);
        }
    }
}

/* Decodes and encodes again: what does not come out the same was not valid. */
static size_t slow_character_size(const unsigned char *text, size_t size)
{
    const size_t wanted = text[0] < 0x80 ? 1 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
    if (wanted > size || (text[0] >= 0x80 && text[0] < 0xC0) || text[0] >= 0xF8)
        return 0;
    uint32_t code = wanted == 1 ? text[0] : text[0] & (0xFFu >> (wanted + 1));
    for (size_t i = 1; i < wanted; i++) {
        if (text[i] < 0x80 || text[i] > 0xBF)
            return 0;
        code = code << 6 | (text[i] & 0x3Fu);
    }
    const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[wanted] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
        return 0;
    return wanted;
}

static size_t slow_valid_size(const unsigned char *text, size_t size)
{
    size_t at = 0;
    while (at < size) {
        const size_t character = slow_character_size(text + at, size - at);
        if (character == 0)
            break;
        at += character;
    }
    return at;
}

static void test_a_million_random_texts_are_judged_as_by_the_slow_way(void **state)
{
    (void)state;
    /* Bytes at the edges of the rules, so that valid and nearly valid characters are common. */
    static const unsigned char edges[] = {'a',  ' ',  0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0,
                                          0xBF, 0xC0, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEE, 0xEF,
                                          0xF0, 0xF1, 0xF4, 0xF5, 0xFF, 'z',  'y',  0x81};
    test_random random = random_begin();
    for (int i = 0; i < 1000000; i++) {
        unsigned char text[24];
        const size_t size = random_below(&random, sizeof text + 1);
        const bool wild = random_chance(&random, 20);
        for (size_t b = 0; b < size; b++)
            text[b] = wild ? (unsigned char)random_next(&random)
                           : edges[random_below(&random, sizeof edges)];
        assert_int_equal(skald_utf8_valid_size((const char *)text, size),
                         slow_valid_size(text, size));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_text_is_valid_to_its_end),
        cmocka_unit_test(test_invalid_bytes_are_found_where_they_begin),
        cmocka_unit_test(test_a_million_random_texts_are_judged_as_by_the_slow_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
