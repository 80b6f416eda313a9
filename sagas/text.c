/* Bounded text. */
#include "text.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    SECOND_MS = 1000,
    MINUTE_MS = 60 * SECOND_MS,
    HOUR_MS = 60 * MINUTE_MS,
    DAY_MS = 24 * HOUR_MS
};

void skald_text_add(skald_text_out *text, const char *format, ...)
{
    const size_t at = text->length < text->size ? text->length : text->size;
    va_list arguments;
    va_start(arguments, format);
    const int added =
        vsnprintf(at < text->size ? text->out + at : NULL, text->size - at, format, arguments);
    va_end(arguments);
    assert(added >= 0);
    text->length += (size_t)added;
}

void skald_text_pad(skald_text_out *text, size_t start, size_t column)
{
    do
        skald_text_add(text, " ");
    while (text->length < start + column);
}

void skald_text_time(skald_text_out *text, int64_t since_ms, int64_t time_ms)
{
    const int64_t days = time_ms / DAY_MS - since_ms / DAY_MS;
    const int64_t ms = ((time_ms % DAY_MS) + DAY_MS) % DAY_MS;
    if (days > 0)
        skald_text_add(text, "+%" PRId64 "d ", days);
    skald_text_add(text, "%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64, ms / HOUR_MS,
                   ms % HOUR_MS / MINUTE_MS, ms % MINUTE_MS / SECOND_MS, ms % SECOND_MS);
}

void skald_text_duration(skald_text_out *text, uint64_t duration_ms)
{
    static const struct {
        uint64_t ms;
        const char *unit;
    } units[] = {{DAY_MS, "d"}, {HOUR_MS, "h"}, {MINUTE_MS, "min"}, {SECOND_MS, "s"}};
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const uint64_t count = duration_ms / units[i].ms;
        if (count > 0 && duration_ms % units[i].ms == 0) {
            skald_text_add(text, "%" PRIu64 " %s", count, units[i].unit);
            return;
        }
    }
    skald_text_add(text, "%" PRIu64 " ms", duration_ms);
}
