/* From a dead process's memory to what the database will be told. */
#include "supervisor/harvest.h"
#include "base/clock.h"
#include "supervisor/signals.h"
#include "supervisor/symbols.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

void skald_harvest_ending(char text[16], int status)
{
    if (WIFSIGNALED(status))
        skald_signal_name(WTERMSIG(status), text);
    else
        snprintf(text, 16, "exit %d", WEXITSTATUS(status));
}

static bool is_taken(const skald_hand *hand)
{
    return atomic_load(&hand->deadline_us) != 0;
}

static bool is_guilty(const skald_hand *hand, const skald_shared_report *report)
{
    return is_taken(hand) && (atomic_load(&report->ending) != 0 || atomic_load(&report->timed_out));
}

/* What the thread itself wrote down goes before what the process ended with, which a core dump that
 * was not wanted, or a sanitizer, may have changed. */
static void ending_describe(char text[16], const skald_shared_report *report, int status)
{
    const int ending = atomic_load(&report->ending);
    if (ending >= SKALD_ENDING_EXIT)
        snprintf(text, 16, "exit %d", (ending - SKALD_ENDING_EXIT) & 0xff);
    else if (ending > 0)
        skald_signal_name(ending, text);
    else
        skald_harvest_ending(text, status);
}

/* Of a suspect: what was written of itself, else what a thread without a hand wrote of its own end.
 */
static const skald_shared_report *report_about(const skald_shared_worker *worker, uint32_t number)
{
    const skald_shared_report *own = &worker->reports[number];
    const bool other = atomic_load(&own->ending) == 0 && !atomic_load(&own->timed_out) &&
                       atomic_load(&worker->stray.ending) != 0;
    return other ? &worker->stray : own;
}

static void crash_fill(skald_crash *out, const skald_shared_worker *worker, uint32_t number,
                       pid_t pid, int status)
{
    const skald_hand *hand = &worker->hands[number];
    const skald_shared_report *report = report_about(worker, number);
    const uint64_t age_us = skald_hand_clock_us() - hand->started_us;
    *out = (skald_crash){.work = hand->work,
                         .timed_out = atomic_load(&report->timed_out),
                         .pid = (int32_t)pid,
                         .started_us = skald_clock_wall_us() - (int64_t)age_us};
    ending_describe(out->signal, report, status);
    snprintf(out->process_id, sizeof out->process_id, "%s", worker->process_id);
    memcpy(out->backtrace, report->backtrace, sizeof out->backtrace);
    out->backtrace[sizeof out->backtrace - 1] = '\0';
    skald_symbols_fill(out->backtrace, sizeof out->backtrace);
}

static void crash_add(skald_harvest *out, skald_shared_worker *worker, const skald_crash *crash)
{
    if (out->suspects++ == 0)
        out->first = *crash;
    if (worker->crash_count < SKALD_CRASHES_MAX)
        worker->crashes[worker->crash_count++] = *crash;
    else
        out->lost++;
}

static void dead_add(skald_shared_worker *worker)
{
    /* Were there more, the oldest of them have expired by themselves. */
    if (!atomic_load(&worker->known))
        return;
    if (worker->dead_count == SKALD_DEAD_MAX) {
        worker->dead_count--;
        memmove(worker->dead[0], worker->dead[1], sizeof worker->dead[0] * worker->dead_count);
    }
    memcpy(worker->dead[worker->dead_count++], worker->process_id, SKALD_PROCESS_ID);
}

static void report_clear(skald_shared_report *report)
{
    atomic_store(&report->ending, 0);
    atomic_store(&report->begun_us, 0);
    atomic_store(&report->complete, false);
    atomic_store(&report->timed_out, false);
    report->backtrace[0] = '\0';
}

/* Only what was used is touched: most of the memory never is, and so takes no room. */
static void memory_clear(skald_shared_worker *worker)
{
    const uint32_t count = atomic_load(&worker->hand_count);
    for (uint32_t i = 0; i < count; i++) {
        memset(&worker->hands[i], 0, sizeof worker->hands[i]);
        report_clear(&worker->reports[i]);
    }
    report_clear(&worker->stray);
    for (unsigned i = 0; i < SKALD_BEATS_MAX; i++)
        atomic_store(&worker->beats_ms[i], 0);
    atomic_store(&worker->hand_count, 0);
    atomic_store(&worker->known, false);
    atomic_store(&worker->ready, false);
    worker->process_id[0] = '\0';
    worker->crash_next = 0;
}

void skald_harvest_take(skald_harvest *out, skald_shared_worker *worker, pid_t pid, int status)
{
    const uint32_t count = atomic_load(&worker->hand_count);
    uint32_t guilty = 0;
    *out = (skald_harvest){0};
    for (uint32_t i = 0; i < count; i++) {
        out->taken += is_taken(&worker->hands[i]);
        guilty += is_guilty(&worker->hands[i], &worker->reports[i]);
    }
    /* A thread of its own, without a hand, crashed: then what others had in hand is a coincidence,
     * or had written where it should not have. */
    const bool alone = out->taken == 1 && atomic_load(&worker->stray.ending) == 0;
    for (uint32_t i = 0; i < count; i++) {
        const bool sure = is_guilty(&worker->hands[i], &worker->reports[i]);
        if (!is_taken(&worker->hands[i]) || (guilty > 0 && !sure))
            continue;
        skald_crash crash;
        crash_fill(&crash, worker, i, pid, status);
        crash.sure = sure || alone;
        crash_add(out, worker, &crash);
    }
    dead_add(worker);
    memory_clear(worker);
}
