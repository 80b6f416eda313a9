/* Leases: which process of the service has which partitions, and which one leads the relay.
 *
 * One thread per process. Every so often it says in skald.process that the process lives, reads who
 * else does, and takes or gives partitions as sagas/assignment.h decides. Only the database's clock
 * counts, and nothing lives in a session, so a transaction pooler may stand between. Taking raises
 * the partition's epoch; whoever still believes to own it is refused at its next commit. */
#ifndef SKALD_LEASES_LEASES_H
#define SKALD_LEASES_LEASES_H

#include "followers/follower.h"
#include "outbox/relay.h"

#include <skald/status.h>

typedef struct skald_leases skald_leases;

/* The relay is leased as if it were a follower with one partition. */
#define SKALD_RELAY_FOLLOWER "@relay"

typedef struct skald_leases_options {
    const char *service;
    const char *database;
    const char *application;
    const char *process_id; /* a UUID */
    uint32_t lease_ms;
    skald_log *log;
    skald_relay *relay; /* NULL: without NATS */
    skald_nats *nats;   /* NULL: likewise */
} skald_leases_options;

/* Makes them; nothing is leased before the start. Strings are borrowed. */
skald_status skald_leases_open(skald_leases **out, const skald_leases_options *options,
                               skald_error *error);

/* Starts the thread. */
skald_status skald_leases_start(skald_leases *leases, skald_error *error);

/* Takes part in sharing a follower's partitions from now on; its rows exist. Any thread. */
void skald_leases_add(skald_leases *leases, skald_follower *follower);

/* What this process believes of a partition may be wrong (the outcome of a commit is unknown, or it
 * was fenced): take it anew under a higher epoch, if it is still ours. Any thread. */
void skald_leases_doubt(skald_leases *leases, skald_follower *follower, uint32_t partition);

/* Gives everything back as it becomes idle, `wait_ms` at most, and stops. False when something was
 * still busy: its lease will expire. */
bool skald_leases_leave(skald_leases *leases, uint64_t wait_ms);

/* Partitions held by this process, the relay not counted. Any thread. */
uint64_t skald_leases_held(const skald_leases *leases);
bool skald_leases_relay_leads(const skald_leases *leases);

/* Stops if need be and frees. NULL is accepted. */
void skald_leases_close(skald_leases *leases);

/* The name under which a process's sessions are shown: "skald/<service>/<tail of its id>". */
enum { SKALD_APPLICATION_SIZE = 64 };
void skald_leases_application(char out[SKALD_APPLICATION_SIZE], const char *service,
                              const char *process_id);

#endif
