/* Time, for people and from people. */
#include "cli/session.h"

#include "event/rfc3339.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_US INT64_C(1000000)

typedef struct span_unit {
    const char *name;
    int64_t size_us;
    int64_t end_us; /* from here on the next unit says it better */
} span_unit;

static const span_unit units[] = {
    {"s", SECOND_US, 120 * SECOND_US},
    {"min", 60 * SECOND_US, 7200 * SECOND_US},
    {"h", 3600 * SECOND_US, 48 * 3600 * SECOND_US},
    {"d", 24 * 3600 * SECOND_US, INT64_MAX},
};

const char *session_span(cli_session *session, int64_t span_us)
{
    const span_unit *unit = units;
    if (span_us < SECOND_US)
        return skald_arena_format(&session->arena, "%lld ms", (long long)(span_us / 1000));
    if (span_us < 10 * SECOND_US)
        return skald_arena_format(&session->arena, "%.1f s", (double)span_us / 1e6);
    while (span_us >= unit->end_us)
        unit++;
    return skald_arena_format(&session->arena, "%lld %s", (long long)(span_us / unit->size_us),
                              unit->name);
}

static const char *relative(cli_session *session, int64_t time_us)
{
    const int64_t ago_us = session->now_us - time_us;
    if (ago_us > -SECOND_US && ago_us < SECOND_US)
        return "now";
    /* Whole seconds are enough for a moment that moves on while it is read. */
    const int64_t whole_us =
        llabs(ago_us) < 10 * SECOND_US ? llabs(ago_us) / SECOND_US * SECOND_US : llabs(ago_us);
    const char *span =
        whole_us < 10 * SECOND_US
            ? skald_arena_format(&session->arena, "%lld s", (long long)(whole_us / SECOND_US))
            : session_span(session, whole_us);
    return ago_us > 0 ? skald_arena_format(&session->arena, "%s ago", span)
                      : skald_arena_format(&session->arena, "in %s", span);
}

const char *session_when(cli_session *session, int64_t time_us)
{
    char text[SKALD_RFC3339_SIZE];
    if (session->time == SESSION_TIME_RELATIVE)
        return relative(session, time_us);
    if (session->time == SESSION_TIME_ISO && skald_rfc3339_format(time_us, text))
        return skald_arena_text(&session->arena, text);
    return skald_arena_format(&session->arena, "%.3f", (double)time_us / 1e6);
}

/* --- from people --------------------------------------------------------------------------- */

/* "15m": so long ago. */
static bool ago_read(const char *text, int64_t *ago_us)
{
    static const struct {
        const char *name;
        int64_t size_us;
    } names[] = {{"s", SECOND_US},         {"m", 60 * SECOND_US},        {"min", 60 * SECOND_US},
                 {"h", 3600 * SECOND_US},  {"d", 24 * 3600 * SECOND_US}, {"ms", SECOND_US / 1000},
                 {"w", 604800 * SECOND_US}};
    char *end = NULL;
    errno = 0;
    const long long count = strtoll(text, &end, 10);
    if (*text < '0' || *text > '9' || errno != 0 || count > 1000000000)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(end, names[i].name) == 0) {
            return !__builtin_mul_overflow((int64_t)count, names[i].size_us, ago_us);
        }
    }
    return false;
}

bool session_time_read(const cli_session *session, const char *option, const char *text,
                       int64_t *time_us)
{
    int64_t ago_us = 0;
    if (ago_read(text, &ago_us)) {
        *time_us = session->now_us - ago_us;
        return true;
    }
    if (skald_rfc3339_parse(time_us, text))
        return true;
    session_refuse(session, EX_USAGE,
                   "--%s is a length of time, such as 90s, 15m, 2h or 7d, or a moment, such as "
                   "2026-01-31T12:00:00Z; not \"%s\"",
                   option, text);
    return false;
}
