/* Copies a row's columns into a message. */
#include "outbox/rows.h"
#include "base/uuid.h"

enum column {
    COLUMN_POSITION,
    COLUMN_CREATED_AT,
    COLUMN_EVENT_ID,
    COLUMN_PARTITION,
    COLUMN_KIND,
    COLUMN_TYPE,
    COLUMN_KEY,
    COLUMN_CORRELATION_ID,
    COLUMN_CAUSATION_ID,
    COLUMN_TRACEPARENT,
    COLUMN_TRACESTATE,
    COLUMN_HEADERS,
    COLUMN_ADDRESSEE,
    COLUMN_CONTROL,
    COLUMN_BODY,
};

/* Fields of a message that are text columns: where each goes. */
static const struct {
    enum column column;
    size_t offset;
} texts[] = {
    {COLUMN_TYPE, offsetof(skald_message, type)},
    {COLUMN_KEY, offsetof(skald_message, key)},
    {COLUMN_CORRELATION_ID, offsetof(skald_message, correlation_id)},
    {COLUMN_CAUSATION_ID, offsetof(skald_message, causation_id)},
    {COLUMN_TRACEPARENT, offsetof(skald_message, traceparent)},
    {COLUMN_TRACESTATE, offsetof(skald_message, tracestate)},
    {COLUMN_HEADERS, offsetof(skald_message, headers)},
    {COLUMN_ADDRESSEE, offsetof(skald_message, addressee)},
    {COLUMN_CONTROL, offsetof(skald_message, control)},
};

static skald_status texts_copy(skald_message *out, const skald_rows *rows, uint32_t row,
                               skald_arena *arena)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (skald_rows_null(rows, row, (int)texts[i].column))
            continue;
        const skald_bytes text = skald_rows_bytes(rows, row, (int)texts[i].column);
        const char *copy = skald_arena_text_sized(arena, text.data, text.size);
        if (copy == NULL)
            return SKALD_NO_MEMORY;
        *(const char **)((char *)out + texts[i].offset) = copy;
    }
    return SKALD_OK;
}

skald_status skald_outbox_row(skald_message *out, const skald_rows *rows, uint32_t row,
                              const char *source, skald_arena *arena)
{
    skald_message message = {
        .position = skald_rows_integer(rows, row, COLUMN_POSITION),
        .previous = -1,
        .partition = (uint32_t)skald_rows_integer(rows, row, COLUMN_PARTITION),
        .kind = (skald_kind)skald_rows_integer(rows, row, COLUMN_KIND),
        .source = source,
        .content_type = "application/protobuf",
        .time_us = skald_rows_time_us(rows, row, COLUMN_CREATED_AT),
        .body = skald_arena_bytes(arena, skald_rows_bytes(rows, row, COLUMN_BODY)),
    };
    char *id = skald_arena_alloc(arena, 37);
    if (id == NULL || message.body.data == NULL)
        return SKALD_NO_MEMORY;
    skald_uuid_format(skald_rows_bytes(rows, row, COLUMN_EVENT_ID).data, id);
    message.id = id;
    const skald_status status = texts_copy(&message, rows, row, arena);
    if (status == SKALD_OK)
        *out = message;
    return status;
}
