/* Closed, open, probing: where it stands follows from since when it is open and whether a probe is
 * under way, so that nobody has to be there when the time is over. */
#include "breaker.h"

static const uint32_t PROBE_WAIT_MS = 1000;
static const uint64_t US_PER_MS = 1000;

/* How far the opening and now are apart, whichever is first. */
static uint64_t apart_ms(const skald_breaker *breaker, int64_t now_us)
{
    const uint64_t now = (uint64_t)now_us;
    const uint64_t since = (uint64_t)breaker->open_since_us;
    return (now_us > breaker->open_since_us ? now - since : since - now) / US_PER_MS;
}

skald_breaker_state skald_breaker_look(const skald_breaker *breaker, int64_t now_us)
{
    if (breaker->failures_max == 0 || breaker->open_since_us == 0)
        return SKALD_BREAKER_CLOSED;
    if (breaker->probe || apart_ms(breaker, now_us) >= breaker->open_ms)
        return SKALD_BREAKER_PROBING;
    return SKALD_BREAKER_OPEN;
}

/* Behind a clock that was put back a little, it is not waited for longer than it stays open. */
static uint32_t open_left_ms(const skald_breaker *breaker, int64_t now_us)
{
    const uint64_t passed = now_us > breaker->open_since_us ? apart_ms(breaker, now_us) : 0;
    const uint64_t left = breaker->open_ms - passed;
    return left < UINT32_MAX ? (uint32_t)left : UINT32_MAX;
}

uint32_t skald_breaker_allow(const skald_breaker *breaker, int64_t now_us, uint32_t wanted,
                             uint32_t *wait_ms)
{
    uint32_t allowed = wanted;
    uint32_t wait = 0;
    switch (skald_breaker_look(breaker, now_us)) {
    case SKALD_BREAKER_CLOSED:
        break;
    case SKALD_BREAKER_OPEN:
        allowed = 0;
        wait = open_left_ms(breaker, now_us);
        break;
    case SKALD_BREAKER_PROBING:
        allowed = breaker->probe || wanted == 0 ? 0 : 1;
        wait = PROBE_WAIT_MS;
        break;
    }
    *wait_ms = allowed < wanted ? wait : 0;
    return allowed;
}

static uint32_t one_more(uint32_t failures)
{
    return failures < UINT32_MAX ? failures + 1 : failures;
}

/* 0 means closed, so nothing opens in that very microsecond. */
static void open_at(skald_breaker *breaker, int64_t now_us)
{
    breaker->open_since_us = now_us == 0 ? 1 : now_us;
    breaker->probe = false;
}

skald_breaker skald_breaker_ended(const skald_breaker *breaker, bool succeeded, bool probe,
                                  int64_t now_us)
{
    skald_breaker next = *breaker;
    const bool closed = breaker->open_since_us == 0;
    if (breaker->failures_max == 0 || (!closed && !probe))
        return next;
    next.probe = false;
    next.failures = succeeded ? 0 : one_more(breaker->failures);
    if (succeeded)
        next.open_since_us = 0;
    else if (!closed || next.failures >= breaker->failures_max)
        open_at(&next, now_us);
    return next;
}
