/* The keeper: the housekeeping of a service, done by whichever of its processes leads. It publishes
 * what was delayed, runs schedules, works off bulk operations, expires and forgets jobs, watches
 * caps and tells people what has gone wrong.
 *
 * One thread per process, with a connection of its own, at work only while it leads. Every step is
 * one transaction that may be cut short anywhere, and that two keepers may do at once without harm:
 * leases only see to it that this is rare. */
#ifndef SKALD_KEEPER_KEEPER_H
#define SKALD_KEEPER_KEEPER_H

#include "base/log.h"
#include "nats/connection.h"

#include <skald/service.h>
#include <skald/status.h>
#include <stdatomic.h>

typedef struct skald_keeper skald_keeper;

typedef struct skald_keeper_options {
    const char *service; /* borrowed, as all of these, until the keeper is closed */
    const char *database;
    const char *application; /* for pg_stat_activity */
    skald_nats *nats;        /* NULL: without NATS */
    skald_log *log;
    const char *alert_command; /* NULL: none */
    uint32_t alert_interval_ms;
    atomic_uint_fast64_t *delayed; /* counts the delayed messages this process has written */
    /* Rows were committed to the outbox. Called by the keeper's thread. */
    void (*published)(void *user);
    void *user;
} skald_keeper_options;

/* Starts the keeper's thread, standing by. */
skald_status skald_keeper_open(skald_keeper **out, const skald_keeper_options *options,
                               skald_error *error);

/* Watches the caps of a follower or a queue, whose name is borrowed. Before it leads. */
skald_status skald_keeper_watch(skald_keeper *keeper, const char *subscription, bool is_queue,
                                const skald_caps *caps, skald_error *error);

/* Lead (true) or stand by (false); returns at once. Any thread. */
void skald_keeper_lead(skald_keeper *keeper, bool leads);

/* Was it told to lead? Any thread; NULL does not. */
bool skald_keeper_leads(const skald_keeper *keeper);

/* Something was committed: looks for delayed messages sooner, if this process writes any. Cheap;
 * any thread; NULL is accepted. */
void skald_keeper_wake(skald_keeper *keeper);

/* Stops the thread and frees. NULL is accepted. */
void skald_keeper_close(skald_keeper *keeper);

#endif
