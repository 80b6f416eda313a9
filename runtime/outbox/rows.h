/* Rows of skald.outbox as messages: the columns and their order, in one place. */
#ifndef SKALD_OUTBOX_ROWS_H
#define SKALD_OUTBOX_ROWS_H

#include "base/arena.h"
#include "pg/rows.h"

#include <skald/message.h>
#include <skald/status.h>

/* To be selected, in this order and in binary format. */
#define SKALD_OUTBOX_COLUMNS                                                                       \
    "position, created_at, event_id, partition, kind, type, key, correlation_id, causation_id, "   \
    "traceparent, tracestate, headers, addressee, control, body"
enum { SKALD_OUTBOX_COLUMN_COUNT = 15 };

/* Row number `row` as a message copied into `arena`; `source` is borrowed. SKALD_NO_MEMORY. */
skald_status skald_outbox_row(skald_message *out, const skald_rows *rows, uint32_t row,
                              const char *source, skald_arena *arena);

#endif
