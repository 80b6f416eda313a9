/* Both are seconds with up to nine digits behind the point. */
#include "json/seconds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMESTAMP_MIN INT64_C(-62135596800) /* 0001-01-01T00:00:00Z */
#define TIMESTAMP_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define DURATION_MAX INT64_C(315576000000)
#define NANOS_MAX 999999999

/* None, three, six or nine digits: as few as say it. */
static void nanos_print(int32_t nanos, char out[16])
{
    if (nanos == 0)
        out[0] = '\0';
    else if (nanos % 1000000 == 0)
        snprintf(out, 16, ".%03d", nanos / 1000000);
    else if (nanos % 1000 == 0)
        snprintf(out, 16, ".%06d", nanos / 1000);
    else
        snprintf(out, 16, ".%09d", nanos);
}

bool skald_json_timestamp_print(skald_json_seconds value, char out[SKALD_JSON_SECONDS_SIZE])
{
    char fraction[16];
    struct tm parts;
    const time_t seconds = (time_t)value.seconds;
    if (value.seconds < TIMESTAMP_MIN || value.seconds > TIMESTAMP_MAX || value.nanos < 0 ||
        value.nanos > NANOS_MAX || gmtime_r(&seconds, &parts) == NULL)
        return false;
    nanos_print(value.nanos, fraction);
    snprintf(out, SKALD_JSON_SECONDS_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d%sZ", parts.tm_year + 1900,
             parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, fraction);
    return true;
}

bool skald_json_duration_print(skald_json_seconds value, char out[SKALD_JSON_SECONDS_SIZE])
{
    char fraction[16];
    if (value.seconds < -DURATION_MAX || value.seconds > DURATION_MAX || value.nanos < -NANOS_MAX ||
        value.nanos > NANOS_MAX || (value.seconds > 0 && value.nanos < 0) ||
        (value.seconds < 0 && value.nanos > 0))
        return false;
    const bool negative = value.seconds < 0 || value.nanos < 0;
    nanos_print(abs(value.nanos), fraction);
    snprintf(out, SKALD_JSON_SECONDS_SIZE, "%s%lld%ss", negative ? "-" : "",
             (long long)llabs((long long)value.seconds), fraction);
    return true;
}

/* --- reading ------------------------------------------------------------------------------- */

/* Exactly `count` digits. */
static bool digits_parse(const char **at, int count, int *out)
{
    int value = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (**at < '0' || **at > '9')
            return false;
        value = value * 10 + (**at - '0');
    }
    *out = value;
    return true;
}

static bool letter_parse(const char **at, char letter)
{
    if (**at != letter)
        return false;
    (*at)++;
    return true;
}

/* "" or ".5": up to nine digits. */
static bool fraction_parse(const char **at, int32_t *nanos)
{
    *nanos = 0;
    if (**at != '.')
        return true;
    (*at)++;
    int32_t unit = 100000000;
    int digit = 0;
    if (!digits_parse(at, 1, &digit))
        return false;
    *nanos = digit * unit;
    while (**at >= '0' && **at <= '9') {
        unit /= 10;
        if (unit == 0)
            return false;
        digits_parse(at, 1, &digit);
        *nanos += digit * unit;
    }
    return true;
}

static bool offset_parse(const char **at, int64_t *seconds)
{
    int hours = 0;
    int minutes = 0;
    const char sign = **at;
    (*at)++;
    if (sign == 'Z' || sign == 'z') {
        *seconds = 0;
        return true;
    }
    if ((sign != '+' && sign != '-') || !digits_parse(at, 2, &hours) || !letter_parse(at, ':') ||
        !digits_parse(at, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    *seconds = (sign == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
    return true;
}

/* timegm() carries over what does not exist, such as a 31st of April: refused. */
static bool moment_find(struct tm parts, int64_t *seconds)
{
    const struct tm given = parts;
    *seconds = timegm(&parts);
    return parts.tm_year == given.tm_year && parts.tm_mon == given.tm_mon &&
           parts.tm_mday == given.tm_mday && parts.tm_hour == given.tm_hour &&
           parts.tm_min == given.tm_min && parts.tm_sec == given.tm_sec;
}

bool skald_json_timestamp_parse(const char *text, skald_json_seconds *out)
{
    struct tm parts = {0};
    skald_json_seconds value = {0};
    int64_t offset = 0;
    const char *at = text;
    if (!digits_parse(&at, 4, &parts.tm_year) || !letter_parse(&at, '-') ||
        !digits_parse(&at, 2, &parts.tm_mon) || !letter_parse(&at, '-') ||
        !digits_parse(&at, 2, &parts.tm_mday) || (*at != 'T' && *at != 't'))
        return false;
    at++;
    if (!digits_parse(&at, 2, &parts.tm_hour) || !letter_parse(&at, ':') ||
        !digits_parse(&at, 2, &parts.tm_min) || !letter_parse(&at, ':') ||
        !digits_parse(&at, 2, &parts.tm_sec) || !fraction_parse(&at, &value.nanos) || *at == '\0' ||
        !offset_parse(&at, &offset) || *at != '\0')
        return false;
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    if (!moment_find(parts, &value.seconds))
        return false;
    value.seconds -= offset;
    if (value.seconds < TIMESTAMP_MIN || value.seconds > TIMESTAMP_MAX)
        return false;
    *out = value;
    return true;
}

bool skald_json_duration_parse(const char *text, skald_json_seconds *out)
{
    skald_json_seconds value = {0};
    const char *at = text;
    const bool negative = letter_parse(&at, '-');
    int digit = 0;
    if (!digits_parse(&at, 1, &digit))
        return false;
    value.seconds = digit;
    while (digits_parse(&at, 1, &digit)) {
        value.seconds = value.seconds * 10 + digit;
        if (value.seconds > DURATION_MAX)
            return false;
    }
    if (!fraction_parse(&at, &value.nanos) || strcmp(at, "s") != 0)
        return false;
    if (negative) {
        value.seconds = -value.seconds;
        value.nanos = -value.nanos;
    }
    *out = value;
    return true;
}
