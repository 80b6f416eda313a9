/* What would user code do? The handler of a job, or the next turn of a saga, runs in a transaction
 * that is always rolled back, and what it changed is read before that. */
#ifndef SKALD_WHATIF_WHATIF_H
#define SKALD_WHATIF_WHATIF_H

#include "followers/follower.h"
#include "queues/queue.h"
#include "whatif/report.h"

typedef struct skald_whatif_options {
    skald_hub *hub; /* filled as for a start, but without NATS and leases */
    skald_follower *followers;
    const skald_work_queue *queues;
    const char *job;  /* number or message id; or: */
    const char *saga; /* id */
    const char *step; /* of the saga: the one to retry; NULL: whatever comes next */
} skald_whatif_options;

/* Runs it on the calling thread; `report` is filled as far as it came and is to be freed by
 * skald_whatif_report_done. SKALD_OK: the report holds the outcome, good or bad. SKALD_NOT_FOUND,
 * SKALD_INVALID: there is no such job, saga, step or code. SKALD_TIMEOUT: the running service holds
 * what it needs. SKALD_UNAVAILABLE, SKALD_DATABASE. In no case is anything committed. */
skald_status skald_whatif_run(const skald_whatif_options *options, skald_whatif_report *report,
                              skald_error *error);

#endif
