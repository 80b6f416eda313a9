/* Taking and putting: a copy, a clock and two stores. */
#include "supervisor/hand.h"
#include "base/clock.h"
#include "supervisor/shared.h"
#include "supervisor/signals.h"

#include <time.h>
#include <unistd.h>

static skald_shared_worker *shared;

/* The calling thread's hand. Initial-exec, because the crash handler reads it and may not be the
 * one for whom it is allocated. */
static _Thread_local __attribute__((tls_model("initial-exec"))) skald_hand *mine;

/* The one of a thread whose hand nobody reads. */
static _Thread_local skald_hand unshared;

uint64_t skald_hand_clock_us(void)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

void skald_hand_share(skald_shared_worker *worker)
{
    shared = worker;
}

skald_shared_worker *skald_hand_shared(void)
{
    return shared;
}

bool skald_hand_supervised(void)
{
    return shared != NULL;
}

static bool is_shared(const skald_hand *hand)
{
    return shared != NULL && hand >= shared->hands && hand < shared->hands + SKALD_HANDS_MAX;
}

static skald_hand *shared_claim(void)
{
    const int32_t thread = (int32_t)gettid();
    for (size_t i = 0; shared != NULL && i < SKALD_HANDS_MAX; i++) {
        int32_t nobody = 0;
        if (atomic_compare_exchange_strong(&shared->hands[i].thread, &nobody, thread))
            return &shared->hands[i];
    }
    return NULL;
}

skald_hand *skald_hand_claim(void)
{
    if (mine != NULL)
        return mine;
    mine = shared_claim();
    if (mine == NULL)
        mine = &unshared;
    else
        skald_signals_stack_open();
    return mine;
}

void skald_hand_release(skald_hand *hand)
{
    if (hand == NULL)
        return;
    skald_hand_put(hand);
    if (is_shared(hand))
        skald_signals_stack_close();
    mine = NULL;
    atomic_store(&hand->thread, 0);
}

void skald_hand_take(skald_hand *hand, const skald_hand_work *work, uint32_t limit_ms)
{
    const uint64_t now_us = skald_hand_clock_us();
    hand->work = *work;
    hand->started_us = now_us;
    /* A deadline stands only over work that is written down. */
    atomic_fetch_add_explicit(&hand->turn, 1, memory_order_relaxed);
    atomic_store_explicit(&hand->deadline_us, now_us + (uint64_t)limit_ms * 1000u,
                          memory_order_release);
}

void skald_hand_extend(skald_hand *hand, uint32_t limit_ms)
{
    const uint64_t deadline_us = skald_hand_clock_us() + (uint64_t)limit_ms * 1000u;
    uint64_t before_us = atomic_load(&hand->deadline_us);
    while (before_us != 0 &&
           !atomic_compare_exchange_weak(&hand->deadline_us, &before_us, deadline_us)) {
    }
}

void skald_hand_put(skald_hand *hand)
{
    atomic_store_explicit(&hand->deadline_us, 0, memory_order_release);
}

void skald_hand_beat(unsigned loop)
{
    if (shared != NULL && loop < SKALD_BEATS_MAX)
        atomic_store_explicit(&shared->beats_ms[loop], skald_clock_ms(), memory_order_relaxed);
}

skald_hand *skald_hand_mine(skald_shared_report **report)
{
    if (mine == NULL || !is_shared(mine)) {
        *report = &shared->stray;
        return NULL;
    }
    *report = &shared->reports[mine - shared->hands];
    return mine;
}
