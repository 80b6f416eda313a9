/* The crash handler. Everything it calls is async-signal-safe, or was made so by being called
 * before. */
#include "supervisor/signals.h"
#include "supervisor/backtrace.h"
#include "supervisor/shared.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_SIZE = 128 * 1024, GUARD_SIZE = 4096 };

static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE,  SIGILL,
                             SIGABRT, SIGSYS, SIGTRAP, SKALD_SIGNAL_LIMIT};
static struct sigaction before[NSIG];

/* --- the handler ---------------------------------------------------------------------------- */

static void report_write(skald_shared_report *report, int number, bool timed_out, void *context)
{
    int32_t nothing = 0;
    /* The first ending is the one that counts; a second comes while the first is written, or of a
     * second thread without a hand. */
    if (!atomic_compare_exchange_strong(&report->ending, &nothing, number))
        return;
    atomic_store(&report->timed_out, timed_out);
    atomic_store(&report->begun_us, skald_hand_clock_us());
    skald_backtrace_write(report->backtrace, sizeof report->backtrace, context);
    atomic_store(&report->complete, true);
}

/* An instruction that fails is run again after the handler and fails again; all else must be sent
 * again. */
static bool comes_back(int number, const siginfo_t *info)
{
    return info->si_code > 0 &&
           (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL);
}

static void on_deadly(int number, siginfo_t *info, void *context)
{
    const int errno_before = errno;
    skald_shared_report *report;
    const skald_hand *hand = skald_hand_mine(&report);
    const bool limit = number == SKALD_SIGNAL_LIMIT && info->si_code == SI_TKILL;
    /* It returned in the moment between the supervisor's look and its signal. */
    if (limit && (hand == NULL || !skald_hand_past(hand, skald_hand_clock_us()))) {
        errno = errno_before;
        return;
    }
    report_write(report, number, limit, context);
    sigaction(number, &before[number], NULL);
    if (!comes_back(number, info))
        tgkill(getpid(), gettid(), number);
    errno = errno_before;
}

void skald_signals_open(void)
{
    skald_backtrace_prepare();
    struct sigaction action = {.sa_sigaction = on_deadly, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        sigaction(deadly[i], &action, &before[deadly[i]]);
}

/* --- threads -------------------------------------------------------------------------------- */

typedef struct thread_stack {
    void *memory; /* the guard page, then the stack; NULL: none */
    stack_t before;
} thread_stack;

static _Thread_local thread_stack mine;

static void signals_unblock(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
        sigaddset(&set, deadly[i]);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

void skald_signals_thread_open(void)
{
    signals_unblock();
    void *memory = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    if (memory == MAP_FAILED)
        return; /* then a stack overflow has no backtrace; everything else is as it was */
    mprotect(memory, GUARD_SIZE, PROT_NONE);
    const stack_t wanted = {.ss_sp = (char *)memory + GUARD_SIZE, .ss_size = STACK_SIZE};
    if (sigaltstack(&wanted, &mine.before) == 0)
        mine.memory = memory;
    else
        munmap(memory, GUARD_SIZE + STACK_SIZE);
}

/* Who gave the thread one before, such as a sanitizer, frees at its end the one it finds. */
void skald_signals_thread_close(void)
{
    if (mine.memory == NULL)
        return;
    sigaltstack(&mine.before, NULL);
    munmap(mine.memory, GUARD_SIZE + STACK_SIZE);
    mine.memory = NULL;
}

const char *skald_signal_name(int number, char text[16])
{
    const char *name = sigabbrev_np(number);
    if (name != NULL)
        snprintf(text, 16, "SIG%.11s", name);
    else
        snprintf(text, 16, "signal %d", number);
    return text;
}
