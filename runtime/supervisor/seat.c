/* One worker's life, as its supervisor sees it. */
#include "supervisor/seat.h"
#include "base/clock.h"
#include "supervisor/harvest.h"
#include "supervisor/signals.h"

#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

bool skald_seat_open(skald_seat *seat)
{
    *seat = (skald_seat){0};
    void *memory = mmap(NULL, sizeof(skald_shared_worker), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    seat->shared = memory;
    return true;
}

void skald_seat_close(skald_seat *seat)
{
    if (seat->shared != NULL)
        munmap(seat->shared, sizeof(skald_shared_worker));
    seat->shared = NULL;
}

pid_t skald_seat_fork(skald_seat *seat)
{
    fflush(NULL);
    const pid_t pid = fork();
    if (pid <= 0)
        return pid;
    seat->pid = pid;
    seat->started_ms = skald_clock_ms();
    seat->asked = seat->ran = seat->silent = seat->overran = seat->killed = false;
    seat->struck_us = 0;
    return pid;
}

/* --- watching ------------------------------------------------------------------------------- */

static void work_describe(char *text, size_t size, const skald_hand_work *work)
{
    if (work->saga[0] != '\0')
        snprintf(text, size, "step \"%s\" of saga \"%s\" (%s) was in hand", work->code, work->saga,
                 work->type);
    else if (work->position != 0)
        snprintf(
            text, size, "\"%s\" of follower \"%s\" had position %lld of partition %u (%s) in hand",
            work->code, work->subscription, (long long)work->position, work->partition, work->type);
    else
        snprintf(text, size, "\"%s\" of queue \"%s\" had job %lld (%s) in hand, start %u",
                 work->code, work->subscription, (long long)work->job_id, work->type, work->starts);
}

static void overdue_say(const skald_seat *seat, const skald_hand *hand, skald_log *log)
{
    char what[400];
    work_describe(what, sizeof what, &hand->work);
    skald_log_say(log, SKALD_LOG_ERROR, "WORKER-OVERDUE",
                  "in worker process %d %s and is past its time; the process is ended for it",
                  (int)seat->pid, what);
}

/* First the thread is told, so that it writes down where it is; if it does not, that is all there
 * is. */
static void strike(skald_seat *seat, uint32_t number, uint64_t now_us, skald_log *log)
{
    const skald_hand *hand = &seat->shared->hands[number];
    const uint32_t turn = atomic_load(&hand->turn);
    if (seat->struck_us == 0 || seat->struck_hand != number || seat->struck_turn != turn) {
        overdue_say(seat, hand, log);
        seat->struck_hand = number;
        seat->struck_turn = turn;
        seat->struck_us = now_us;
        tgkill(seat->pid, atomic_load(&hand->thread), SKALD_SIGNAL_LIMIT);
    } else if (now_us - seat->struck_us > SKALD_SEAT_WRITE_US) {
        atomic_store(&seat->shared->reports[number].timed_out, true);
        kill(seat->pid, SIGKILL);
    }
    seat->overran = true;
}

static bool hangs(const skald_shared_report *report, uint64_t now_us)
{
    const uint64_t begun_us = atomic_load(&report->begun_us);
    return begun_us != 0 && !atomic_load(&report->complete) &&
           now_us - begun_us > SKALD_SEAT_WRITE_US;
}

static void hands_watch(skald_seat *seat, skald_log *log)
{
    const skald_shared_worker *shared = seat->shared;
    const uint64_t now_us = skald_hand_clock_us();
    const uint32_t count = atomic_load(&shared->hand_count);
    bool hanging = hangs(&shared->stray, now_us);
    for (uint32_t i = 0; i < count && !hanging; i++) {
        hanging = hangs(&shared->reports[i], now_us);
        /* One is enough: it ends the process. */
        if (skald_hand_past(&shared->hands[i], now_us) &&
            atomic_load(&shared->reports[i].ending) == 0) {
            strike(seat, i, now_us, log);
            return;
        }
    }
    if (hanging)
        kill(seat->pid, SIGKILL);
}

static void running_note(skald_seat *seat, skald_log *log)
{
    if (seat->ran || !atomic_load(&seat->shared->ready))
        return;
    seat->ran = true;
    if (seat->replaced == 0)
        skald_log_say(log, SKALD_LOG_INFO, "WORKER-STARTED", "worker process %d runs",
                      (int)seat->pid);
    else
        skald_log_say(log, SKALD_LOG_INFO, "WORKER-REPLACED",
                      "worker process %d runs in place of %d, which ended %llu ms ago",
                      (int)seat->pid, (int)seat->replaced,
                      (unsigned long long)(skald_clock_ms() - seat->empty_ms));
}

void skald_seat_watch(skald_seat *seat, skald_log *log)
{
    if (seat->pid == 0)
        return;
    running_note(seat, log);
    hands_watch(seat, log);
}

bool skald_seat_turns(skald_seat *seat, uint64_t silence_ms, skald_log *log)
{
    /* Before it runs, and on its way out, it has other things to do. */
    if (seat->pid == 0 || !seat->ran || seat->asked)
        return true;
    const uint64_t since_ms = skald_hand_silent_since_ms(seat->shared);
    const uint64_t now_ms = skald_clock_ms();
    const bool silent = since_ms != 0 && now_ms > since_ms && now_ms - since_ms > silence_ms;
    if (silent && !seat->silent)
        skald_log_say(log, SKALD_LOG_ERROR, "WORKER-SILENT",
                      "worker process %d has a loop that has not turned for %llu ms",
                      (int)seat->pid, (unsigned long long)(now_ms - since_ms));
    seat->silent = silent;
    return !silent;
}

/* --- its end -------------------------------------------------------------------------------- */

static void crash_say(const skald_seat *seat, const skald_harvest *harvest, int status,
                      skald_log *log)
{
    char what[400] = "nothing was in hand", ending[16];
    skald_harvest_ending(ending, status);
    if (harvest->suspects > 0) {
        work_describe(what, sizeof what, &harvest->first.work);
        snprintf(ending, sizeof ending, "%s", harvest->first.signal);
    }
    skald_log_say(log, SKALD_LOG_ERROR, "WORKER-CRASHED",
                  "worker process %d ended by %s%s while %s%s; crash %llu of this worker",
                  (int)seat->pid, ending,
                  harvest->first.timed_out ? ", because it was past its time," : "", what,
                  harvest->suspects > 1 ? ", and others" : "", (unsigned long long)seat->crashes);
    if (harvest->lost > 0)
        skald_log_say(log, SKALD_LOG_ERROR, "WORKER-CRASHED",
                      "%u messages or jobs that worker process %d had in hand are not counted as "
                      "suspects: too many crashes wait to be written down",
                      harvest->lost, (int)seat->pid);
}

static void end_say(skald_seat *seat, const skald_harvest *harvest, int status, bool any_ran,
                    skald_log *log)
{
    if (WIFSIGNALED(status) || harvest->taken > 0) {
        seat->crashes++;
        crash_say(seat, harvest, status, log);
    } else if (any_ran) {
        skald_log_say(log, SKALD_LOG_WARNING, "WORKER-ENDED",
                      "worker process %d ended by itself with exit code %d", (int)seat->pid,
                      WEXITSTATUS(status));
    }
}

skald_restart skald_seat_ended(skald_seat *seat, int status, bool any_ran, skald_log *log)
{
    skald_harvest harvest;
    const uint64_t now_ms = skald_clock_ms();
    const bool in_order = seat->killed || (seat->asked && WIFEXITED(status));
    running_note(seat, log);
    skald_harvest_take(&harvest, seat->shared, seat->pid, status);
    if (!in_order)
        end_say(seat, &harvest, status, any_ran || seat->ran, log);
    const skald_restart_input input = {
        .by_signal = WIFSIGNALED(status),
        .code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
        .in_hand = harvest.taken > 0,
        .lived_ms = now_ms - seat->started_ms,
        .any_ran = any_ran || seat->ran,
        .quick_ends = seat->quick_ends,
    };
    const skald_restart next = skald_restart_decide(&input);
    seat->replaced = seat->pid;
    seat->pid = 0;
    seat->empty_ms = now_ms;
    seat->restart_ms = now_ms + next.delay_ms;
    seat->quick_ends = next.quick_ends;
    return next;
}
