/* What each thread that runs user code has in hand, in memory that outlives its process: so that
 * the supervisor, and the worker that follows a crashed one, know what it was.
 *
 * Without a supervisor (tests, SKALD_SUPERVISE=no) all of this works on ordinary memory, which
 * nobody reads. Nothing here touches PostgreSQL, NATS, a lock or the heap. */
#ifndef SKALD_SUPERVISOR_HAND_H
#define SKALD_SUPERVISOR_HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SKALD_HAND_NAME_SIZE = 64,
    SKALD_HAND_TYPE_SIZE = 128,
    SKALD_HAND_SAGA_SIZE = 161,
    SKALD_HAND_BACKTRACE_SIZE = 4096
};

/* A message of a follower (position is set; job_id too when it is a parked one), a job of a queue
 * (position is 0), or a step of a saga (saga is set). */
typedef struct skald_hand_work {
    char subscription[SKALD_HAND_NAME_SIZE]; /* the follower's or the queue's name */
    char code[SKALD_HAND_NAME_SIZE];         /* of the handler or activity */
    char type[SKALD_HAND_TYPE_SIZE];
    uint32_t partition;
    int64_t position;
    int64_t job_id;                  /* 0: none */
    uint32_t starts;                 /* of a queue's job: which attempt this is */
    char saga[SKALD_HAND_SAGA_SIZE]; /* of a saga's step that runs in its turn; "": another work */
} skald_hand_work;

/* One thread's hand. */
typedef struct skald_hand skald_hand;

/* The calling thread's hand, made at its first call and kept until skald_hand_release. Never NULL:
 * when all are given out, one that nobody reads. */
skald_hand *skald_hand_claim(void);
void skald_hand_release(skald_hand *hand);

/* User code begins with `work`, and may take `limit_ms` from now. */
void skald_hand_take(skald_hand *hand, const skald_hand_work *work, uint32_t limit_ms);

/* It is alive: it may take `limit_ms` from now. */
void skald_hand_extend(skald_hand *hand, uint32_t limit_ms);

/* User code has returned. */
void skald_hand_put(skald_hand *hand);

/* Is there a supervisor, who ends this process when a hand is past its time? */
bool skald_hand_supervised(void);

/* A loop that must go on turning (leases, workers) says that it does; for systemd's watchdog.
 * `loop` is a number from 0 to SKALD_BEATS_MAX - 1 of the caller's choice: SKALD_BEAT_LEASES, ...
 */
enum {
    SKALD_BEAT_LEASES,
    SKALD_BEAT_WORKERS,
    SKALD_BEAT_QUEUES,
    SKALD_BEAT_SAGAS,
    SKALD_BEATS_MAX = 8
};
void skald_hand_beat(unsigned loop);

/* What a worker process before this one had in hand when it ended. */
typedef struct skald_crash {
    skald_hand_work work;
    bool
        sure; /* it was its thread that crashed or was past its time, or nothing else was in hand */
    bool timed_out;  /* it was past its time, and its process was ended for that */
    char signal[16]; /* "SIGSEGV"; "exit 3" when user code ended the process */
    char backtrace[SKALD_HAND_BACKTRACE_SIZE]; /* "" when there is none */
    char process_id[37];                       /* skald.process.id of that process */
    int32_t pid;
    int64_t started_us; /* when the work in hand began, microseconds since 1970-01-01 UTC */
} skald_crash;

/* Gives the next crash that was not given yet; false when there are none. Called at the start of a
 * service, before its workers run; it forgets a crash only by skald_crash_noted, when it is in the
 * database. */
bool skald_crash_next(skald_crash *out);
void skald_crash_noted(const skald_crash *crash);

#endif
