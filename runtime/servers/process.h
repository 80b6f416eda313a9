/* A child process in a session of its own that dies with us.
 *
 * PR_SET_PDEATHSIG fires when the *thread* that forked ends: start servers from a thread that lives
 * as long as they should, normally main's. */
#ifndef SKALD_SERVERS_PROCESS_H
#define SKALD_SERVERS_PROCESS_H

#include "servers/account.h"

#include <stdint.h>

typedef struct skald_process {
    pid_t pid;  /* 0 when none runs */
    int status; /* as waitpid gave it, once it has ended */
} skald_process;

typedef struct skald_process_plan {
    const char *const *argv; /* argv[0] is looked up in PATH unless it holds a "/" */
    const skald_account *account;
    const char *log;  /* file that its output is appended to; NULL: thrown away */
    int death_signal; /* sent to it when we die */
    int keep;         /* a file descriptor it inherits; 0: none */
} skald_process_plan;

/* Starts it; returns when it has become the program, or SKALD_UNAVAILABLE says why it could not. */
skald_status skald_process_start(skald_process *process, const skald_process_plan *plan,
                                 skald_error *error);

/* Starts it and waits for its end; SKALD_FAILED unless it exits with 0. */
skald_status skald_process_run(const skald_process_plan *plan, skald_error *error);

/* False, from the first call after its end on; `status` then tells how it ended. */
bool skald_process_running(skald_process *process);

/* Waits for its end, `ms` at most; false when it still runs. */
bool skald_process_wait(skald_process *process, uint64_t ms);

/* Asks with `signal`, and after 10 s with SIGQUIT, and after 5 more with SIGKILL. Returns when it
 * has ended. */
void skald_process_stop(skald_process *process, int signal);

/* SIGKILL, and waits. */
void skald_process_kill(skald_process *process);

/* "exit code 1" or "signal 9", into `text`. */
void skald_process_describe(int status, char *text, size_t size);

#endif
