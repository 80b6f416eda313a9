/* The user's own headers. */
#include "support/test.h"

#include "event/headers.h"

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

static skald_status merge(const char **out, const char *inherited, const char *name,
                          const char *value)
{
    const skald_header header = {name, value};
    return skald_headers_merge(out, inherited, &header, 1, &arena, &error);
}

static void test_names_that_others_read_are_reserved_in_any_case(void **state)
{
    (void)state;
    const char *const reserved[] = {"Nats-Msg-Id",  "nats-rollup", "Nats-Expected-Last-Sequence",
                                    "Skald-Pos",    "SKALD-x",     "ce-id",
                                    "CE-anything",  "status",      "Description",
                                    "content-type", "Traceparent", "tracestate"};
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        assert_false(skald_header_name_valid(reserved[i], strlen(reserved[i])));
    const char *const free_names[] = {"tenant",  "X-Request-ID", "a", "cent",
                                      "Status2", "nats",         "_1"};
    for (size_t i = 0; i < sizeof free_names / sizeof *free_names; i++)
        assert_true(skald_header_name_valid(free_names[i], strlen(free_names[i])));
}

static void test_names_are_letters_digits_dash_and_underscore(void **state)
{
    (void)state;
    const char *const wrong[] = {"", "a b", "a:b", "a\n", "a.b", "\xC3\xA4", "a\r", "\"a\""};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(skald_header_name_valid(wrong[i], strlen(wrong[i])));
    assert_false(skald_header_name_valid("a\0b", 3));
}

static void test_values_are_text_on_one_line_without_blanks_at_the_ends(void **state)
{
    (void)state;
    const char *const wrong[] = {" a",       "a ",       "a\nb",     "a\rb",
                                 "a\tb",     "\x7F",     "\xFF",     "\xC2\x85",
                                 "\xE2\x82", "a\x1B[0m", "\xC2\x80", "\xC2\x9F"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_false(skald_header_value_valid(wrong[i], strlen(wrong[i])));
    const char *const right[] = {"", "a", "a b", "100 %", "\xC2\xA0\xC3\xA4", "a: b"};
    for (size_t i = 0; i < sizeof right / sizeof *right; i++)
        assert_true(skald_header_value_valid(right[i], strlen(right[i])));
    assert_false(skald_header_value_valid("a\0b", 3));
}

static void test_given_headers_win_over_inherited_ones(void **state)
{
    (void)state;
    const skald_header given[] = {{"TENANT", "blue"}, {"region", "eu"}};
    const char *out = NULL;
    assert_ok(skald_headers_merge(&out, "tenant: red\nsource: web\n", given, 2, &arena, &error),
              &error);
    assert_string_equal(out, "source: web\nTENANT: blue\nregion: eu\n");
}

static void test_nothing_given_and_nothing_inherited_is_nothing(void **state)
{
    (void)state;
    const char *out = "untouched";
    assert_ok(skald_headers_merge(&out, NULL, NULL, 0, &arena, &error), &error);
    assert_null(out);
    assert_ok(skald_headers_merge(&out, "a: b\n", NULL, 0, &arena, &error), &error);
    assert_string_equal(out, "a: b\n");
}

static void test_wrong_header_is_named(void **state)
{
    (void)state;
    const char *out = "untouched";
    assert_status(merge(&out, NULL, "tenant", "a\nb"), SKALD_INVALID, &error);
    assert_contains(error.text, "\"tenant\"");
    assert_status(merge(&out, NULL, "tenant", NULL), SKALD_INVALID, &error);
    assert_status(merge(&out, NULL, NULL, "a"), SKALD_INVALID, &error);
    assert_status(merge(&out, NULL, "ce-id", "a"), SKALD_INVALID, &error);
    assert_contains(error.text, "header 1");
    const skald_header twice[] = {{"a", "1"}, {"A", "2"}};
    assert_status(skald_headers_merge(&out, NULL, twice, 2, &arena, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "twice");
    assert_string_equal(out, "untouched");
}

static void test_size_limit_counts_inherited_headers(void **state)
{
    (void)state;
    static char value[SKALD_HEADERS_SIZE_MAX];
    const char *out = NULL;
    memset(value, 'v', sizeof value - 1);
    /* "a: " and the newline are four bytes; the rest of the limit is the value's. */
    value[SKALD_HEADERS_SIZE_MAX - 4] = '\0';
    assert_ok(merge(&out, NULL, "a", value), &error);
    assert_int_equal(strlen(out), SKALD_HEADERS_SIZE_MAX);
    const char *too_many = NULL;
    assert_status(merge(&too_many, out, "b", ""), SKALD_FULL, &error);
    assert_null(too_many);
}

static void test_value_is_found_without_regard_to_case(void **state)
{
    (void)state;
    const char *headers = "Tenant: blue\nempty: \nurl: http://a:80/\n";
    assert_string_equal(skald_headers_find(headers, "tenant", &arena), "blue");
    assert_string_equal(skald_headers_find(headers, "EMPTY", &arena), "");
    assert_string_equal(skald_headers_find(headers, "url", &arena), "http://a:80/");
    assert_null(skald_headers_find(headers, "ten", &arena));
    assert_null(skald_headers_find(headers, "blue", &arena));
    assert_null(skald_headers_find(NULL, "tenant", &arena));
}

static skald_status name_collect(void *user, const char *name, size_t name_size, const char *value,
                                 size_t value_size)
{
    char *collected = user;
    strncat(collected, name, name_size);
    strcat(collected, "=");
    strncat(collected, value, value_size);
    strcat(collected, ";");
    return name_size == 4 ? SKALD_FAILED : SKALD_OK;
}

static void test_visit_passes_over_what_is_no_header_and_stops_when_told(void **state)
{
    (void)state;
    char collected[128] = "";
    assert_int_equal(
        skald_headers_visit("junk\na: 1\n\n: 2\nb:3\n:\nc: 4", name_collect, collected), SKALD_OK);
    assert_string_equal(collected, "a=1;c=4;");
    collected[0] = '\0';
    assert_int_equal(skald_headers_visit("a: 1\nstop: 2\nb: 3\n", name_collect, collected),
                     SKALD_FAILED);
    assert_string_equal(collected, "a=1;stop=2;");
}

static void test_no_memory_is_said(void **state)
{
    (void)state;
    skald_arena tiny;
    skald_arena_init(&tiny, 1);
    const char *out = NULL;
    const skald_header header = {"a", "b"};
    assert_status(skald_headers_merge(&out, NULL, &header, 1, &tiny, &error), SKALD_NO_MEMORY,
                  &error);
    skald_arena_done(&tiny);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_that_others_read_are_reserved_in_any_case),
        cmocka_unit_test(test_names_are_letters_digits_dash_and_underscore),
        cmocka_unit_test(test_values_are_text_on_one_line_without_blanks_at_the_ends),
        cmocka_unit_test(test_given_headers_win_over_inherited_ones),
        cmocka_unit_test(test_nothing_given_and_nothing_inherited_is_nothing),
        cmocka_unit_test(test_wrong_header_is_named),
        cmocka_unit_test(test_size_limit_counts_inherited_headers),
        cmocka_unit_test(test_value_is_found_without_regard_to_case),
        cmocka_unit_test(test_visit_passes_over_what_is_no_header_and_stops_when_told),
        cmocka_unit_test(test_no_memory_is_said),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
