/* A worker's word to its supervisor. */
#include "supervisor/supervised.h"
#include "supervisor/backtrace.h"
#include "supervisor/signals.h"

#include <stdio.h>
#include <stdlib.h>

static void do_nothing(int number)
{
    (void)number;
}

/* A handler rather than SIG_IGN, which programs that user code starts would inherit. */
static void terminal_signals_drop(void)
{
    struct sigaction action = {.sa_handler = do_nothing, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

void skald_supervised_open(skald_shared_worker *worker)
{
    skald_hand_share(worker);
    terminal_signals_drop();
    skald_signals_open();
}

void skald_supervised_known(const char *process_id)
{
    skald_shared_worker *shared = skald_hand_shared();
    if (shared == NULL)
        return;
    snprintf(shared->process_id, sizeof shared->process_id, "%s", process_id);
    atomic_store(&shared->known, true);
}

/* Runs in the thread that called exit(): when that is one with something in hand, it was user code.
 */
static void on_exit_called(int code, void *unused)
{
    (void)unused;
    skald_shared_report *report;
    const skald_hand *hand = skald_hand_mine(&report);
    int32_t nothing = 0;
    if (hand == NULL || atomic_load(&hand->deadline_us) == 0)
        return;
    if (!atomic_compare_exchange_strong(&report->ending, &nothing, SKALD_ENDING_EXIT + code))
        return;
    atomic_store(&report->begun_us, skald_hand_clock_us());
    skald_backtrace_write(report->backtrace, sizeof report->backtrace, NULL);
    atomic_store(&report->complete, true);
}

/* Registered last, so that it runs first: what others registered may take the process down. */
void skald_supervised_ready(void)
{
    skald_shared_worker *shared = skald_hand_shared();
    if (shared == NULL)
        return;
    on_exit(on_exit_called, NULL);
    atomic_store(&shared->ready, true);
}
