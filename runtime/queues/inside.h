/* What the files of this folder share. */
#ifndef SKALD_QUEUES_INSIDE_H
#define SKALD_QUEUES_INSIDE_H

#include "followers/context.h"
#include "nats/connection.h"
#include "pg/pipeline.h"
#include "queues/queues.h"
#include "queues/rows.h"

#include <pthread.h>

enum { SKALD_RUN_NOTE_SIZE = 128 };

/* How an attempt ended, as the runner saw it. */
typedef enum skald_run_end {
    SKALD_RUN_DONE,
    SKALD_RUN_SKIPPED,
    SKALD_RUN_REFUSED, /* business says no: the answer to a command, not a failure */
    SKALD_RUN_FAILED,
    SKALD_RUN_CANCELLED,
    SKALD_RUN_GIVEN_BACK, /* it stopped because the service drains */
} skald_run_end;

/* One job in the hands of a runner. Between the claim and the note of its end it belongs to the
 * runner while it is RUNNING and to the dispatcher otherwise. */
typedef struct skald_run {
    skald_context context; /* first: the public calls find the run by it */
    skald_effects effects;
    skald_work_queue *queue;
    struct skald_queues *queues;
    struct skald_runner *runner;
    skald_item *item;

    /* As claimed. */
    int64_t job_id;
    uint32_t starts;
    uint32_t attempts; /* failed before, since it was last replayed */
    uint32_t not_yets; /* answered NOT_YET before */
    uint32_t crashes;
    bool maybe_done;
    bool suspect;        /* may have ended a process: it runs while no other job does */
    bool expired;        /* too old: not run */
    uint64_t failing_ms; /* since the first failure */
    uint64_t early_ms;   /* since the first NOT_YET */
    uint64_t claimed_ms; /* skald_clock_ms */
    uint32_t timeout_ms; /* one attempt may take so long without a heartbeat */
    skald_activity step; /* the code of a saga's step, as its queue has found it */

    /* The end. */
    skald_run_end end;
    skald_attempt attempt; /* what it said, unless it is simply done */
    const char *result_type;
    skald_bytes result;
    uint32_t put_off; /* how often its end could not be noted, because rows were locked */
    bool settled;     /* its end is noted, or somebody else's business */

    /* Between the threads. */
    atomic_bool alive; /* a heartbeat that PostgreSQL does not know of yet */
    atomic_bool cancelled;
    atomic_bool fenced;
    bool progressed; /* guarded by the queues' mutex, as the next two */
    double progress;
    char note[SKALD_RUN_NOTE_SIZE];
} skald_run;

typedef enum skald_runner_state {
    SKALD_RUNNER_FREE,
    SKALD_RUNNER_RUNNING,
    SKALD_RUNNER_ENDED,
} skald_runner_state;

typedef struct skald_runner {
    struct skald_queues *queues;
    pthread_t thread;
    bool started;
    pthread_cond_t condition; /* there is a job, or it is over */
    skald_runner_state state; /* guarded by the queues' mutex */
    skald_hand *hand;
    /* While the end of one job is noted, the next is claimed into the other slot. */
    skald_run slots[2];
    skald_run *run; /* the one in hand; changed by the dispatcher, never while it is RUNNING */
} skald_runner;

struct skald_queues {
    skald_hub *hub;
    skald_work_queue *first;
    skald_nats_listener *listener;
    skald_runner *runners;
    uint32_t runner_count; /* of all queues */
    pthread_t thread;      /* the dispatcher */
    bool started;

    pthread_mutex_t mutex; /* guards what is below, and the runners' states */
    pthread_cond_t condition;
    uint64_t rings;
    uint32_t running;      /* activities, on all runners */
    uint32_t alone_wanted; /* by suspects, one of which may be running */
    pthread_cond_t fewer;  /* of either */
    bool over;             /* runners end */
    bool ended;            /* the dispatcher has */
    atomic_bool stopping;

    /* The dispatcher's own. */
    skald_pg *pg;
    skald_pipeline *pipeline;
    skald_outbox_writer events;
    skald_job_writer jobs;
    bool outage;
    bool known;          /* skald.process has seen us */
    uint64_t tick_ms;    /* when heartbeats go out next */
    uint64_t refresh_ms; /* when the queues' rows are read next */
    uint64_t lost_ms;    /* when lost jobs are looked for next */
    uint64_t mend_ms;    /* when waiting keys are mended next */
    uint32_t conflicts;  /* in a row */
};

/* runner.c */
skald_status skald_runner_open(skald_runner *runner, skald_queues *queues, skald_work_queue *queue,
                               skald_error *error);
void skald_runner_done(skald_runner *runner);

/* Gives a free runner its job, which is in one of its slots; with the mutex held. */
void skald_runner_give(skald_runner *runner, skald_run *run);

/* The slot that is not in hand. */
skald_run *skald_runner_spare(skald_runner *runner);

/* The run is over: what it used is freed. */
void skald_run_clear(skald_run *run);

/* claim.c. Claims up to `wanted` due jobs of the queue in one transaction, each into one of `runs`.
 * `*wait_ms`: how long it makes no sense to claim again; 0: there is more now. */
skald_status skald_queue_claim(skald_queues *queues, skald_work_queue *queue, skald_run **runs,
                               uint32_t wanted, uint32_t *claimed, uint32_t *wait_ms,
                               skald_error *error);

/* The same in the transaction in hand, for a queue without limits; nothing is claimed unless that
 * is committed. */
skald_status skald_queue_claim_within(skald_queues *queues, skald_work_queue *queue,
                                      skald_run **runs, uint32_t wanted, uint32_t *claimed,
                                      skald_error *error);

/* ending.c. Notes the ends of runs with their effects; run->settled says of which. When all goes
 * well the same transaction claims the next jobs for their runners: `next` receives those that are
 * to begin now, as many as `count` at most. */
skald_status skald_queues_settle(skald_queues *queues, skald_run **runs, size_t count,
                                 skald_run **next, size_t *next_count, skald_error *error);

/* What becomes of a job that failed like this: fills in state, delay, fingerprint and the rest. */
void skald_job_end_fail(skald_job_end *end, const skald_work_queue *queue, const char *type,
                        const skald_failure *failure, const char *reason);

/* breaker.c. One end after another is told to the circuit breaker of the queue. */
typedef struct skald_breaker_news {
    int64_t job_id;
    bool counts; /* it says something about the outside */
    bool succeeded;
} skald_breaker_news;
skald_status skald_breaker_tell(skald_queues *queues, const skald_work_queue *queue,
                                const skald_breaker_news *news, size_t count, skald_error *error);

/* lost.c. On a new connection: what we claimed without hearing of it. Heartbeats out, cancellations
 * and losses in; jobs of processes that are gone; keys that wait in vain. */
skald_status skald_queues_reclaim(skald_queues *queues, skald_error *error);
skald_status skald_queues_tick(skald_queues *queues, skald_error *error);
skald_status skald_queues_lost(skald_queues *queues, skald_error *error);
skald_status skald_queues_mend(skald_queues *queues, skald_error *error);

#endif
