/* What the followers and workers of one process share. Filled by the service before its threads
 * start, and constant afterwards but for the counters. */
#ifndef SKALD_FOLLOWERS_HUB_H
#define SKALD_FOLLOWERS_HUB_H

#include "base/key_set.h"
#include "base/log.h"
#include "nats/connection.h"

#include <skald/service.h>
#include <stdatomic.h>

/* How long a handler may keep its transaction waiting before PostgreSQL ends it, so that a frozen
 * process cannot hold locks for ever. */
enum { SKALD_HANDLER_MS_MAX = 60000 };

typedef struct skald_tally {
    atomic_uint_fast64_t handled;
    atomic_uint_fast64_t skipped;
    atomic_uint_fast64_t repeated;
    atomic_uint_fast64_t failed;
    atomic_uint_fast64_t set_aside;
    atomic_uint_fast64_t batches;
    atomic_uint_fast64_t dead;
    atomic_uint_fast64_t jobs_done;
    atomic_uint_fast64_t jobs_failed;
} skald_tally;

struct skald_leases;

typedef struct skald_hub {
    skald_service *service;
    const char *name; /* of the service */
    const char *database;
    const char *application; /* shown in pg_stat_activity; names the process */
    uint32_t partitions;     /* of the service's own events */
    uint32_t batch_max;
    uint32_t lanes_max; /* of all followers together */
    skald_nats *nats; /* NULL: without NATS */
    skald_log *log;
    void *user;
    struct skald_leases *leases;
    skald_tally tally;
    const char *process_id;     /* skald.process.id, a UUID */
    atomic_bool enqueued;       /* jobs were committed since the last ring */
    pthread_mutex_t names_lock; /* guards queue_names */
    skald_key_set queue_names;  /* queues that the database is known to have */
} skald_hub;

#endif
