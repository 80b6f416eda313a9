/* One transaction for many messages: handlers' effects, outbox rows and positions commit together.
 * Whoever understands batch_try in batch.c understands how Skald keeps its promises. */
#ifndef SKALD_FOLLOWERS_BATCH_H
#define SKALD_FOLLOWERS_BATCH_H

#include "followers/hub.h"
#include "followers/lane.h"
#include "pg/connection.h"
#include "supervisor/hand.h"

typedef struct skald_batch skald_batch;

/* `pg` is borrowed; when it is lost the batch is closed with it. `hand` is that of the thread. */
skald_status skald_batch_open(skald_batch **out, skald_hub *hub, skald_pg *pg, skald_hand *hand,
                              skald_error *error);
void skald_batch_close(skald_batch *batch);

/* What the worker knows of a lane when it takes items from it. */
typedef struct skald_batch_lane {
    skald_lane *lane;
    int64_t epoch;
    int64_t position; /* committed; moved on by skald_batch_run */
} skald_batch_lane;

/* Applies the items, which stay the caller's, in order per lane: in one transaction if all goes
 * well, in several if something fails. Afterwards every item is handled, skipped, parked, dead or
 * was a repeat (item->fate), and lanes[].position says how far each lane is.
 *
 * SKALD_FENCED: at least one of the lanes is no longer ours; SKALD_UNAVAILABLE: the connection is
 * lost and the outcome of the last transaction unknown. In both cases what was not committed is
 * still to be done, and the lanes must be taken again. SKALD_NO_MEMORY: nothing of the rest was
 * done. */
skald_status skald_batch_run(skald_batch *batch, skald_item *const *items, size_t count,
                             skald_batch_lane *lanes, size_t lane_count, skald_error *error);

#endif
