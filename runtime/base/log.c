/* The default writer and the lock around whichever writer is used. */
#include "base/log.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { LINE_SIZE = 1024 };

static const char *const level_names[] = {"debug", "info", "warning", "error"};
static const int journal_priorities[] = {7, 6, 4, 3};

static skald_log_level level_from_environment(void)
{
    const char *wanted = getenv("SKALD_LOG");
    for (int i = 0; wanted != NULL && i <= SKALD_LOG_ERROR; i++) {
        if (strcasecmp(wanted, level_names[i]) == 0)
            return (skald_log_level)i;
    }
    return SKALD_LOG_INFO;
}

void skald_log_init(skald_log *log, const char *service, skald_log_function *write, void *user)
{
    *log = (skald_log){.write = write,
                       .user = user,
                       .level_min = write != NULL ? SKALD_LOG_DEBUG : level_from_environment()};
    pthread_mutex_init(&log->mutex, NULL);
    snprintf(log->service, sizeof log->service, "%s", service);
}

void skald_log_done(skald_log *log)
{
    pthread_mutex_destroy(&log->mutex);
}

/* Quotes for logfmt, so that no text can forge a field or a line. */
static void text_quote(char *out, size_t size, const char *text)
{
    size_t used = 0;
    for (; *text != '\0' && used + 3 < size; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\')
            out[used++] = '\\';
        out[used++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
    }
    out[used] = '\0';
}

static void line_write(const skald_log *log, skald_log_level level, const char *id,
                       const char *text)
{
    char quoted[LINE_SIZE];
    text_quote(quoted, sizeof quoted, text);
    if (getenv("JOURNAL_STREAM") != NULL) {
        fprintf(stderr, "<%d>level=%s service=%s id=%s msg=\"%s\"\n", journal_priorities[level],
                level_names[level], log->service, id, quoted);
        return;
    }
    const int64_t now_us = skald_clock_wall_us();
    const time_t seconds = (time_t)(now_us / 1000000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    char time_text[32];
    strftime(time_text, sizeof time_text, "%Y-%m-%dT%H:%M:%S", &utc);
    fprintf(stderr, "ts=%s.%03dZ level=%s service=%s id=%s msg=\"%s\"\n", time_text,
            (int)(now_us / 1000 % 1000), level_names[level], log->service, id, quoted);
}

void skald_log_say(skald_log *log, skald_log_level level, const char *id, const char *format, ...)
{
    if (level < log->level_min)
        return;
    char text[LINE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    pthread_mutex_lock(&log->mutex);
    if (log->write != NULL)
        log->write(log->user, level, id, text);
    else
        line_write(log, level, id, text);
    pthread_mutex_unlock(&log->mutex);
}
