/* One loop: wait for a signal or a moment, then look after every worker. */
#include "supervisor/supervisor.h"
#include "base/clock.h"
#include "supervisor/notify.h"
#include "supervisor/seat.h"
#include "supervisor/supervised.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

enum {
    LOOK_MS = 100,          /* how often deadlines are looked at */
    STANDSTILL_MS = 1000,   /* we ourselves were stopped for longer than this */
    DRAIN_EXTRA_MS = 30000, /* for skald_options.on_stop, and for giving partitions back */
    LAST_MS = 2000,         /* how long ends of killed workers are awaited */
    FORK_DELAY_MS = 1000,
};

typedef struct supervisor {
    const skald_supervise_options *options;
    skald_seat *seats;
    pid_t self;
    int signals; /* a signalfd */
    sigset_t mask_before;
    struct sigaction child_before;
    bool hang_up_ignored; /* as by nohup */
    skald_notify notify;
    uint64_t looked_ms;
    uint64_t spare_until_ms; /* until then nobody is past its time */
    bool any_ran;
    uint32_t running; /* as was last told to systemd */
    bool said_ready;
    bool stopping;
    uint32_t stops_seen;
    uint64_t drain_end_ms;
    uint64_t leave_ms; /* whoever was killed and is not gone by then is not waited for */
    int exit_code;
} supervisor;

/* --- opening -------------------------------------------------------------------------------- */

static const int heard[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};

static bool signals_open(supervisor *of)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof heard / sizeof *heard; i++)
        sigaddset(&set, heard[i]);
    struct sigaction hang_up, usual = {.sa_handler = SIG_DFL};
    sigaction(SIGHUP, NULL, &hang_up);
    of->hang_up_ignored = hang_up.sa_handler == SIG_IGN;
    /* Were it ignored, ends of children could not be waited for. */
    sigaction(SIGCHLD, &usual, &of->child_before);
    sigprocmask(SIG_BLOCK, &set, &of->mask_before);
    of->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return of->signals >= 0;
}

static bool supervisor_open(supervisor *of, const skald_supervise_options *options)
{
    *of = (supervisor){.options = options,
                       .self = getpid(),
                       .signals = -1,
                       .looked_ms = skald_clock_ms(),
                       .leave_ms = UINT64_MAX};
    skald_notify_open(&of->notify);
    of->seats = calloc(options->processes, sizeof *of->seats);
    bool all = of->seats != NULL;
    for (uint32_t i = 0; all && i < options->processes; i++)
        all = skald_seat_open(&of->seats[i]);
    return signals_open(of) && all;
}

/* In the supervisor at its end, and in a worker, which keeps nothing of it but `kept`. */
static void supervisor_close(supervisor *of, const skald_seat *kept)
{
    for (uint32_t i = 0; of->seats != NULL && i < of->options->processes; i++) {
        if (&of->seats[i] != kept)
            skald_seat_close(&of->seats[i]);
    }
    free(of->seats);
    of->seats = NULL;
    skald_notify_close(&of->notify);
    if (of->signals >= 0)
        close(of->signals);
    sigaction(SIGCHLD, &of->child_before, NULL);
    sigprocmask(SIG_SETMASK, &of->mask_before, NULL);
}

/* --- workers -------------------------------------------------------------------------------- */

/* The death signal comes when the supervisor's thread ends; it may have ended before we asked for
 * it. */
static void worker_become(supervisor *of, const skald_seat *seat)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != of->self)
        _exit(EX_TEMPFAIL);
    skald_supervised_open(seat->shared);
    skald_notify_hide();
    of->options->begin(of->options->user);
    supervisor_close(of, seat);
}

/* Forks those that are due; in a worker its seat, else NULL. */
static const skald_seat *seats_fill(supervisor *of)
{
    for (uint32_t i = 0; i < of->options->processes && !of->stopping; i++) {
        skald_seat *seat = &of->seats[i];
        if (seat->pid != 0 || skald_clock_ms() < seat->restart_ms)
            continue;
        const pid_t pid = skald_seat_fork(seat);
        if (pid == 0)
            return seat;
        if (pid < 0) {
            skald_log_say(of->options->log, SKALD_LOG_ERROR, "WORKER-NOT-STARTED",
                          "no process for a worker: %s", strerror(errno));
            seat->restart_ms = skald_clock_ms() + FORK_DELAY_MS;
        }
    }
    return NULL;
}

static void seats_signal(supervisor *of, int number)
{
    for (uint32_t i = 0; i < of->options->processes; i++) {
        skald_seat *seat = &of->seats[i];
        if (seat->pid == 0)
            continue;
        seat->asked = true;
        kill(seat->pid, number);
    }
}

static bool all_empty(const supervisor *of)
{
    for (uint32_t i = 0; i < of->options->processes; i++) {
        if (of->seats[i].pid != 0)
            return false;
    }
    return true;
}

/* --- stopping ------------------------------------------------------------------------------- */

static void stop(supervisor *of, const char *why)
{
    of->stopping = true;
    of->drain_end_ms = skald_clock_ms() + of->options->drain_ms + DRAIN_EXTRA_MS;
    skald_notify_say(&of->notify, "STOPPING=1\nSTATUS=%s", why);
    seats_signal(of, SIGTERM);
}

static void give_up(supervisor *of, int code)
{
    of->exit_code = code;
    if (of->any_ran)
        skald_log_say(of->options->log, SKALD_LOG_ERROR, "WORKER-GIVEN-UP",
                      "a worker process ends again and again right after its start, last with %d: "
                      "the whole program ends",
                      code);
    stop(of, "ends because a worker cannot start");
}

