/* Schedules of cron: what is read, and when they come next, against an oracle that walks through
 * every minute. */
#include "support/random.h"
#include "support/test.h"

#include "cron.h"

#include <time.h>

static skald_cron parsed(const char *text)
{
    skald_cron cron = {0};
    skald_error error;
    assert_ok(skald_cron_parse(&cron, text, &error), &error);
    return cron;
}

static void civil_write(char *out, size_t size, const skald_civil *at)
{
    snprintf(out, size, "%04d-%02d-%02d %02d:%02d", at->year, at->month, at->day, at->hour,
             at->minute);
}

static skald_civil civil_read(const char *text)
{
    skald_civil at;
    const int count =
        sscanf(text, "%d-%d-%d %d:%d", &at.year, &at.month, &at.day, &at.hour, &at.minute);
    assert_int_equal(count, 5);
    return at;
}

static void next_expect(const char *cron, const char *after, const char *wanted)
{
    const skald_cron read = parsed(cron);
    const skald_civil from = civil_read(after);
    const skald_civil next = skald_cron_next(&read, &from);
    char found[64];
    civil_write(found, sizeof found, &next);
    if (strcmp(found, wanted) != 0)
        fail_msg("\"%s\" after %s: %s instead of %s", cron, after, found, wanted);
}

static void test_next_time_is_found_field_by_field(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"* * * * *", "2026-11-24 07:09", "2026-11-24 07:10"},
        {"* * * * *", "2026-12-31 23:59", "2027-01-01 00:00"},
        {"*/15 * * * *", "2026-11-24 07:15", "2026-11-24 07:30"},
        {"0 3 * * *", "2026-11-24 03:00", "2026-11-25 03:00"},
        {"0 3 * * *", "2026-11-24 02:59", "2026-11-24 03:00"},
        {"30 22-23,0-5/2 * * *", "2026-11-24 23:30", "2026-11-25 00:30"},
        {"30 22-23,0-5/2 * * *", "2026-11-25 00:30", "2026-11-25 02:30"},
        {"0 0 31 * *", "2026-03-31 00:00", "2026-05-31 00:00"},
        {"0 0 1 jan *", "2026-01-01 00:00", "2027-01-01 00:00"},
        {"0 9 * * mon-fri", "2026-11-27 09:00", "2026-11-30 09:00"},
        {"0 9 * * MON-Fri", "2026-11-27 08:00", "2026-11-27 09:00"},
        {"0 9 * * 7", "2026-11-24 00:00", "2026-11-29 09:00"},
        {"0 9 * * 0", "2026-11-24 00:00", "2026-11-29 09:00"},
        {"0 9 * * sat-sun", "2026-11-28 09:00", "2026-11-29 09:00"},
        {"0 9 * * 5-7", "2026-11-29 09:00", "2026-12-04 09:00"},
        {"0 0 29 2 *", "2026-01-01 00:00", "2028-02-29 00:00"},
        {"0 0 29 feb *", "2096-02-29 00:00", "2104-02-29 00:00"},
        {"0 0 29 feb *", "1996-02-29 00:00", "2000-02-29 00:00"},
        {"@hourly", "2026-11-24 07:09", "2026-11-24 08:00"},
        {"@daily", "2026-11-24 07:09", "2026-11-25 00:00"},
        {"@midnight", "2026-11-24 07:09", "2026-11-25 00:00"},
        {"@weekly", "2026-11-24 07:09", "2026-11-29 00:00"},
        {"@monthly", "2026-11-24 07:09", "2026-12-01 00:00"},
        {"@yearly", "2026-11-24 07:09", "2027-01-01 00:00"},
        {" @Annually ", "2026-11-24 07:09", "2027-01-01 00:00"},
        {" \t0  3\t*  *   * ", "2026-11-24 03:00", "2026-11-25 03:00"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        next_expect(cases[i][0], cases[i][1], cases[i][2]);
}

static void test_either_day_is_enough_where_neither_has_a_star(void **state)
{
    (void)state;
    /* 13 November 2026 is a Friday. */
    next_expect("0 0 13 * fri", "2026-11-06 00:00", "2026-11-13 00:00");
    next_expect("0 0 13 * fri", "2026-11-13 00:00", "2026-11-20 00:00");
    next_expect("0 0 13 * fri", "2026-12-11 00:00", "2026-12-13 00:00");
    /* A day that February never has, and yet every Monday of it. */
    next_expect("0 0 30 2 mon", "2026-01-01 00:00", "2026-02-02 00:00");
}

static void test_both_days_must_fit_where_one_has_a_star_with_or_without_a_step(void **state)
{
    (void)state;
    next_expect("0 0 */2 * fri", "2026-11-20 00:00", "2026-11-27 00:00");
    next_expect("0 0 */2 * fri", "2026-11-27 00:00", "2026-12-11 00:00");
    next_expect("0 0 13 * */5", "2026-11-24 00:00", "2026-12-13 00:00");
    next_expect("0 0 1,*/30 * mon", "2026-11-24 00:00", "2027-02-01 00:00");
}

