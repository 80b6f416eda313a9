/* Points in time as text, against libc's calendar. */
#include "support/random.h"
#include "support/test.h"

#include "event/rfc3339.h"

#include <time.h>

static int64_t parsed(const char *text)
{
    int64_t time_us = -1;
    assert_true(skald_rfc3339_parse(&time_us, text));
    return time_us;
}

static void test_known_times_are_formatted_and_parsed(void **state)
{
    (void)state;
    char text[SKALD_RFC3339_SIZE];
    assert_true(skald_rfc3339_format(0, text));
    assert_string_equal(text, "1970-01-01T00:00:00.000000Z");
    assert_true(skald_rfc3339_format(-1, text));
    assert_string_equal(text, "1969-12-31T23:59:59.999999Z");
    assert_int_equal(parsed("2018-04-05T03:56:24Z"), INT64_C(1522900584000000));
    assert_int_equal(parsed("2018-04-05T17:31:00.5Z"), INT64_C(1522949460500000));
    assert_int_equal(parsed("1990-12-31T23:59:60Z"), INT64_C(662688000000000));
    assert_int_equal(parsed("1996-12-19T16:39:57-08:00"), parsed("1996-12-20T00:39:57Z"));
    assert_int_equal(parsed("1937-01-01T12:00:27.87+00:20"), parsed("1937-01-01T11:40:27.87Z"));
}

static void test_other_spellings_mean_the_same_time(void **state)
{
    (void)state;
    const int64_t time_us = parsed("2026-07-30T10:20:30.123456Z");
    assert_int_equal(parsed("2026-07-30t10:20:30.123456z"), time_us);
    assert_int_equal(parsed("2026-07-30 10:20:30.123456+00:00"), time_us);
    assert_int_equal(parsed("2026-07-30T10:20:30.123456789012345678901234567890Z"), time_us);
    assert_int_equal(parsed("2026-07-31T09:20:30.123456+23:00"), time_us);
}

static void test_what_is_not_a_time_is_refused(void **state)
{
    (void)state;
    const char *const wrong[] = {
        "",
        "now",
        "2026-07-30",
        "2026-07-30T10:20:30",
        "2026-07-30T10:20Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2026-04-31T00:00:00Z",
        "2026-07-30T24:00:00Z",
        "2026-07-30T10:60:00Z",
        "2026-07-30T10:20:61Z",
        "2026-07-30T10:20:30.Z",
        "2026-07-30T10:20:30+0200",
        "2026-07-30T10:20:30+24:00",
        "2026-07-30T10:20:30Zulu",
        "+2026-07-30T10:20:30Z",
        "12026-07-30T10:20:30Z",
        "2026-7-30T10:20:30Z",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t time_us = 42;
        assert_false(skald_rfc3339_parse(&time_us, wrong[i]));
        assert_int_equal(time_us, 42);
    }
}

static void test_years_that_the_format_cannot_say_are_refused(void **state)
{
    (void)state;
    char text[SKALD_RFC3339_SIZE];
    const int64_t last = parsed("9999-12-31T23:59:59.999999Z");
    const int64_t first = parsed("0000-01-01T00:00:00Z");
    assert_true(skald_rfc3339_format(last, text));
    assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
    assert_true(skald_rfc3339_format(first, text));
    assert_string_equal(text, "0000-01-01T00:00:00.000000Z");
    assert_false(skald_rfc3339_format(last + 1, text));
    assert_false(skald_rfc3339_format(first - 1, text));
    assert_false(skald_rfc3339_format(INT64_MAX, text));
    assert_false(skald_rfc3339_format(INT64_MIN, text));
}

static void test_every_day_of_ten_thousand_years_is_what_libc_says(void **state)
{
    (void)state;
    const int64_t first = parsed("0000-01-01T00:00:00Z") / 1000000;
    const int64_t last = parsed("9999-12-31T00:00:00Z") / 1000000;
    for (int64_t seconds = first; seconds <= last; seconds += 86400) {
        char expected[64];
        char text[SKALD_RFC3339_SIZE];
        struct tm civil;
        const time_t time = (time_t)seconds;
        assert_non_null(gmtime_r(&time, &civil));
        snprintf(expected, sizeof expected, "%04d-%02d-%02dT00:00:00.000000Z", civil.tm_year + 1900,
                 civil.tm_mon + 1, civil.tm_mday);
        assert_true(skald_rfc3339_format(seconds * 1000000, text));
        assert_string_equal(text, expected);
        assert_int_equal(parsed(text), seconds * 1000000);
    }
}

static void test_random_times_come_back(void **state)
{
    (void)state;
    test_random random = random_begin();
    const int64_t first = parsed("0000-01-01T00:00:00Z");
    const uint64_t span = (uint64_t)(parsed("9999-12-31T23:59:59Z") - first);
    for (int i = 0; i < 300000; i++) {
        const int64_t time_us = first + (int64_t)(random_next(&random) % span);
        char text[SKALD_RFC3339_SIZE];
        assert_true(skald_rfc3339_format(time_us, text));
        assert_int_equal(parsed(text), time_us);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_times_are_formatted_and_parsed),
        cmocka_unit_test(test_other_spellings_mean_the_same_time),
        cmocka_unit_test(test_what_is_not_a_time_is_refused),
        cmocka_unit_test(test_years_that_the_format_cannot_say_are_refused),
        cmocka_unit_test(test_every_day_of_ten_thousand_years_is_what_libc_says),
        cmocka_unit_test(test_random_times_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
