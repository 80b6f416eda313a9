/* A queue of jobs as this program knows it: its activities, its limits, what it does about
 * failures. */
#ifndef SKALD_QUEUES_QUEUE_H
#define SKALD_QUEUES_QUEUE_H

#include "effects/enqueue.h"
#include "pg/connection.h"
#include "policy.h"

#include <skald/queue.h>
#include <stdatomic.h>

enum {
    SKALD_QUEUES_MAX = 64,
    SKALD_ACTIVITIES_MAX = 256, /* of one queue */
    SKALD_QUEUE_THREADS_MAX = 256,
    SKALD_QUEUE_DECLARED_SIZE = 512
};

struct skald_run;

/* Of the queue whose jobs are steps of sagas: they are found by the operation that a job carries,
 * and every end is told to the saga, which decides what follows. */
typedef struct skald_queue_steps {
    /* Fills run->step and makes its context ready. SKALD_NOT_FOUND: no program part knows it. */
    skald_status (*find)(struct skald_run *run, skald_error *error);
    /* It has run: what is to be told becomes one of its effects. A failure needs nothing: its job
     * is given up, and the database tells that. */
    void (*end)(struct skald_run *run);
} skald_queue_steps;

typedef struct skald_work_queue {
    struct skald_work_queue *next;
    char name[SKALD_QUEUE_NAME_SIZE];
    skald_queue_options options; /* with defaults filled in */
    skald_policy_plan plan;
    const skald_activity *activities[SKALD_ACTIVITIES_MAX];
    uint32_t activity_count;
    const skald_queue_steps *steps; /* NULL: its jobs are no steps */

    /* The dispatcher's own: the row in skald.queue as it was last seen, and when to look again. */
    bool limited;     /* rate, concurrency or breaker: claims go through the locked row */
    bool key_limited; /* key_concurrency or key_rate */
    bool ordered;
    bool breaker;
    bool paused;
    bool keys_doubted; /* jobs that wait for another one must be looked at anew */
    uint32_t key_concurrency;
    uint64_t look_ms; /* skald_clock_ms from which a claim is worth while */
} skald_work_queue;

/* Makes one. `options` (NULL: defaults) are checked: SKALD_INVALID names the field. Without a
 * policy of its own it has that of the service, `otherwise`. */
skald_status skald_work_queue_new(skald_work_queue **out, const char *name,
                                  const skald_queue_options *options,
                                  const skald_policy_plan *otherwise, skald_error *error);

/* Adds an activity. SKALD_INVALID for a type that has one, SKALD_FULL. */
skald_status skald_work_queue_add(skald_work_queue *queue, const skald_activity *activity,
                                  skald_error *error);

/* Do later options say the same as those that count? NULL: yes. */
bool skald_work_queue_same(const skald_work_queue *queue, const skald_queue_options *options);

/* The activity for a type; NULL: none. */
const skald_activity *skald_work_queue_activity(const skald_work_queue *queue, const char *type);

/* Makes the row of the queue, or sets its limits anew when the program declares others than
 * before. What a person has changed since stays. */
skald_status skald_work_queue_register(const skald_work_queue *queue, skald_pg *pg,
                                       skald_error *error);

/* Reads the rows of all queues of the list: what a person has changed. */
skald_status skald_work_queues_refresh(skald_work_queue *first, skald_pg *pg, skald_error *error);

#endif
