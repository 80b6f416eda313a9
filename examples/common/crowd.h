/* People at the door: threads that do something over HTTP, each time at its appointed moment,
 * whether or not the earlier ones were answered: a service that is too slow cannot slow them down
 * and look fast. */
#ifndef EXAMPLES_CROWD_H
#define EXAMPLES_CROWD_H

#include "common/http_client.h"

#include <stdbool.h>

typedef struct demo_crowd demo_crowd;

typedef struct crowd_plan {
    unsigned port;
    unsigned count; /* how often something is done */
    double rate;    /* how often in a second */
    void *user;
    /* Does number `index`, due at `due_ms` by clock_now_ms. Runs on any of the threads, each of
     * which has one client. */
    void (*act)(void *user, http_client *client, unsigned index, double due_ms);
} crowd_plan;

/* NULL when memory or threads are exhausted. */
demo_crowd *crowd_start(const crowd_plan *plan);

/* How many are done so far. */
unsigned crowd_done(const demo_crowd *crowd);

/* Makes them go home; those in the middle of something finish it. */
void crowd_stop(demo_crowd *crowd);
bool crowd_stopped(const demo_crowd *crowd);

/* Waits for all of them. */
void crowd_join(demo_crowd *crowd);

/* NULL is accepted; stops and joins first. */
void crowd_free(demo_crowd *crowd);

#endif
