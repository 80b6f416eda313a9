/* Five sets of numbers, and the first minute that is in all of them.
 *
 * The rule for days is that of crontab(5): when neither the day of the month nor the weekday has a
 * star, either is enough; else both must fit. A field has a star when one of its elements begins
 * with it, also one with a step. "0 0 13 * fri" is every 13th and every Friday; with a star and a
 * step of 2 in place of the 13 it is the Fridays on odd days.
 *
 * Whatever passes the parser comes: a day of the month meets every weekday within 40 years, 29
 * February included (eight years without one lie around 2100). */
#include "cron.h"

#include "scan.h"

#include <assert.h>
#include <skald/retry.h>

/* ---- fields ---- */

typedef struct field_kind {
    const char *name;
    uint32_t low;
    uint32_t high;
    const char *const *names; /* of the numbers from `low` on, name_count of them */
    uint32_t name_count;
    const char *remedy;
} field_kind;

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELD_COUNT };

static const field_kind fields[FIELD_COUNT] = {
    {"minute", 0, 59, NULL, 0, "*, 0-59, lists, ranges and steps such as */15"},
    {"hour", 0, 23, NULL, 0, "*, 0-23, lists, ranges and steps such as */2"},
    {"day", 1, 31, NULL, 0, "*, 1-31, lists, ranges and steps such as 1-15/2"},
    {"month", 1, 12, month_names, 12, "*, 1-12, jan-dec, lists, ranges and steps"},
    {"weekday", 0, 7, weekday_names, 7,
     "*, 0-7 (0 and 7 are Sunday), sun-sat, lists, ranges, steps"},
};

/* What one field has been read to. */
typedef struct set {
    uint64_t bits;
    bool star;
} set;

static bool is_number_or_letter(char character)
{
    return (character >= '0' && character <= '9') || (character >= 'a' && character <= 'z') ||
           (character >= 'A' && character <= 'Z');
}

/* The front of *rest that is a number or a name; *rest goes on behind it. */
static skald_word part_take(skald_word *rest)
{
    skald_word part = {rest->start, 0, rest->place};
    while (part.size < rest->size && is_number_or_letter(part.start[part.size]))
        part.size++;
    rest->start += part.size;
    rest->size -= part.size;
    return part;
}

static bool mark_take(skald_word *rest, char mark)
{
    if (rest->size == 0 || *rest->start != mark)
        return false;
    rest->start++;
    rest->size--;
    return true;
}

static bool value_take(const field_kind *field, skald_word *rest, uint32_t *value)
{
    const skald_word part = part_take(rest);
    for (uint32_t i = 0; i < field->name_count; i++) {
        if (skald_word_is_anycase(part, field->names[i])) {
            *value = field->low + i;
            return true;
        }
    }
    return skald_word_number(part, value) && *value >= field->low && *value <= field->high;
}

static const char *const BAD_VALUE = "is out of range or no number";
static const char *const BAD_STEP = "has a step that is no number from 1 up to what it steps over";

typedef struct range {
    uint32_t low;
    uint32_t high;
    uint32_t step;
} range;

static const char *step_take(skald_word *rest, range *out)
{
    if (!mark_take(rest, '/'))
        return NULL;
    const skald_word part = part_take(rest);
    if (!skald_word_number(part, &out->step) || out->step == 0 || out->step > out->high - out->low)
        return BAD_STEP;
    return NULL;
}

/* "sat-sun" ends on the seventh day. */
static uint32_t range_end(const field_kind *field, uint32_t low, uint32_t high)
{
    return field == &fields[WEEKDAY] && high == 0 && low > 0 ? 7 : high;
}

/* Behind the first value: the end and the step of a range, or nothing. */
static const char *range_take(const field_kind *field, skald_word *rest, range *out)
{
    if (!value_take(field, rest, &out->low))
        return BAD_VALUE;
    out->high = out->low;
    if (mark_take(rest, '/'))
        return "has a step without a range";
    if (!mark_take(rest, '-'))
        return NULL;
    if (!value_take(field, rest, &out->high))
        return BAD_VALUE;
    out->high = range_end(field, out->low, out->high);
    if (out->high < out->low)
        return "is a range that ends before it begins";
    return step_take(rest, out);
}

/* One element of a list: a star, a value or a range, with or without a step. NULL or what is
 * wrong. */
