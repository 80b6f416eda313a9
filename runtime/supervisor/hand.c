/* Taking and putting: a copy, a clock and two stores. */
#include "supervisor/hand.h"
#include "base/clock.h"
#include "supervisor/shared.h"
#include "supervisor/signals.h"

#include <time.h>
#include <unistd.h>

static skald_shared_worker *shared;

/* Of a process without a supervisor. */
static _Atomic uint64_t own_beats_ms[SKALD_BEATS_MAX];

/* The calling thread's hand. Initial-exec, because the crash handler reads it and must not be the
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
    mine = NULL;
}

skald_shared_worker *skald_hand_shared(void)
{
    return shared;
}

bool skald_hand_supervised(void)
{
    return shared != NULL;
}

/* --- claiming ------------------------------------------------------------------------------- */

static bool is_shared(const skald_hand *hand)
{
    return shared != NULL && hand >= shared->hands && hand < shared->hands + SKALD_HANDS_MAX;
}

static void count_raise(uint32_t count)
{
    uint32_t before = atomic_load(&shared->hand_count);
    while (before < count && !atomic_compare_exchange_weak(&shared->hand_count, &before, count)) {
    }
}

static skald_hand *shared_claim(void)
{
    const int32_t thread = (int32_t)gettid();
    for (uint32_t i = 0; shared != NULL && i < SKALD_HANDS_MAX; i++) {
        int32_t nobody = 0;
        if (atomic_compare_exchange_strong(&shared->hands[i].thread, &nobody, thread)) {
            count_raise(i + 1);
            return &shared->hands[i];
        }
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
        skald_signals_thread_open();
    return mine;
}

void skald_hand_release(skald_hand *hand)
{
    if (hand == NULL)
        return;
    skald_hand_put(hand);
    if (is_shared(hand))
        skald_signals_thread_close();
    mine = NULL;
    atomic_store(&hand->thread, 0);
}

/* --- work ----------------------------------------------------------------------------------- */

void skald_hand_take(skald_hand *hand, const skald_hand_work *work, uint32_t limit_ms)
{
    const uint64_t now_us = skald_hand_clock_us();
    hand->work = *work;
    hand->started_us = now_us;
    atomic_fetch_add_explicit(&hand->turn, 1, memory_order_relaxed);
    /* A deadline stands only over work that is written down. */
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

bool skald_hand_past(const skald_hand *hand, uint64_t now_us)
{
    const uint64_t deadline_us = atomic_load_explicit(&hand->deadline_us, memory_order_acquire);
    return deadline_us != 0 && deadline_us < now_us;
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

/* --- signs of life -------------------------------------------------------------------------- */

void skald_hand_beat(unsigned loop)
{
    if (loop >= SKALD_BEATS_MAX)
        return;
    _Atomic uint64_t *beats_ms = shared != NULL ? shared->beats_ms : own_beats_ms;
    atomic_store_explicit(&beats_ms[loop], skald_clock_ms(), memory_order_relaxed);
}

static bool any_taken(const skald_shared_worker *worker)
{
    const uint32_t count = atomic_load(&worker->hand_count);
    for (uint32_t i = 0; i < count; i++) {
        if (atomic_load_explicit(&worker->hands[i].deadline_us, memory_order_relaxed) != 0)
            return true;
    }
    return false;
}

uint64_t skald_hand_silent_since_ms(const skald_shared_worker *worker)
{
    const _Atomic uint64_t *beats_ms = worker != NULL ? worker->beats_ms : own_beats_ms;
    /* Without a supervisor nobody ends user code that takes too long, and it may. */
    const bool user_code = worker == NULL || any_taken(worker);
    uint64_t oldest_ms = 0;
    for (unsigned loop = 0; loop < SKALD_BEATS_MAX; loop++) {
        const uint64_t beat_ms = atomic_load_explicit(&beats_ms[loop], memory_order_relaxed);
        if (beat_ms == 0 || (user_code && loop == SKALD_BEAT_WORKERS))
            continue;
        if (oldest_ms == 0 || beat_ms < oldest_ms)
            oldest_ms = beat_ms;
    }
    return oldest_ms;
}
