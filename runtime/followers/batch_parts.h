/* What the two files of a batch share: batch.c, the transaction, and batch_item.c, what is done
 * with one message inside it. */
#ifndef SKALD_FOLLOWERS_BATCH_PARTS_H
#define SKALD_FOLLOWERS_BATCH_PARTS_H

#include "followers/batch.h"
#include "followers/context.h"
#include "pg/array.h"

struct skald_batch {
    skald_hub *hub;
    skald_pipeline *pipeline;
    skald_outbox_writer writer;
    skald_job_writer jobs;
    skald_context context;
    skald_batch_lane *lanes; /* of the run in hand */
    size_t lane_count;
    skald_key_set seen; /* ids of foreign messages of this transaction that are new */
    /* Arguments of skald.advance, kept for their memory. */
    skald_array followers, partitions, epochs, reached, next, handled, skipped;
    uint32_t conflicts; /* in a row */
};

/* Does with one item what is to be done with it, in the transaction in hand: runs its handler,
 * skips it, parks it behind its key or sets it aside; item->fate says which. */
skald_status skald_batch_item(skald_batch *batch, skald_item *item, uint32_t owner,
                              skald_error *error);

/* Foreign writers may repeat a message under a new sequence: asks once for the whole batch which of
 * the ids are new, into batch->seen. */
skald_status skald_batch_seen(skald_batch *batch, skald_item *const *items, size_t count,
                              skald_error *error);

#endif