/* A hang-up is a stop too: whoever started us from a terminal is gone. */
static void obey(supervisor *of, int number)
{
    if (number == SIGHUP && of->hang_up_ignored)
        return;
    if (of->stops_seen++ == 0) {
        if (!of->stopping)
            stop(of, "drains");
        return;
    }
    of->exit_code = 128 + number;
    of->drain_end_ms = 0;
}

/* The code of a drain: that of the first worker that did not end in order. */
static void code_note(supervisor *of, const skald_seat *seat, const skald_restart *end)
{
    if (of->exit_code == 0 && end->exit_code != 0)
        of->exit_code = seat->overran || seat->killed ? EX_TEMPFAIL : end->exit_code;
}

/* The time for finishing is over, or a second signal wants it to be. Should one not even end by
 * that, it will when it wakes: our own end kills it too. */
static void drain_end(supervisor *of)
{
    for (uint32_t i = 0; i < of->options->processes; i++)
        of->seats[i].killed = of->seats[i].pid != 0;
    if (of->stops_seen < 2)
        skald_log_say(of->options->log, SKALD_LOG_ERROR, "WORKER-OVERDUE",
                      "a worker process did not end within %u ms of its drain",
                      of->options->drain_ms + DRAIN_EXTRA_MS);
    seats_signal(of, SIGKILL);
    of->drain_end_ms = UINT64_MAX;
    of->leave_ms = skald_clock_ms() + LAST_MS;
}

/* --- the loop ------------------------------------------------------------------------------- */

static void signals_read(supervisor *of)
{
    struct signalfd_siginfo info;
    while (read(of->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD)
            obey(of, (int)info.ssi_signo);
    }
}

/* Only our workers are waited for: a program may have had children before. */
static void seats_reap(supervisor *of)
{
    for (uint32_t i = 0; i < of->options->processes; i++) {
        skald_seat *seat = &of->seats[i];
        int status;
        if (seat->pid == 0 || waitpid(seat->pid, &status, WNOHANG) != seat->pid)
            continue;
        const skald_restart next = skald_seat_ended(seat, status, of->any_ran, of->options->log);
        of->any_ran = of->any_ran || seat->ran;
        if (of->stopping)
            code_note(of, seat, &next);
        else if (next.give_up)
            give_up(of, next.exit_code);
    }
}

static void seats_watch(supervisor *of)
{
    const uint64_t now_ms = skald_clock_ms();
    const uint64_t gap_ms = now_ms - of->looked_ms;
    of->looked_ms = now_ms;
    /* Stopped and continued (by a terminal, a debugger), and our workers with us, perhaps. */
    if (gap_ms > STANDSTILL_MS)
        of->spare_until_ms = now_ms + gap_ms;
    for (uint32_t i = 0; i < of->options->processes; i++) {
        if (now_ms >= of->spare_until_ms)
            skald_seat_watch(&of->seats[i], of->options->log);
        of->any_ran = of->any_ran || of->seats[i].ran;
    }
}

/* READY once all of them run; after that systemd is told how many do. */
static void status_say(supervisor *of)
{
    uint32_t running = 0;
    for (uint32_t i = 0; i < of->options->processes; i++)
        running += of->seats[i].pid != 0 && of->seats[i].ran;
    if (of->stopping || running == of->running)
        return;
    of->running = running;
    const bool ready = !of->said_ready && running == of->options->processes;
    of->said_ready = of->said_ready || ready;
    skald_notify_say(&of->notify, "%sSTATUS=%u of %u worker processes run",
                     ready ? "READY=1\n" : "", running, of->options->processes);
}

/* Fed while every worker turns; a drain has its own limit. */
static void watchdog_feed(supervisor *of)
{
    const uint64_t now_ms = skald_clock_ms();
    const uint64_t silence_ms = skald_notify_silence_ms(&of->notify);
    bool all_turn = true;
    for (uint32_t i = 0; i < of->options->processes; i++)
        all_turn = skald_seat_turns(&of->seats[i], silence_ms, of->options->log) && all_turn;
    if (all_turn && skald_notify_hungry(&of->notify, now_ms))
        skald_notify_feed(&of->notify, now_ms);
}

static int wait_ms(const supervisor *of)
{
    uint64_t wait = LOOK_MS;
    const uint64_t now_ms = skald_clock_ms();
    for (uint32_t i = 0; i < of->options->processes && !of->stopping; i++) {
        const skald_seat *seat = &of->seats[i];
        if (seat->pid != 0)
            continue;
        const uint64_t left_ms = seat->restart_ms > now_ms ? seat->restart_ms - now_ms : 0;
        wait = left_ms < wait ? left_ms : wait;
    }
    return (int)wait;
}

static void turn(supervisor *of)
{
    struct pollfd wait = {.fd = of->signals, .events = POLLIN};
    poll(&wait, 1, wait_ms(of));
    signals_read(of);
    seats_reap(of);
    seats_watch(of);
    status_say(of);
    watchdog_feed(of);
    if (of->stopping && skald_clock_ms() >= of->drain_end_ms)
        drain_end(of);
}

static bool over(const supervisor *of)
{
    return of->stopping && (all_empty(of) || skald_clock_ms() >= of->leave_ms);
}

bool skald_supervise(const skald_supervise_options *options, int *exit_code)
{
    supervisor of;
    const skald_seat *worker = NULL;
    if (!supervisor_open(&of, options)) {
        fprintf(stderr, "%s: no memory or file descriptor for a supervisor: %s\n", options->service,
                strerror(errno));
        of.exit_code = EX_OSERR;
        of.stopping = true;
    }
    while (worker == NULL && !over(&of)) {
        worker = seats_fill(&of);
        if (worker == NULL)
            turn(&of);
    }
    if (worker != NULL) {
        worker_become(&of, worker);
        return true;
    }
    *exit_code = of.exit_code;
    supervisor_close(&of, NULL);
    return false;
}
