/* The calendar is computed here: this runs for every message on every worker, and glibc's gmtime_r
 * takes one lock for the whole process. */
#include "event/rfc3339.h"

#define DAY_SECONDS 86400
#define SECOND_US 1000000
/* Years begin in March here, so that the leap day is the last of its year, and eras of 400 years
 * have the same number of days. */
#define ERA_DAYS 146097
#define DAYS_0000_03_01_TO_1970 719468

typedef struct date {
    int64_t year;
    int month;
    int day;
} date;

static int64_t days_of(date civil)
{
    const int64_t year = civil.year + 400 - (civil.month <= 2 ? 1 : 0);
    const int64_t era = year / 400;
    const int64_t year_of_era = year % 400;
    const int64_t month_from_march = (civil.month + 9) % 12;
    const int64_t day_of_year = (153 * month_from_march + 2) / 5 + civil.day - 1;
    const int64_t day_of_era =
        year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return (era - 1) * ERA_DAYS + day_of_era - DAYS_0000_03_01_TO_1970;
}

static date date_of(int64_t days)
{
    const int64_t shifted = days + DAYS_0000_03_01_TO_1970 + ERA_DAYS;
    const int64_t era = shifted / ERA_DAYS - 1;
    const int64_t day_of_era = shifted % ERA_DAYS;
    const int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    const int64_t day_of_year =
        day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    const int64_t month_from_march = (5 * day_of_year + 2) / 153;
    const int month = (int)(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
    return (date){.year = year_of_era + era * 400 + (month <= 2 ? 1 : 0),
                  .month = month,
                  .day = (int)(day_of_year - (153 * month_from_march + 2) / 5 + 1)};
}

static char *number_write(char *at, int64_t value, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--, value /= 10)
        at[i] = (char)('0' + value % 10);
    at[digits] = after;
    return at + digits + 1;
}

bool skald_rfc3339_format(int64_t time_us, char out[SKALD_RFC3339_SIZE])
{
    int64_t seconds = time_us / SECOND_US;
    int64_t fraction = time_us % SECOND_US;
    if (fraction < 0) {
        fraction += SECOND_US;
        seconds--;
    }
    const int64_t first = days_of((date){0, 1, 1}) * DAY_SECONDS;
    const int64_t end = days_of((date){10000, 1, 1}) * DAY_SECONDS;
    if (seconds < first || seconds >= end)
        return false;
    const int64_t days = (seconds - first) / DAY_SECONDS + first / DAY_SECONDS;
    const int64_t second_of_day = seconds - days * DAY_SECONDS;
    const date civil = date_of(days);
    char *at = number_write(out, civil.year, 4, '-');
    at = number_write(at, civil.month, 2, '-');
    at = number_write(at, civil.day, 2, 'T');
    at = number_write(at, second_of_day / 3600, 2, ':');
    at = number_write(at, second_of_day / 60 % 60, 2, ':');
    at = number_write(at, second_of_day % 60, 2, '.');
    at = number_write(at, fraction, 6, 'Z');
    *at = '\0';
    return true;
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Exactly `digits` digits, at most `max`. */
static bool number_read(const char **at, int digits, int max, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!digit((*at)[i]))
            return false;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    *out = value;
    return value <= max;
}

static bool character_read(const char **at, char wanted)
{
    if (**at != wanted)
        return false;
    (*at)++;
    return true;
}

static int month_days(int64_t year, int month)
{
    if (month == 2)
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28;
    return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

static bool date_read(const char **at, int64_t *days)
{
    int year = 0;
    int month = 0;
    int day = 0;
    const bool read = number_read(at, 4, 9999, &year) && character_read(at, '-') &&
                      number_read(at, 2, 12, &month) && character_read(at, '-') &&
                      number_read(at, 2, 31, &day);
    if (!read || month == 0 || day == 0 || day > month_days(year, month))
        return false;
    *days = days_of((date){year, month, day});
    return true;
}

static bool clock_read(const char **at, int64_t *seconds)
{
    int hour = 0;
    int minute = 0;
    int second = 0;
    const bool read = number_read(at, 2, 23, &hour) && character_read(at, ':') &&
                      number_read(at, 2, 59, &minute) && character_read(at, ':') &&
                      number_read(at, 2, 60, &second);
    *seconds = (hour * 60 + minute) * 60 + second;
    return read;
}

/* Nothing, or a point and one digit or more. */
static bool fraction_read(const char **at, int64_t *fraction_us)
{
    *fraction_us = 0;
    if (**at != '.')
        return true;
    (*at)++;
    if (!digit(**at))
        return false;
    for (int64_t unit = SECOND_US / 10; digit(**at); (*at)++, unit /= 10)
        *fraction_us += unit * (**at - '0');
    return true;
}

static bool offset_read(const char **at, int64_t *seconds)
{
    *seconds = 0;
    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        return true;
    }
    if (**at != '+' && **at != '-')
        return false;
    const int sign = **at == '-' ? -1 : 1;
    (*at)++;
    int hour = 0;
    int minute = 0;
    const bool read =
        number_read(at, 2, 23, &hour) && character_read(at, ':') && number_read(at, 2, 59, &minute);
    *seconds = sign * (hour * 60 + minute) * 60;
    return read;
}

bool skald_rfc3339_parse(int64_t *out_us, const char *text)
{
    const char *at = text;
    int64_t days = 0;
    int64_t seconds = 0;
    int64_t fraction_us = 0;
    int64_t offset = 0;
    if (!date_read(&at, &days))
        return false;
    if (*at != 'T' && *at != 't' && *at != ' ')
        return false;
    at++;
    if (!clock_read(&at, &seconds) || !fraction_read(&at, &fraction_us) ||
        !offset_read(&at, &offset) || *at != '\0')
        return false;
    *out_us = (days * DAY_SECONDS + seconds - offset) * SECOND_US + fraction_us;
    return true;
}
