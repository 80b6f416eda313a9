/* What a worker process that has ended left in its hands, and what follows for each of them. */
#ifndef SKALD_SUPERVISOR_HARVEST_H
#define SKALD_SUPERVISOR_HARVEST_H

#include "supervisor/shared.h"

#include <sys/types.h>

/* How a process ended, and what of it the next worker must note. */
typedef struct skald_harvest {
    uint32_t taken; /* hands with something in them */
    uint32_t
        suspects;  /* of these: who may have been the cause, and were added to worker->crashes */
    uint32_t lost; /* of these: for whom there was no room any more */
    skald_crash first; /* one of the suspects; zero when there are none */
} skald_harvest;

/* Turns the hands of process `pid`, ended with `status` as waitpid tells it, into crashes: those
 * whose own thread ended the process or was past its time; else all that were taken, of whom it is
 * sure only when it was one. Then clears the memory for the next process, but for what is owed to
 * the database. */
void skald_harvest_take(skald_harvest *out, skald_shared_worker *worker, pid_t pid, int status);

/* "SIGSEGV", or "exit 3". */
void skald_harvest_ending(char text[16], int status);

#endif
