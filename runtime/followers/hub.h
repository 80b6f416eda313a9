/* What the followers and workers of one process share. Filled by the service before its threads
 * start, and constant afterwards but for the counters. */
#ifndef SKALD_FOLLOWERS_HUB_H
#define SKALD_FOLLOWERS_HUB_H

#include "base/key_set.h"
#include "base/log.h"
#include "nats/connection.h"
#include "policy.h"

#include <pthread.h>
#include <skald/service.h>
#include <stdatomic.h>

/* PostgreSQL ends a transaction that a handler keeps waiting so much longer than it may, so that a
 * frozen process cannot hold locks for ever. Under a supervisor the process has been ended by then.
 */
enum { SKALD_HANDLER_SLACK_MS = 5000, SKALD_HOST_SIZE = 128 };

typedef struct skald_tally {
    atomic_uint_fast64_t handled;
    atomic_uint_fast64_t skipped;
    atomic_uint_fast64_t repeated;
    atomic_uint_fast64_t failed;
    atomic_uint_fast64_t set_aside;
    atomic_uint_fast64_t dead;
    atomic_uint_fast64_t batches;
    atomic_uint_fast64_t delayed; /* messages written that are published later */
    atomic_uint_fast64_t jobs_done;
    atomic_uint_fast64_t jobs_failed;
} skald_tally;

struct skald_leases;
struct skald_sagas;

typedef struct skald_hub {
    skald_service *service;
    const char *name; /* of the service */
    const char *database;
    const char *application; /* shown in pg_stat_activity; names the process */
    const char *process_id;  /* skald.process.id */
    char host[SKALD_HOST_SIZE];
    int32_t pid;
    uint32_t partitions; /* of the service's own events */
    uint32_t batch_max;
    uint32_t handler_ms;      /* how long one handler may take */
    skald_policy_plan policy; /* where a subscription has none of its own */
    pthread_mutex_t suspects; /* held while a suspect runs: one at a time in this process */
    uint32_t lanes_max;       /* of all followers together */
    skald_nats *nats;         /* NULL: without NATS */
    skald_log *log;
    void *user;
    struct skald_leases *leases;
    struct skald_sagas *sagas; /* engine/kinds.h: the definitions this program knows; NULL: none */
    skald_tally tally;
    atomic_bool enqueued;       /* jobs were committed since the last ring */
    pthread_mutex_t names_lock; /* guards queue_names */
    skald_key_set queue_names;  /* queues that the database is known to have */
} skald_hub;

#endif
