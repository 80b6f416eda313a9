/* A circuit breaker: does it make sense to begin anything now? Pure; the breaker is a row that all
 * processes share. */
#ifndef SKALD_SAGAS_BREAKER_H
#define SKALD_SAGAS_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum skald_breaker_state {
    SKALD_BREAKER_CLOSED,  /* all may begin */
    SKALD_BREAKER_OPEN,    /* none may */
    SKALD_BREAKER_PROBING, /* one may, or is under way: its end decides */
} skald_breaker_state;

typedef struct skald_breaker {
    uint32_t failures_max; /* in a row that open it; 0: there is no breaker */
    uint64_t open_ms;      /* how long it stays open before a probe */
    uint32_t failures;     /* in a row, up to now */
    int64_t open_since_us; /* 0: closed */
    bool probe;            /* a probe is under way */
} skald_breaker;

/* An opening so far ahead of now that its time would be over the other way round is one of a clock
 * that was put back since: a probe may begin. */
skald_breaker_state skald_breaker_look(const skald_breaker *breaker, int64_t now_us);

/* How many may begin, `wanted` at most. While it is closed all may; a probe is one, and whoever
 * begins it sets `probe`. When fewer than wanted are allowed, *wait_ms says when to ask again (at
 * least 1; while a probe is due or under way: 1000), else 0. */
uint32_t skald_breaker_allow(const skald_breaker *breaker, int64_t now_us, uint32_t wanted,
                             uint32_t *wait_ms);

/* The breaker after one job ended. `probe`: it was the probe. The end of another job while it is
 * open changes nothing, since it began before; a probe that fails opens it anew, one that succeeds
 * closes it. A probe that ended without telling anything (cancelled, lost with its process) is no
 * end: clear `probe`, and the next look lets another one through. */
skald_breaker skald_breaker_ended(const skald_breaker *breaker, bool succeeded, bool probe,
                                  int64_t now_us);

#endif