static void test_every_is_a_duration_of_a_second_or_more(void **state)
{
    (void)state;
    assert_int_equal(parsed("@every 90s").every_ms, 90000);
    assert_int_equal(parsed("  @every   1h30m ").every_ms, 5400000);
    assert_int_equal(parsed("@every 1s").every_ms, 1000);
    assert_int_equal(parsed("@every 1500ms").every_ms, 1500);
    assert_int_equal(parsed("@every 366d").every_ms, INT64_C(366) * 86400000);
    assert_int_equal(parsed("* * * * *").every_ms, 0);
}

static void test_what_is_wrong_is_named_with_its_field_and_what_may_stand_there(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {NULL, "it is NULL; write five fields"},
        {"", "the field minute is missing; five stand there"},
        {"* * *", "the field month is missing; five stand there, minute hour day"},
        {"* * * *", "the field weekday is missing"},
        {"* * * * * *", "\"*\" at character 11 is too much"},
        {"60 * * * *", "minute: \"60\" at character 1 is out of range or no number; *, 0-59"},
        {"-1 * * * *", "minute: \"-1\" at character 1 is out of range"},
        {"* 24 * * *", "hour: \"24\" at character 3 is out of range or no number; *, 0-23"},
        {"* * 0 * *", "day: \"0\" at character 5 is out of range or no number; *, 1-31"},
        {"* * 32 * *", "day: \"32\""},
        {"* * * 13 *",
         "month: \"13\" at character 7 is out of range or no number; *, 1-12, jan-dec"},
        {"* * * 0 *", "month: \"0\""},
        {"* * * * 8", "weekday: \"8\" at character 9 is out of range or no number; *, 0-7"},
        {"* * * january *", "month: \"january\""},
        {"* * * mon *", "month: \"mon\""},
        {"* * * * jan", "weekday: \"jan\""},
        {"jan * * * *", "minute: \"jan\""},
        {"99999999999999999999 * * * *", "minute: \"99999999999999999999\" at character 1 is out"},
        {"5,, * * * *", "minute: \"5,,\" at character 1 is out of range"},
        {"5, * * * *", "minute: \"5,\" at character 1 is out of range"},
        {"5- * * * *", "minute: \"5-\" at character 1 is out of range"},
        {"10-5 * * * *", "minute: \"10-5\" at character 1 is a range that ends before it begins"},
        {"* 22-6 * * *", "hour: \"22-6\" at character 3 is a range that ends before"},
        {"* * * * fri-mon", "weekday: \"fri-mon\" at character 9 is a range that ends before"},
        {"*/0 * * * *", "minute: \"*/0\" at character 1 has a step that is no number from 1"},
        {"*/60 * * * *", "has a step that is no number from 1 up to what it steps over"},
        {"*/ * * * *", "has a step that is no number"},
        {"1-5/9 * * * *", "has a step that is no number from 1 up to"},
        {"5/10 * * * *", "minute: \"5/10\" at character 1 has a step without a range"},
        {"*5 * * * *", "minute: \"*5\" at character 1 has a character that does not belong there"},
        {"1-2-3 * * * *", "has a character that does not belong there"},
        {"? * * * *", "minute: \"?\""},
        {"0 0 30 2 *", "day: none of its months has that day, so it never comes; 1-29"},
        {"0 0 31 2,4,6,9,11 *", "it never comes"},
        {"0 0 31 apr *", "it never comes"},
        {"0 0 30 2 */2", "it never comes"},
        {"@reboot", "\"@reboot\" at character 1 is no such name; @hourly"},
        {"@daily 5", "\"5\" at character 8 is too much"},
        {"@every", "@every: \"\" at character 7 is no duration"},
        {"@every 999ms", "@every: \"999ms\" at character 8 is too short; 1s to 366d"},
        {"@every 0s", "is too short"},
        {"@every 90", "@every: \"90\" at character 8 has no unit"},
        {"@every 367d", "is longer than 366d"},
        {"@every 1h 30m", "\"30m\" at character 11 is too much"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        skald_cron found = {.every_ms = 77};
        skald_error error;
        assert_status(skald_cron_parse(&found, cases[i][0], &error), SKALD_INVALID, &error);
        assert_contains(error.text, cases[i][1]);
        assert_int_equal(found.every_ms, 77);
        assert_int_equal(skald_cron_parse(&found, cases[i][0], NULL), SKALD_INVALID);
    }
}

