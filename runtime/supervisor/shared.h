/* The memory that a supervisor shares with its worker processes: one skald_shared_worker for each,
 * kept when the process in it is replaced. Written by the worker while it lives, but for
 * `timed_out`, and by the supervisor while none does. */
#ifndef SKALD_SUPERVISOR_SHARED_H
#define SKALD_SUPERVISOR_SHARED_H

#include "supervisor/hand.h"

#include <stdatomic.h>

enum {
    SKALD_HANDS_MAX = 512,
    SKALD_CRASHES_MAX = 512,
    SKALD_DEAD_MAX = 64,
    SKALD_PROCESS_ID = 37,   /* size of a UUID as text */
    SKALD_ENDING_EXIT = 256, /* in `ending`: 256 + the code that was given to exit() */
};

struct skald_hand {
    _Atomic int32_t thread;       /* its id; 0: nobody's */
    _Atomic uint32_t turn;        /* how many times it was taken */
    _Atomic uint64_t deadline_us; /* of skald_hand_clock_us; 0: nothing in hand */
    uint64_t started_us;
    skald_hand_work work;
};

/* What a thread wrote down at its end. */
typedef struct skald_shared_report {
    _Atomic int32_t ending;    /* 0: nothing; the signal, or SKALD_ENDING_EXIT + code */
    _Atomic uint64_t begun_us; /* when it began to write; 0: not yet */
    _Atomic bool complete;
    _Atomic bool timed_out;
    char backtrace[SKALD_HAND_BACKTRACE_SIZE];
} skald_shared_report;

typedef struct skald_shared_worker {
    char process_id[SKALD_PROCESS_ID];          /* of the living process */
    _Atomic bool known;                         /* process_id is written */
    _Atomic bool ready;                         /* its service runs */
    _Atomic uint64_t beats_ms[SKALD_BEATS_MAX]; /* 0: that loop does not turn here */

    _Atomic uint32_t hand_count; /* no hand behind this one was ever claimed */
    skald_hand hands[SKALD_HANDS_MAX];
    skald_shared_report reports[SKALD_HANDS_MAX]; /* of the hand with the same number */
    skald_shared_report stray;                    /* of a thread without a hand */

    /* What is owed to the database: crashes and ended processes, for the next worker. */
    skald_crash crashes[SKALD_CRASHES_MAX];
    uint32_t crash_count;
    uint32_t crash_next; /* how many of them were given to the living process */
    char dead[SKALD_DEAD_MAX][SKALD_PROCESS_ID];
    uint32_t dead_count;
} skald_shared_worker;

/* Where the hands of this process are from now on; NULL: nowhere that others see. Called before its
 * threads start. */
void skald_hand_share(skald_shared_worker *worker);

/* The memory that this process shares with its supervisor; NULL without one. */
skald_shared_worker *skald_hand_shared(void);

/* The calling thread's hand when it is among the shared ones, with its report; else NULL, with the
 * stray one. Only in a supervised process. Async-signal-safe. */
skald_hand *skald_hand_mine(skald_shared_report **report);

/* Is something in hand, and for too long? Async-signal-safe. */
bool skald_hand_past(const skald_hand *hand, uint64_t now_us);

/* Since when the loop that is silent for longest has not said that it turns, on skald_clock_ms; 0
 * when none ever did. Loops that run user code do not count while a hand is taken, for which there
 * are deadlines. */
uint64_t skald_hand_silent_since_ms(const skald_shared_worker *worker);

/* The clock of deadlines: monotonic, the same in all processes, async-signal-safe. */
uint64_t skald_hand_clock_us(void);

#endif
