/* The supervisor: forks worker processes, watches them, replaces those that end. It is one thread
 * that touches neither PostgreSQL nor NATS, has no user code to run, and so has nothing to crash
 * of. */
#ifndef SKALD_SUPERVISOR_SUPERVISOR_H
#define SKALD_SUPERVISOR_SUPERVISOR_H

#include "base/log.h"

#include <stdbool.h>
#include <stdint.h>

enum { SKALD_SUPERVISE_PROCESSES_MAX = 64 };

typedef struct skald_supervise_options {
    const char *service;
    uint32_t processes; /* how many workers */
    uint32_t drain_ms;  /* how long a worker may take to finish what is in hand */
    skald_log *log;
    /* Called in each worker before it may get signals: the place for their handlers. */
    void (*begin)(void *user);
    void *user;
} skald_supervise_options;

/* Returns true in every worker process, which goes on as what the program is for, and ends with an
 * exit code; false in the supervisor, when all of them have ended, with the program's exit code.
 * Only from the thread that main() runs on, while there is no other. */
bool skald_supervise(const skald_supervise_options *options, int *exit_code);

#endif
