/* Replies to commands of our sagas become rows of skald.saga_input: collected over a batch and
 * inserted by one statement. */
#ifndef SKALD_PARTICIPANTS_REPLIES_H
#define SKALD_PARTICIPANTS_REPLIES_H

#include "base/arena.h"
#include "pg/array.h"
#include "pg/pipeline.h"

typedef struct skald_replies {
    skald_array columns[9];
} skald_replies;

void skald_replies_init(skald_replies *replies);
void skald_replies_done(skald_replies *replies);

/* Forgets what was collected. */
void skald_replies_clear(skald_replies *replies);

uint32_t skald_replies_count(const skald_replies *replies);

/* Copies what `message`, which came in `stream`, says to the saga of its operation; this
 * `service` has `partitions` partitions, and `scratch` is used during the call. Whether the
 * stream's owner was asked is for the engine to know. SKALD_MALFORMED when it says nothing that a
 * saga understands; SKALD_NO_MEMORY. */
skald_status skald_replies_add(skald_replies *replies, const skald_message *message,
                               const char *service, const char *stream, uint32_t partitions,
                               skald_arena *scratch, skald_error *error);

/* Queues the INSERT of everything collected, in the order it was added. */
skald_status skald_replies_send(skald_replies *replies, skald_pipeline *pipeline,
                                skald_error *error);

#endif
