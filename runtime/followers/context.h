/* The inside of a skald_context: what a handler or an activity works with, and what it left behind.
 */
#ifndef SKALD_FOLLOWERS_CONTEXT_H
#define SKALD_FOLLOWERS_CONTEXT_H

#include "base/arena.h"
#include "effects/effects.h"
#include "followers/hub.h"
#include "followers/item.h"
#include "outbox/writer.h"
#include "pg/pipeline.h"

#include <skald/context.h>

enum { SKALD_CONTEXT_RESULTS_MAX = 1024 };

struct skald_context {
    skald_hub *hub;
    skald_pipeline *pipeline;
    skald_outbox_writer *writer;
    skald_job_writer *jobs;
    /* Of an activity, which runs outside any transaction: what it does is collected here, and its
     * queries go to a connection of its own. NULL in a handler; then the three above are. */
    skald_effects *effects;
    skald_pg *own; /* opened at its first query */
    const skald_item *item;
    uint32_t owner; /* the item's number in the pipeline */
    skald_arena memory;
    skald_error failure; /* why the handler failed, as far as it or we said so */
    skald_rows *results[SKALD_CONTEXT_RESULTS_MAX];
    uint32_t result_count;
};

void skald_context_init(skald_context *context, skald_hub *hub, skald_pipeline *pipeline,
                        skald_outbox_writer *writer, skald_job_writer *jobs);

/* The same for activities. */
void skald_context_init_activity(skald_context *context, skald_hub *hub, skald_effects *effects);

/* Begins the next message. */
void skald_context_begin(skald_context *context, const skald_item *item, uint32_t owner);

/* Frees what the handler used. */
void skald_context_end(skald_context *context);

void skald_context_done(skald_context *context);

/* Remembers the first failure of a call, so that user code need not pass it on itself. */
skald_status skald_context_failed(skald_context *context, const skald_error *error);

#endif
