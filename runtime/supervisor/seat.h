/* A worker's place at the supervisor: its memory and, one after another, its processes. */
#ifndef SKALD_SUPERVISOR_SEAT_H
#define SKALD_SUPERVISOR_SEAT_H

#include "base/log.h"
#include "supervisor/restart.h"
#include "supervisor/shared.h"

#include <sys/types.h>

typedef struct skald_seat {
    skald_shared_worker *shared;
    pid_t pid;            /* 0: empty */
    pid_t replaced;       /* the process before this one; 0: none */
    uint64_t started_ms;  /* when the process was forked */
    uint64_t empty_ms;    /* since when it is empty */
    uint64_t restart_ms;  /* when the next process is due */
    uint32_t quick_ends;  /* in a row */
    uint64_t crashes;     /* of its processes, so far */
    bool asked;           /* it was told to end */
    bool ran;             /* its service was seen running, and that was said */
    bool silent;          /* a loop has stopped turning, and that was said */
    bool overran;         /* it was ended because user code took too long */
    bool killed;          /* it was ended because nobody waits for it any more */
    uint32_t struck_hand; /* whose thread was told that it is past its time */
    uint32_t struck_turn;
    uint64_t struck_us; /* 0: none was */
} skald_seat;

/* How long a thread has for writing down where it is. */
enum { SKALD_SEAT_WRITE_US = 1000000 };

bool skald_seat_open(skald_seat *seat);
void skald_seat_close(skald_seat *seat);

/* Forks. 0 in the worker, else its process or -1 with errno. */
pid_t skald_seat_fork(skald_seat *seat);

/* Ends user code that is past its time, and a crash handler that hangs; notes a service that has
 * begun to run. */
void skald_seat_watch(skald_seat *seat, skald_log *log);

/* Does its process still do what it should, as far as its loops say? */
bool skald_seat_turns(skald_seat *seat, uint64_t silence_ms, skald_log *log);

/* Its process has ended with `status`: says so and answers what is to be done. The place is empty
 * then. */
skald_restart skald_seat_ended(skald_seat *seat, int status, bool any_ran, skald_log *log);

#endif
