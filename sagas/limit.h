/* How many jobs of a queue may begin now: rate, concurrency, circuit breaker. */
#ifndef SKALD_SAGAS_LIMIT_H
#define SKALD_SAGAS_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

/* A token bucket: one token per start. */
typedef struct skald_bucket {
    double tokens; /* as of at_us */
    int64_t at_us;
} skald_bucket;

/* How many starts `bucket` allows now, `wanted` at most, and the bucket after them in *after.
 * `rate` is per second, above 0; `burst` is the size of the bucket, at least 1. When fewer than
 * wanted are allowed, *wait_ms says when the next one will be (rounded up, at least 1), else 0.
 * Time that goes backwards refills nothing. Over any time span t no more than burst + rate * t
 * starts are allowed. */
uint32_t skald_bucket_take(const skald_bucket *bucket, double rate, uint32_t burst, int64_t now_us,
                           uint32_t wanted, skald_bucket *after, uint32_t *wait_ms);

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

skald_breaker_state skald_breaker_look(const skald_breaker *breaker, int64_t now_us);

/* How many may begin; wait_ms as above (0 when it is closed; while a probe is under way: 1000). */
uint32_t skald_breaker_allow(const skald_breaker *breaker, int64_t now_us, uint32_t wanted,
                             uint32_t *wait_ms);

/* The breaker after one job ended. `probe`: it was the probe. A failure while it is open for
 * another reason than the probe changes nothing; a probe that fails opens it anew, one that
 * succeeds closes it. */
skald_breaker skald_breaker_ended(const skald_breaker *breaker, bool succeeded, bool probe,
                                  int64_t now_us);

#endif
