/* Puts messages into the outbox: collected over a batch and inserted by one statement. */
#ifndef SKALD_OUTBOX_WRITER_H
#define SKALD_OUTBOX_WRITER_H

#include "pg/array.h"
#include "pg/pipeline.h"

#include <skald/message.h>
#include <skald/status.h>
#include <stdbool.h>

typedef struct skald_outbox_writer {
    skald_array ids;
    skald_array partitions;
    skald_array types;
    skald_array keys;
    skald_array correlation_ids;
    skald_array causation_ids;
    skald_array traceparents;
    skald_array tracestates;
    skald_array headers;
    skald_array bodies;
    skald_array kinds; /* this and the next are sent only when they say something */
    skald_array addressees;
    skald_array controls;
    bool addressed; /* there is a command or a reply among them */
} skald_outbox_writer;

void skald_outbox_writer_init(skald_outbox_writer *writer);
void skald_outbox_writer_done(skald_outbox_writer *writer);

/* Forgets what was collected. */
void skald_outbox_writer_clear(skald_outbox_writer *writer);

/* Copies `message`, whose id is a UUID and whose partition is set: an event, or a command or reply
 * with its addressee. SKALD_NO_MEMORY. */
skald_status skald_outbox_writer_add(skald_outbox_writer *writer, const skald_message *message);

uint32_t skald_outbox_writer_count(const skald_outbox_writer *writer);

/* Queues the INSERT of everything collected, in the order it was added; nothing when there is
 * nothing. */
skald_status skald_outbox_writer_send(skald_outbox_writer *writer, skald_pipeline *pipeline,
                                      skald_error *error);

/* Inserts one event on a connection that is the user's own, in whatever transaction it has open.
 * SKALD_INVALID when the connection cannot take it or leads to another service's database. */
skald_status skald_outbox_write_on(struct pg_conn *connection, const char *service,
                                   const skald_message *message, skald_error *error);

#endif
