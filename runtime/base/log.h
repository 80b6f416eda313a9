/* The service's log: one callback, one call at a time. Library code returns errors; only the loops
 * that have nobody to return to (relay, followers, leases) say them here, once each. */
#ifndef SKALD_BASE_LOG_H
#define SKALD_BASE_LOG_H

#include <pthread.h>
#include <skald/log.h>
#include <skald/status.h>

typedef struct skald_log {
    pthread_mutex_t mutex; /* one call at a time */
    skald_log_function *write;
    void *user;
    skald_log_level level_min;
    char service[64];
} skald_log;

/* With `write` NULL: logfmt lines on stderr, from the level that SKALD_LOG names (debug, info,
 * warning, error; info without it). Under journald's $JOURNAL_STREAM lines carry a priority prefix
 * and no time. */
void skald_log_init(skald_log *log, const char *service, skald_log_function *write, void *user);
void skald_log_done(skald_log *log);

/* Says one sentence under a stable id. */
void skald_log_say(skald_log *log, skald_log_level level, const char *id, const char *format, ...)
    SKALD_PRINTF(4, 5);

#endif
