/* Exponential backoff with full jitter. Drawing from the whole range, and not from its upper half,
 * spreads a crowd of clients that all failed at the same moment. */
#include <skald/backoff.h>

#include <assert.h>
#include <stddef.h>

/* An unset maximum never undercuts a minimum that was set above the default. */
static skald_backoff defaults_fill(const skald_backoff *policy)
{
    skald_backoff filled = policy == NULL ? (skald_backoff){0} : *policy;
    if (filled.delay_ms_min == 0)
        filled.delay_ms_min = SKALD_BACKOFF_DELAY_MS_MIN_DEFAULT;
    if (filled.delay_ms_max == 0)
        filled.delay_ms_max = filled.delay_ms_min > SKALD_BACKOFF_DELAY_MS_MAX_DEFAULT
                                  ? filled.delay_ms_min
                                  : SKALD_BACKOFF_DELAY_MS_MAX_DEFAULT;
    return filled;
}

/* The shift is bounded before it is made: 64 bits hold 32 doublings of a 32-bit delay. */
static uint32_t ceiling_of(skald_backoff policy, uint32_t attempt)
{
    const uint32_t doublings = attempt - 1 < 32 ? attempt - 1 : 32;
    const uint64_t ceiling = (uint64_t)policy.delay_ms_min << doublings;
    return ceiling < policy.delay_ms_max ? (uint32_t)ceiling : policy.delay_ms_max;
}

uint32_t skald_backoff_delay_ms(const skald_backoff *policy, uint32_t attempt, uint64_t random)
{
    assert(attempt >= 1);
    const uint64_t choices = (uint64_t)ceiling_of(defaults_fill(policy), attempt) + 1;
    return (uint32_t)(((random >> 32) * choices) >> 32);
}
