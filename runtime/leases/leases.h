/* Leases: which process of the service has which partitions of which duty.
 *
 * One thread per process. Every so often it says in skald.process that the process lives, reads who
 * else does, and takes or gives partitions as sagas/assignment.h decides. Only the database's clock
 * counts, and nothing lives in a session, so a transaction pooler may stand between. Taking raises
 * the partition's epoch; whoever still believes to own it is refused at its next commit. */
#ifndef SKALD_LEASES_LEASES_H
#define SKALD_LEASES_LEASES_H

#include "base/log.h"
#include "leases/rows.h"

#include <skald/status.h>

typedef struct skald_leases skald_leases;

/* Duties that one process of a service leads are leased as if they were followers with one
 * partition. */
#define SKALD_RELAY_FOLLOWER "@relay"
#define SKALD_KEEPER_FOLLOWER "@keeper"

enum { SKALD_DUTY_NAME_SIZE = 64 };

typedef struct skald_leases_options {
    const char *service;
    const char *database;
    const char *application;
    const char *process_id; /* a UUID */
    uint32_t lease_ms;
    skald_log *log;
} skald_leases_options;

/* Something that is shared among the processes: a follower, the relay, the keeper. Its rows are in
 * skald.follower and skald.position under `name`. The functions are called by the leases' thread,
 * one at a time, and return soon. */
typedef struct skald_duty {
    const char *name; /* borrowed as long as the leases live */
    uint32_t partitions;
    void *user;
    /* A partition is ours from now on, or anew under a higher epoch; it goes on behind `position`.
     */
    void (*taken)(void *user, uint32_t partition, int64_t epoch, int64_t position);
    /* It is not ours any more. */
    void (*lost)(void *user, uint32_t partition);
    /* It shall be given to another process: true when nothing of it is in hand any more. NULL: at
     * once. */
    bool (*leave)(void *user, uint32_t partition);
    /* How far all processes are, as just read; told to the one that has the first partition. NULL:
     * nobody wants to know. */
    void (*reached)(void *user, const skald_positions *positions);
} skald_duty;

/* Makes them; nothing is leased before the start. Strings are borrowed. */
skald_status skald_leases_open(skald_leases **out, const skald_leases_options *options,
                               skald_error *error);

/* Starts the thread. */
skald_status skald_leases_start(skald_leases *leases, skald_error *error);

/* Takes part in sharing a duty from now on; its rows exist. Any thread. */
void skald_leases_add(skald_leases *leases, const skald_duty *duty);

/* What this process believes of a partition of the duty with that `user` may be wrong (the outcome
 * of a commit is unknown, or it was fenced): take it anew under a higher epoch, if it is still
 * ours. Any thread. */
void skald_leases_doubt(skald_leases *leases, const void *user, uint32_t partition);

/* Gives everything back as it becomes idle, `wait_ms` at most, and stops. False when something was
 * still busy: its lease will expire. */
bool skald_leases_leave(skald_leases *leases, uint64_t wait_ms);

/* Partitions held by this process, duties whose name begins with "@" not counted. Any thread. */
uint64_t skald_leases_held(const skald_leases *leases);

/* Stops if need be and frees. NULL is accepted. */
void skald_leases_close(skald_leases *leases);

/* The name under which a process's sessions are shown: "skald/<service>/<tail of its id>". */
enum { SKALD_APPLICATION_SIZE = 64 };
void skald_leases_application(char out[SKALD_APPLICATION_SIZE], const char *service,
                              const char *process_id);

#endif
