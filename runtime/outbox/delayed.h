/* Messages that are published later: until they are due they wait as jobs of the queue "@publish",
 * which needs no program. The keeper moves them to the outbox (keeper/delayed.c). */
#ifndef SKALD_OUTBOX_DELAYED_H
#define SKALD_OUTBOX_DELAYED_H

#include "pg/array.h"
#include "pg/pipeline.h"

#include <skald/message.h>
#include <skald/status.h>

#define SKALD_DELAYED_QUEUE "@publish"

/* Collected over a batch and inserted by one statement, as skald_outbox_writer does. */
typedef struct skald_delayed_writer {
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
    skald_array delays_ms;
    skald_array times_us;
} skald_delayed_writer;

void skald_delayed_writer_init(skald_delayed_writer *writer);
void skald_delayed_writer_done(skald_delayed_writer *writer);
void skald_delayed_writer_clear(skald_delayed_writer *writer);

/* Copies `message`, whose id is a UUID and whose partition is set: due after `delay_ms`, by the
 * database's clock, or, if it is not 0, at `at_us`. SKALD_NO_MEMORY. */
skald_status skald_delayed_writer_add(skald_delayed_writer *writer, const skald_message *message,
                                      uint64_t delay_ms, int64_t at_us);

uint32_t skald_delayed_writer_count(const skald_delayed_writer *writer);

/* Queues the INSERT of everything collected, in the order it was added; nothing when there is
 * nothing. */
skald_status skald_delayed_writer_send(skald_delayed_writer *writer, skald_pipeline *pipeline,
                                       skald_error *error);

/* Inserts one on a connection that is the user's own, as skald_outbox_write_on does. */
skald_status skald_delayed_write_on(struct pg_conn *connection, const char *service,
                                    const skald_message *message, uint64_t delay_ms, int64_t at_us,
                                    skald_error *error);

#endif
