/* Named places where a test can make the process die as if the power had gone.
 *
 * SKALD_CRASH="relay-published:3" ends the process with _exit(137) the third time it passes the
 * point of that name. The check is always compiled in: one load and one branch. Every point must be
 * in crash_point.c's list, which is what the tests iterate over. */
#ifndef SKALD_BASE_CRASH_POINT_H
#define SKALD_BASE_CRASH_POINT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#define SKALD_CRASH_POINT_LIST(X)                                                                  \
    X(RELAY_ROWS_READ, "relay-rows-read")                                                          \
    X(RELAY_PUBLISHED, "relay-published")                                                          \
    X(RELAY_CONFIRMED, "relay-confirmed")                                                          \
    X(BATCH_BEGUN, "batch-begun")                                                                  \
    X(BATCH_HANDLED, "batch-handled")                                                              \
    X(BATCH_COMMIT_SENT, "batch-commit-sent")                                                      \
    X(BATCH_COMMITTED, "batch-committed")                                                          \
    X(BATCH_ROLLED_BACK, "batch-rolled-back")                                                      \
    X(JOB_PARKED, "job-parked")                                                                    \
    X(JOB_DONE, "job-done")                                                                        \
    X(JOB_CLAIMED, "job-claimed")                                                                  \
    X(JOB_RUN, "job-run")                                                                          \
    X(JOB_END_SENT, "job-end-sent")                                                                \
    X(JOB_ENDED, "job-ended")                                                                      \
    X(ENGINE_BEGUN, "engine-begun")                                                                \
    X(ENGINE_STEPPED, "engine-stepped")                                                            \
    X(ENGINE_SENT, "engine-sent")                                                                  \
    X(ENGINE_COMMITTED, "engine-committed")                                                        \
    X(LEASE_TAKEN, "lease-taken")                                                                  \
    X(LEASE_RENEWED, "lease-renewed")                                                              \
    X(LEASE_GIVEN, "lease-given")

typedef enum skald_crash_point {
#define SKALD_CRASH_POINT_ENUM(name, text) SKALD_CRASH_##name,
    SKALD_CRASH_POINT_LIST(SKALD_CRASH_POINT_ENUM)
#undef SKALD_CRASH_POINT_ENUM
        SKALD_CRASH_POINT_COUNT
} skald_crash_point;

/* The armed point, or SKALD_CRASH_POINT_COUNT; set by skald_crash_point_arm. */
extern _Atomic skald_crash_point skald_crash_point_armed;

/* Reads SKALD_CRASH. Called when a service starts; threads of another one may run already. False on
 * a name that is not in the list or a count that is not 1 or more. */
bool skald_crash_point_arm(void);

/* Counts down and ends the process at zero. */
void skald_crash_point_hit(void);

const char *skald_crash_point_name(skald_crash_point point);

static inline void skald_crash_here(skald_crash_point point)
{
    if (atomic_load_explicit(&skald_crash_point_armed, memory_order_relaxed) == point)
        skald_crash_point_hit();
}

#endif
