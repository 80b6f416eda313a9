/* Why the bound is exact although tokens are fractions.
 *
 * Tokens are kept in steps of 2^-20. A bucket holds fewer than 2^32 of them, so a double holds any
 * such number, and adding, taking and comparing never round. The one thing that rounds is how much
 * a span of time brings, and that is cut to a whole step, downwards. So nothing adds up over
 * millions of starts: all that ever came in is no more than the rate (as a double) times the time.
 *
 * What is cut off is less than one start in a million, because a bucket that allows nothing is left
 * as it was, with its time: asking often costs nothing, however slow the rate. */
#include "bucket.h"

#include <assert.h>

static const double STEPS_PER_TOKEN = 1048576.0;
static const double US_PER_S = 1e6;

/* Whole steps; whatever stands in the row, the result is from 0 to the burst. */
static double steps_cut(double tokens, uint32_t burst)
{
    if (!(tokens > 0))
        return 0;
    if (tokens >= burst)
        return burst;
    return (double)(uint64_t)(tokens * STEPS_PER_TOKEN) / STEPS_PER_TOKEN;
}

/* Of two times, as far apart as two numbers can be. */
static uint64_t span_us(int64_t from_us, int64_t to_us)
{
    return (uint64_t)to_us - (uint64_t)from_us;
}

static skald_bucket refilled(const skald_bucket *bucket, double rate, uint32_t burst,
                             int64_t now_us)
{
    skald_bucket full = {steps_cut(bucket->tokens, burst), bucket->at_us};
    if (now_us > bucket->at_us) {
        const double gained = (double)span_us(bucket->at_us, now_us) * rate / US_PER_S;
        full.tokens = steps_cut(full.tokens + steps_cut(gained, burst), burst);
        full.at_us = now_us;
    } else if (span_us(now_us, bucket->at_us) > (uint64_t)SKALD_BUCKET_BACK_US) {
        full.at_us = now_us;
    }
    return full;
}

static uint32_t ms_cut(double ms)
{
    if (!(ms < UINT32_MAX))
        return UINT32_MAX;
    return ms < 1 ? 1 : (uint32_t)ms;
}

static int64_t later(int64_t now_us, uint32_t ms)
{
    const int64_t us = (int64_t)ms * 1000;
    return now_us < INT64_MAX - us ? now_us + us : INT64_MAX;
}

/* Rounding in the division may call for one millisecond more than it says. */
static uint32_t wait_of(const skald_bucket *bucket, double rate, uint32_t burst, int64_t now_us)
{
    const double behind_us = bucket->at_us > now_us ? (double)span_us(now_us, bucket->at_us)
                                                    : -(double)span_us(bucket->at_us, now_us);
    const double us = (1 - steps_cut(bucket->tokens, burst)) * US_PER_S / rate + behind_us;
    const uint32_t wait_ms = ms_cut(us / 1000);
    for (uint32_t more = 0; more < 2 && wait_ms < UINT32_MAX - more; more++) {
        if (refilled(bucket, rate, burst, later(now_us, wait_ms + more)).tokens >= 1)
            return wait_ms + more;
    }
    return wait_ms < UINT32_MAX - 2 ? wait_ms + 2 : UINT32_MAX;
}

uint32_t skald_bucket_take(const skald_bucket *bucket, double rate, uint32_t burst, int64_t now_us,
                           uint32_t wanted, skald_bucket *after, uint32_t *wait_ms)
{
    assert(rate > 0);
    assert(burst >= 1);
    const skald_bucket full = refilled(bucket, rate, burst, now_us);
    const uint32_t whole = (uint32_t)full.tokens;
    const uint32_t allowed = whole < wanted ? whole : wanted;
    skald_bucket left = *bucket;
    if (allowed > 0)
        left = (skald_bucket){full.tokens - allowed, full.at_us};
    else if (full.at_us < bucket->at_us)
        left = full;
    *wait_ms = allowed < wanted ? wait_of(&left, rate, burst, now_us) : 0;
    *after = left;
    return allowed;
}
