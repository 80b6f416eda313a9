/* Events of one batch on their way into the instances of flows: collected message by message,
 * written set-based at the end of the batch's transaction. */
#ifndef SKALD_FLOWS_NOTES_H
#define SKALD_FLOWS_NOTES_H

#include "flows/flows.h"
#include "pg/pipeline.h"

/* One event for one flow. */
typedef struct skald_flow_noted {
    const skald_flow *flow;
    size_t event;       /* in its table */
    const char *key;    /* in the notes' memory */
    const char *id;     /* what it is known by */
    const char *source; /* borrowed, as the message */
    const skald_message *message;
    size_t place; /* in the batch */
} skald_flow_noted;

/* Zero-initialised is empty. */
typedef struct skald_flow_notes {
    skald_arena memory;
    skald_arena scratch; /* of the message in hand */
    skald_flow_noted *list;
    size_t count;
    size_t room;
} skald_flow_notes;

void skald_flow_notes_done(skald_flow_notes *notes);

/* Forgets what was collected. */
void skald_flow_notes_clear(skald_flow_notes *notes);

/* Collects a message that came by `stream`, both borrowed until the notes are sent or cleared, for
 * every flow it belongs to; *noted says whether there was one. SKALD_NO_MEMORY. */
skald_status skald_flow_notes_add(skald_flow_notes *notes, skald_flows *flows, const char *stream,
                                  const skald_message *message, skald_log *log, bool *noted,
                                  skald_error *error);

/* Writes it, in the transaction in hand: instances are locked in their order, each event that is
 * not known yet is taken, and what follows is queued. Costs one round trip; nothing when nothing
 * was collected. SKALD_CONFLICT when an instance was forgotten in between: run it again. */
skald_status skald_flow_notes_send(skald_flow_notes *notes, skald_pipeline *pipeline,
                                   skald_error *error);

#endif