static void test_every_day_of_the_year_is_accepted_and_no_other(void **state)
{
    (void)state;
    static const int most[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int month = 1; month <= 12; month++) {
        for (int day = 1; day <= 31; day++) {
            char text[32];
            snprintf(text, sizeof text, "0 0 %d %d *", day, month);
            skald_cron cron;
            const bool accepted = skald_cron_parse(&cron, text, NULL) == SKALD_OK;
            assert_int_equal(accepted, day <= most[month - 1]);
        }
    }
}

/* ---- the oracle: the calendar of libc, walked through day by day and minute by minute ---- */

typedef struct walk {
    skald_civil at;
    int weekday;
    int days; /* of the month */
} walk;

static int days_of(int year, int month)
{
    struct tm next = {.tm_year = year - 1900 + (month == 12 ? 1 : 0), .tm_mon = month % 12};
    next.tm_mday = 1;
    const time_t end = timegm(&next) - 86400;
    struct tm last;
    gmtime_r(&end, &last);
    return last.tm_mday;
}

static walk walk_begin(const skald_civil *at)
{
    struct tm broken = {.tm_year = at->year - 1900, .tm_mon = at->month - 1, .tm_mday = at->day};
    const time_t seconds = timegm(&broken);
    gmtime_r(&seconds, &broken);
    return (walk){*at, broken.tm_wday, days_of(at->year, at->month)};
}

static void walk_day(walk *w)
{
    w->weekday = (w->weekday + 1) % 7;
    w->at.hour = 0;
    w->at.minute = 0;
    if (++w->at.day <= w->days)
        return;
    w->at.day = 1;
    if (++w->at.month > 12) {
        w->at.month = 1;
        w->at.year++;
    }
    w->days = days_of(w->at.year, w->at.month);
}

static void walk_minute(walk *w)
{
    if (++w->at.minute < 60)
        return;
    w->at.minute = 0;
    if (++w->at.hour < 24)
        return;
    walk_day(w);
}

static bool walk_same(const walk *w, const skald_civil *other)
{
    return w->at.year == other->year && w->at.month == other->month && w->at.day == other->day &&
           w->at.hour == other->hour && w->at.minute == other->minute;
}

/* What an expression means, noted while it is written. */
typedef struct meant {
    char text[512];
    size_t size;
    bool fits[5][60];
    bool star[5];
} meant;

static const struct {
    int low;
    int high;
    const char *names[12];
} kinds[5] = {
    {0, 59, {NULL}},
    {0, 23, {NULL}},
    {1, 31, {NULL}},
    {1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
    {0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL}},
};

static void text_add(meant *m, const char *text)
{
    m->size += (size_t)snprintf(m->text + m->size, sizeof m->text - m->size, "%s", text);
    assert_true(m->size < sizeof m->text);
}

static void number_add(meant *m, test_random *random, int kind, int number)
{
    char text[16];
    const int place = number - kinds[kind].low;
    const char *const name = place < 12 ? kinds[kind].names[place] : NULL;
    if (name == NULL || random_chance(random, 50)) {
        snprintf(text, sizeof text, "%d", number);
    } else {
        snprintf(text, sizeof text, "%s", name);
        text[random_below(random, 3)] ^= 0x20;
    }
    text_add(m, text);
}

static void range_note(meant *m, int kind, int low, int high, int step)
{
    for (int i = low; i <= high; i += step)
        m->fits[kind][kind == 4 && i == 7 ? 0 : i] = true;
}

static void element_add(meant *m, test_random *random, int kind)
{
    const int span = kinds[kind].high - kinds[kind].low;
    int low = kinds[kind].low;
    int high = kinds[kind].high;
    int step = 1;
    const uint32_t form = random_below(random, 10);
    if (form < 2) {
        text_add(m, "*");
        m->star[kind] = true;
    } else {
        low += (int)random_below(random, (uint32_t)span + 1);
        high = form < 6 ? low
                        : low + (int)random_below(random, (uint32_t)(kinds[kind].high - low) + 1);
        number_add(m, random, kind, low);
        if (form >= 6) {
            text_add(m, "-");
            number_add(m, random, kind, high);
        }
    }
    if ((form < 2 || form >= 6) && high > low && random_chance(random, 50)) {
        char text[16];
        step = 1 + (int)random_below(random, (uint32_t)(high - low));
        snprintf(text, sizeof text, "/%d", step);
        text_add(m, text);
    }
    range_note(m, kind, low, high, step);
}

static void meant_make(meant *m, test_random *random)
{
    memset(m, 0, sizeof *m);
    for (int kind = 0; kind < 5; kind++) {
        text_add(m, kind == 0 ? "" : " ");
        if (random_chance(random, 40)) {
            text_add(m, "*");
            m->star[kind] = true;
            range_note(m, kind, kinds[kind].low, kinds[kind].high, 1);
            continue;
        }
        for (uint32_t more = random_below(random, 3) + 1; more > 0; more--) {
            element_add(m, random, kind);
            text_add(m, more > 1 ? "," : "");
        }
    }
}

