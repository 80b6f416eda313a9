/* A follower: a stream, the handlers for its messages, its lanes, and the thread that feeds them.
 */
#ifndef SKALD_FOLLOWERS_FOLLOWER_H
#define SKALD_FOLLOWERS_FOLLOWER_H

#include "flows/flows.h"
#include "followers/hub.h"
#include "followers/lane.h"
#include "leases/leases.h"

#include <pthread.h>
#include <skald/partition.h>
#include <skald/service.h>

enum { SKALD_HANDLERS_MAX = 256, SKALD_FOLLOWER_NAME_SIZE = 64 };

typedef struct skald_follower {
    struct skald_follower *next;
    char name[SKALD_FOLLOWER_NAME_SIZE];
    char stream[SKALD_FOLLOWER_NAME_SIZE];
    skald_follow_options options; /* its strings point into this struct */
    char foreign_type[SKALD_TYPE_SIZE_MAX + 1];
    const skald_handler *handlers[SKALD_HANDLERS_MAX];
    skald_kind kinds[SKALD_HANDLERS_MAX]; /* of each handler: events or commands */
    uint32_t handler_count;
    bool commands; /* it takes part in sagas of that service: some handler is for commands */
    bool replies;  /* replies to our sagas come from there */
    skald_policy_plan plan;          /* of options.policy */
    const skald_policy_plan *policy; /* what counts: that, or the service's */

    skald_flows *flows; /* for which it watches its stream, instead of handlers; NULL: none */

    skald_hub *hub;
    bool direct; /* reads its own service's outbox instead of a stream */

    /* Written by the feeder once, before its lanes are known to leases; constant afterwards. */
    uint32_t partitions;
    skald_lane lanes[SKALD_PARTITIONS_MAX];
    uint32_t worker_count;
    struct skald_worker **workers;

    /* Written by the feeder about once a second. */
    atomic_bool full;              /* above its cap: nothing fresh is taken */
    atomic_int_least64_t ahead_us; /* of the database's skald.now() to this machine's wall clock */

    struct skald_feeder *feeder;
} skald_follower;

/* The handler for messages of this kind and type; NULL when nobody handles them. */
const skald_handler *skald_follower_handler(const skald_follower *follower, skald_kind kind,
                                            const char *type);

/* Adds a handler for events or commands. SKALD_INVALID for a type that has one, SKALD_FULL. */
skald_status skald_follower_add(skald_follower *follower, skald_kind kind,
                                const skald_handler *handler, skald_error *error);

/* Divides the lanes among the workers. */
void skald_follower_lanes_init(skald_follower *follower, uint32_t partitions);

/* What is leased of it, once its lanes are made. When a lane is taken it begins (again) behind the
 * position; when it is lost it drops everything; when it shall be left it takes nothing new in. */
skald_duty skald_follower_duty(skald_follower *follower);

/* Offers a message read from the stream or the outbox to the lane it belongs to. `trouble` says why
 * its headers cannot be read (NULL: they could). */
void skald_follower_feed(skald_follower *follower, const skald_message *message, uint64_t sequence,
                         const char *trouble, bool repair);

/* Rows were committed to this service's outbox: a follower that reads it directly looks now. */
void skald_follower_ring(skald_follower *follower);

/* Frees what the lanes hold. */
void skald_follower_done(skald_follower *follower);

#endif
