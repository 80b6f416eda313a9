/* What the files of a batch share: batch.c, the transaction; batch_item.c, what is done with one
 * message inside it; failures.c, what is done when one has failed. */
#ifndef SKALD_FOLLOWERS_BATCH_PARTS_H
#define SKALD_FOLLOWERS_BATCH_PARTS_H

#include "flows/notes.h"
#include "followers/attempts.h"
#include "followers/batch.h"
#include "followers/context.h"
#include "participants/fence_rows.h"
#include "participants/replies.h"
#include "pg/array.h"

struct skald_batch {
    skald_hub *hub;
    skald_pg *pg; /* for what is committed before a suspect runs */
    skald_pipeline *pipeline;
    skald_hand *hand; /* of the thread that runs it */
    skald_outbox_writer writer;
    skald_job_writer jobs;
    skald_fence fence;     /* of the commands of the transaction in hand */
    skald_replies replies; /* to our sagas */
    skald_arena scratch;   /* of one item */
    skald_flow_notes notes; /* events seen for flows */
    skald_context context;
    skald_batch_lane *lanes; /* of the run in hand */
    size_t lane_count;
    skald_key_set seen; /* ids of foreign messages of this transaction that are new */
    /* Arguments of skald.advance, kept for their memory. */
    skald_array followers, partitions, epochs, reached, next, handled, skipped;
    uint32_t conflicts; /* in a row */
    /* The item of this transaction that was not simply done, and what is known of that. */
    const skald_item *answered;
    skald_attempt answer;
    skald_attempts tried; /* failed attempts of the item that is settled */
};

/* --- batch.c -------------------------------------------------------------------------------- */

/* One transaction: BEGIN, the items, outbox rows, positions, COMMIT. On failure nothing of it
 * happened, and *culprit is the item that caused it, or SKALD_CULPRIT_UNKNOWN. */
skald_status skald_batch_try(skald_batch *batch, skald_item *const *items, size_t count,
                             size_t *culprit, skald_error *error);
#define SKALD_CULPRIT_UNKNOWN SIZE_MAX

/* Nothing is acknowledged but by this: the positions move in the transaction of the effects, and
 * only while every lane is still ours and where we left it. */
skald_status skald_batch_move(skald_batch *batch, skald_item *const *items, size_t count,
                              skald_error *error);

/* These items are committed. */
void skald_batch_committed(skald_batch *batch, skald_item *const *items, size_t count);

/* Does this failure say nothing about the item? Then it is not an attempt. */
bool skald_batch_blameless(skald_status status);

/* Waits a little after a conflict, longer after each. */
void skald_batch_conflict_pause(skald_batch *batch);

/* Under which epoch the item's lane is ours. */
int64_t skald_batch_epoch(skald_batch *batch, const skald_item *item);

/* --- batch_item.c --------------------------------------------------------------------------- */

/* Does with one item what is to be done with it, in the transaction in hand: runs its handler,
 * skips it, parks it behind its key or sets it aside; item->fate says which. */
skald_status skald_batch_item(skald_batch *batch, skald_item *item, uint32_t owner,
                              skald_error *error);

/* Foreign writers may repeat a message under a new sequence: asks once for the whole batch which of
 * the ids are new, into batch->seen. */
skald_status skald_batch_seen(skald_batch *batch, skald_item *const *items, size_t count,
                              skald_error *error);

#endif