static bool meant_day(const meant *m, const walk *w)
{
    const bool day = m->fits[2][w->at.day];
    const bool weekday = m->fits[4][w->weekday];
    if (!m->fits[3][w->at.month])
        return false;
    return m->star[2] || m->star[4] ? day && weekday : day || weekday;
}

/* Is there a day at all, in a year of the oracle's calendar that has 29 February? */
static bool meant_comes(const meant *m)
{
    if (!m->star[2] && !m->star[4])
        return true;
    for (int month = 1; month <= 12; month++) {
        for (int day = 1; day <= days_of(2028, month); day++) {
            if (m->fits[3][month] && m->fits[2][day])
                return true;
        }
    }
    return false;
}

/* Walks from `after` to the next minute that fits. A day that does not fit is left at once. */
static void walk_next(walk *w, const meant *m, uint64_t *steps)
{
    walk_minute(w);
    for (;;) {
        ++*steps;
        if (!meant_day(m, w))
            walk_day(w);
        else if (m->fits[1][w->at.hour] && m->fits[0][w->at.minute])
            return;
        else
            walk_minute(w);
    }
}

static skald_civil random_civil(test_random *random)
{
    static const int years[] = {1896, 1999, 2000, 2023, 2024, 2026, 2027, 2095, 2099};
    skald_civil at = {.year = years[random_below(random, 9)]};
    at.month = 1 + (int)random_below(random, 12);
    at.day = 1 + (int)random_below(random, (uint32_t)days_of(at.year, at.month));
    at.hour = (int)random_below(random, 24);
    at.minute = (int)random_below(random, 60);
    return at;
}

static void chain_check(const meant *m, const skald_cron *cron, test_random *random, int links,
                        uint64_t *steps)
{
    const skald_civil from = random_civil(random);
    walk w = walk_begin(&from);
    for (int i = 0; i < links; i++) {
        const skald_civil after = w.at;
        const skald_civil found = skald_cron_next(cron, &after);
        walk_next(&w, m, steps);
        if (walk_same(&w, &found))
            continue;
        char texts[3][64];
        civil_write(texts[0], 64, &after);
        civil_write(texts[1], 64, &found);
        civil_write(texts[2], 64, &w.at);
        fail_msg("\"%s\" after %s: %s instead of %s", m->text, texts[0], texts[1], texts[2]);
    }
}

static void test_a_million_next_times_are_those_of_a_walk_through_every_minute(void **state)
{
    (void)state;
    enum { EXPRESSIONS = 10000, LINKS = 110 };
    test_random random = random_begin();
    static meant m;
    int chains = 0;
    uint64_t steps = 0;
    for (int i = 0; i < EXPRESSIONS; i++) {
        meant_make(&m, &random);
        skald_cron cron;
        skald_error error;
        const bool comes = meant_comes(&m);
        assert_status(skald_cron_parse(&cron, m.text, &error), comes ? SKALD_OK : SKALD_INVALID,
                      &error);
        if (!comes)
            continue;
        chain_check(&m, &cron, &random, LINKS, &steps);
        chains++;
    }
    assert_true(chains * LINKS >= 1000000);
    print_message("%d expressions, %llu steps of the oracle\n", chains, (unsigned long long)steps);
}

static void test_leap_days_on_a_weekday_are_found_over_four_centuries(void **state)
{
    (void)state;
    for (int weekday = 0; weekday < 7; weekday++) {
        skald_cron cron = parsed("0 0 29 2 *");
        cron.weekdays = (uint8_t)(1 << weekday);
        skald_civil at = {1890, 1, 1, 0, 0};
        walk w = walk_begin(&at);
        int found = 0;
        while (at.year < 2300) {
            at = skald_cron_next(&cron, &at);
            do
                walk_day(&w);
            while (w.at.month != 2 || w.at.day != 29 || w.weekday != weekday);
            assert_true(walk_same(&w, &at));
            found++;
        }
        assert_in_range(found, 12, 17);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_next_time_is_found_field_by_field),
        cmocka_unit_test(test_either_day_is_enough_where_neither_has_a_star),
        cmocka_unit_test(test_both_days_must_fit_where_one_has_a_star_with_or_without_a_step),
        cmocka_unit_test(test_every_is_a_duration_of_a_second_or_more),
        cmocka_unit_test(test_what_is_wrong_is_named_with_its_field_and_what_may_stand_there),
        cmocka_unit_test(test_every_day_of_the_year_is_accepted_and_no_other),
        cmocka_unit_test(test_a_million_next_times_are_those_of_a_walk_through_every_minute),
        cmocka_unit_test(test_leap_days_on_a_weekday_are_found_over_four_centuries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
