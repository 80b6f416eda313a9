/* The inside of a feeder, shared by the files that feed from a stream, feed from an outbox, and
 * repair. */
#ifndef SKALD_FOLLOWERS_FEEDER_INSIDE_H
#define SKALD_FOLLOWERS_FEEDER_INSIDE_H

#include "base/arena.h"
#include "followers/feeder.h"
#include "nats/puller.h"
#include "outbox/bell.h"
#include "pg/connection.h"

#include <stdatomic.h>

/* How many messages the lanes of one follower may hold together before the feeder waits. */
enum { SKALD_FEED_ITEMS_MAX = 8192, SKALD_FEED_REQUEST = 512 };

struct skald_feeder {
    skald_follower *follower;
    pthread_t thread;
    bool started;
    skald_bell bell; /* rings when one of the flags below was set */
    uint64_t heard;
    atomic_bool stopping;
    atomic_bool rewind; /* begin anew from the lowest position */
    atomic_bool repair; /* some lane misses messages */
    atomic_bool doubt;  /* the source cannot go on */

    /* The thread's own. */
    skald_pg *pg;
    skald_puller *puller;
    atomic_uint_fast64_t received; /* by the puller's callback, since it was opened */
    uint64_t allowed;
    skald_arena scratch; /* the puller's callback's own while it is open */
    bool outage;
    uint64_t look_ms; /* when to look at the follower's row again */
};

/* About once a second: is the follower above its cap, so that its workers take nothing fresh, and
 * how far ahead of ours is the database's clock? Costs nothing in between. */
skald_status skald_feeder_look(skald_feeder *feeder, skald_error *error);

/* Messages in the lanes' queues. */
uint64_t skald_feeder_queued(skald_feeder *feeder);

/* Should the source be left: stopping, rewind, doubt or repair? */
bool skald_feeder_interrupted(skald_feeder *feeder);

/* Feed until interrupted, from behind `position`. */
skald_status skald_feed_stream(skald_feeder *feeder, int64_t position, skald_error *error);
skald_status skald_feed_outbox(skald_feeder *feeder, int64_t position, skald_error *error);

/* Asks the origin's relay for what lanes miss, and feeds it. SKALD_TIMEOUT: nobody answered yet;
 * SKALD_HISTORY_LOST: the origin does not have it any more. */
skald_status skald_feeder_mend(skald_feeder *feeder, skald_error *error);

/* One message of a lane as received, its headers read; NULL without memory. */
skald_item *skald_feed_item(skald_feeder *feeder, const skald_stream_message *received,
                            uint32_t partition);

#endif
