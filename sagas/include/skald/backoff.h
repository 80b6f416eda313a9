/* How long to wait before the next attempt. Pure: the caller brings the randomness. */
#ifndef SKALD_BACKOFF_H
#define SKALD_BACKOFF_H

#include <skald/api.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Exponential growth with full jitter: the delay is drawn evenly from 0 up to a ceiling that starts
 * at delay_ms_min, doubles with every attempt and stops at delay_ms_max. A zero field takes the
 * default: 50 ms and 30 s. */
typedef struct skald_backoff {
    uint32_t delay_ms_min;
    uint32_t delay_ms_max;
} skald_backoff;

#define SKALD_BACKOFF_DELAY_MS_MIN_DEFAULT 50u
#define SKALD_BACKOFF_DELAY_MS_MAX_DEFAULT 30000u

/* The delay in milliseconds before attempt number `attempt` + 1, where `attempt` counts the
 * failures so far and starts at 1. `random` is any 64 random bits. A policy of NULL is all
 * defaults. Any thread. */
SKALD_API uint32_t skald_backoff_delay_ms(const skald_backoff *policy, uint32_t attempt,
                                          uint64_t random);

#ifdef __cplusplus
}
#endif

#endif