static const char *element_take(const field_kind *field, skald_word *rest, set *out)
{
    range found = {.low = field->low, .high = field->high, .step = 1};
    const bool star = mark_take(rest, '*');
    const char *const flaw = star ? step_take(rest, &found) : range_take(field, rest, &found);
    if (flaw != NULL)
        return flaw;
    out->star = out->star || star;
    for (uint32_t i = found.low; i <= found.high; i += found.step)
        out->bits |= UINT64_C(1) << i;
    return NULL;
}

static const char *field_take(const field_kind *field, skald_word word, set *out)
{
    do {
        const char *const flaw = element_take(field, &word, out);
        if (flaw != NULL)
            return flaw;
    } while (mark_take(&word, ','));
    return word.size == 0 ? NULL : "has a character that does not belong there";
}

/* ---- a schedule ---- */

static skald_status field_read(set *out, const field_kind *field, skald_word word, const char *text,
                               skald_error *error)
{
    if (word.size == 0)
        return skald_error_set(error, SKALD_INVALID,
                               "cron \"%.*s\": the field %s is missing; five stand there, minute "
                               "hour day month weekday, or @hourly, @daily, @midnight, @weekly, "
                               "@monthly, @yearly, @annually, or @every and a duration",
                               skald_text_shown(text), text, field->name);
    const char *const flaw = field_take(field, word, out);
    if (flaw != NULL)
        return skald_error_set(
            error, SKALD_INVALID,
            "cron \"%.*s\": %s: \"%.*s\" at character %zu %s; %s may stand there",
            skald_text_shown(text), text, field->name, skald_word_shown(word), word.start,
            word.place, flaw, field->remedy);
    return SKALD_OK;
}

static skald_status end_check(skald_words *words, const char *text, skald_error *error)
{
    const skald_word extra = skald_words_next(words);
    if (extra.size == 0)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "cron \"%.*s\": \"%.*s\" at character %zu is too much; five fields, or "
                           "one name, or @every and a duration are a whole schedule",
                           skald_text_shown(text), text, skald_word_shown(extra), extra.start,
                           extra.place);
}

static int32_t days_most(int32_t month)
{
    if (month == 2)
        return 29;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool comes(const skald_cron *cron)
{
    if (!cron->any_day && !cron->any_weekday)
        return true;
    for (int32_t month = 1; month <= 12; month++) {
        const uint32_t days = cron->days & (uint32_t)((UINT64_C(1) << (days_most(month) + 1)) - 1);
        if ((cron->months >> month & 1) != 0 && days != 0)
            return true;
    }
    return false;
}

static skald_status five_fields_read(skald_cron *out, skald_words *words, const char *text,
                                     skald_error *error)
{
    set sets[FIELD_COUNT] = {0};
    for (int i = 0; i < FIELD_COUNT; i++) {
        const skald_status status =
            field_read(&sets[i], &fields[i], skald_words_next(words), text, error);
        if (status != SKALD_OK)
            return status;
    }
    const uint64_t weekdays = sets[WEEKDAY].bits | sets[WEEKDAY].bits >> 7;
    *out = (skald_cron){
        .minutes = sets[MINUTE].bits,
        .hours = (uint32_t)sets[HOUR].bits,
        .days = (uint32_t)sets[DAY].bits,
        .months = (uint16_t)sets[MONTH].bits,
        .weekdays = (uint8_t)(weekdays & 0x7F),
        .any_day = sets[DAY].star,
        .any_weekday = sets[WEEKDAY].star,
    };
    if (!comes(out))
        return skald_error_set(error, SKALD_INVALID,
                               "cron \"%.*s\": day: none of its months has that day, so it never "
                               "comes; 1-29 may stand there for feb, 1-30 for apr, jun, sep, nov",
                               skald_text_shown(text), text);
    return end_check(words, text, error);
}

static skald_status every_read(skald_cron *out, skald_words *words, const char *text,
                               skald_error *error)
{
    const skald_word word = skald_words_next(words);
    uint64_t every_ms;
    const char *flaw = skald_word_duration(word, &every_ms);
    if (flaw == NULL && every_ms < 1000)
        flaw = "is too short";
    if (flaw != NULL)
        return skald_error_set(
            error, SKALD_INVALID,
            "cron \"%.*s\": @every: \"%.*s\" at character %zu %s; 1s to 366d may "
            "stand there",
            skald_text_shown(text), text, skald_word_shown(word), word.start, word.place, flaw);
    *out = (skald_cron){.every_ms = every_ms};
    return end_check(words, text, error);
}

static const struct {
    const char *name;
    const char *fields;
} names[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

static skald_status name_read(skald_cron *out, skald_words *words, const char *text,
                              skald_error *error)
{
    const skald_word word = skald_words_next(words);
    if (skald_word_is_anycase(word, "@every"))
        return every_read(out, words, text, error);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!skald_word_is_anycase(word, names[i].name))
            continue;
        skald_words meant = {.text = names[i].fields, .next = names[i].fields};
        const skald_status status = five_fields_read(out, &meant, names[i].fields, error);
        return status == SKALD_OK ? end_check(words, text, error) : status;
    }
    return skald_error_set(error, SKALD_INVALID,
                           "cron \"%.*s\": \"%.*s\" at character %zu is no such name; @hourly, "
                           "@daily, @midnight, @weekly, @monthly, @yearly, @annually and @every "
                           "with a duration may stand there",
                           skald_text_shown(text), text, skald_word_shown(word), word.start,
                           word.place);
}

skald_status skald_cron_parse(skald_cron *out, const char *text, skald_error *error)
{
    assert(out != NULL);
    if (text == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "cron: it is NULL; write five fields such as \"0 3 * * *\", or "
                               "\"@every 90s\"");
    skald_words words = {.text = text, .next = text};
    const skald_word first = skald_words_peek(&words);
    const bool named = first.size > 0 && *first.start == '@';
    skald_cron read;
    const skald_status status = named ? name_read(&read, &words, text, error)
                                      : five_fields_read(&read, &words, text, error);
    if (status == SKALD_OK)
        *out = read;
    return status;
}

/* ---- the next time ---- */

static bool is_leap(int32_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int32_t days_in(int32_t year, int32_t month)
{
    return month == 2 && !is_leap(year) ? 28 : days_most(month);
}

/* 0 is Sunday. The year begins in March, so that the day of a leap year is its last. */
static int32_t weekday_of(const skald_civil *date)
{
    static const int32_t offsets[] = {0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4};
    const int32_t year = date->month < 3 ? date->year - 1 : date->year;
    /* In a cycle of 400 years the weekdays come round, and no year is negative. */
    const int32_t place = (year % 400 + 400) % 400;
    return (place + place / 4 - place / 100 + offsets[date->month - 1] + date->day) % 7;
}

static bool has(uint64_t bits, int32_t number)
{
    return (bits >> number & 1) != 0;
}

static bool day_fits(const skald_cron *cron, const skald_civil *date)
{
    const bool day = has(cron->days, date->day);
    const bool weekday = has(cron->weekdays, weekday_of(date));
    return cron->any_day || cron->any_weekday ? day && weekday : day || weekday;
}

static void month_begin(skald_civil *at)
{
    const bool year_ends = at->month == 12;
    *at =
        (skald_civil){year_ends ? at->year + 1 : at->year, year_ends ? 1 : at->month + 1, 1, 0, 0};
}

static void day_begin(skald_civil *at)
{
    if (at->day == days_in(at->year, at->month))
        month_begin(at);
    else
        *at = (skald_civil){at->year, at->month, at->day + 1, 0, 0};
}

static void hour_begin(skald_civil *at)
{
    if (at->hour == 23) {
        day_begin(at);
    } else {
        at->hour++;
        at->minute = 0;
    }
}

static void minute_begin(skald_civil *at)
{
    if (at->minute == 59)
        hour_begin(at);
    else
        at->minute++;
}

skald_civil skald_cron_next(const skald_cron *cron, const skald_civil *after)
{
    assert(cron->every_ms == 0);
    assert(after->month >= 1 && after->month <= 12);
    assert(after->day >= 1 && after->day <= days_in(after->year, after->month));
    assert(after->hour >= 0 && after->hour <= 23);
    assert(after->minute >= 0 && after->minute <= 59);
    skald_civil at = *after;
    minute_begin(&at);
    /* The largest field that does not fit moves on, and all below it begin anew. */
    for (;;) {
        assert(at.year <= after->year + 41);
        if (!has(cron->months, at.month))
            month_begin(&at);
        else if (!day_fits(cron, &at))
            day_begin(&at);
        else if (!has(cron->hours, at.hour))
            hour_begin(&at);
        else if (!has(cron->minutes, at.minute))
            minute_begin(&at);
        else
            return at;
    }
}
