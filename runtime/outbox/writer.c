/* Column by column into arrays; PostgreSQL makes rows of them, drawing positions in their order. */
#include "outbox/writer.h"
#include "base/uuid.h"
#include "pg/guest.h"

#include <assert.h>

enum {
    COLUMNS = 13,
    EVENT_COLUMNS = 10, /* events alone need no more */
};

void skald_outbox_writer_init(skald_outbox_writer *writer)
{
    skald_array_init(&writer->ids, SKALD_ARRAY_UUID);
    skald_array_init(&writer->partitions, SKALD_ARRAY_INT2);
    skald_array_init(&writer->types, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->keys, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->correlation_ids, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->causation_ids, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->traceparents, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->tracestates, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->headers, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->bodies, SKALD_ARRAY_BYTEA);
    skald_array_init(&writer->kinds, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->addressees, SKALD_ARRAY_TEXT);
    skald_array_init(&writer->controls, SKALD_ARRAY_TEXT);
    writer->addressed = false;
}

/* Every column, in the order of the INSERTs below. */
static void columns_list(skald_outbox_writer *writer, skald_array *columns[COLUMNS])
{
    skald_array *list[COLUMNS] = {
        &writer->ids,          &writer->partitions,      &writer->types,
        &writer->keys,         &writer->correlation_ids, &writer->causation_ids,
        &writer->traceparents, &writer->tracestates,     &writer->headers,
        &writer->bodies,       &writer->kinds,           &writer->addressees,
        &writer->controls};
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = list[i];
}

void skald_outbox_writer_done(skald_outbox_writer *writer)
{
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    skald_arrays_done(columns, COLUMNS);
}

void skald_outbox_writer_clear(skald_outbox_writer *writer)
{
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    skald_arrays_clear(columns, COLUMNS);
    writer->addressed = false;
}

uint32_t skald_outbox_writer_count(const skald_outbox_writer *writer)
{
    return writer->ids.count;
}

skald_status skald_outbox_writer_add(skald_outbox_writer *writer, const skald_message *message)
{
    unsigned char id[16];
    const bool is_uuid = skald_uuid_parse(message->id, id);
    const bool addressed = message->addressee != NULL;
    const char kind[] = {addressed ? (char)message->kind : SKALD_KIND_EVENT, '\0'};
    assert(is_uuid);
    assert(addressed == (message->kind == SKALD_KIND_COMMAND || message->kind == SKALD_KIND_REPLY));
    skald_array_bytes(&writer->ids, (skald_bytes){id, sizeof id});
    skald_array_integer(&writer->partitions, message->partition);
    skald_array_text(&writer->types, message->type);
    skald_array_text(&writer->keys, message->key);
    skald_array_text(&writer->correlation_ids, message->correlation_id);
    skald_array_text(&writer->causation_ids, message->causation_id);
    skald_array_text(&writer->traceparents, message->traceparent);
    skald_array_text(&writer->tracestates, message->tracestate);
    skald_array_text(&writer->headers, message->headers);
    skald_array_bytes(&writer->bodies, message->body);
    skald_array_text(&writer->kinds, kind);
    skald_array_text(&writer->addressees, message->addressee);
    skald_array_text(&writer->controls, message->control);
    writer->addressed = writer->addressed || addressed;
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    return skald_arrays_ok(columns, COLUMNS) ? SKALD_OK : SKALD_NO_MEMORY;
}

#define EVENT_COLUMN_NAMES                                                                         \
    "event_id, partition, type, key, correlation_id, causation_id, traceparent, tracestate,"       \
    " headers, body"

static const char sql_events[] = "INSERT INTO skald.outbox (" EVENT_COLUMN_NAMES ")"
                                 " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

static const char sql_all[] =
    "INSERT INTO skald.outbox (" EVENT_COLUMN_NAMES ", kind, addressee, control)"
    " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";

skald_status skald_outbox_writer_send(skald_outbox_writer *writer, skald_pipeline *pipeline,
                                      skald_error *error)
{
    if (skald_outbox_writer_count(writer) == 0)
        return SKALD_OK;
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    skald_param params[COLUMNS];
    skald_arrays_params(columns, COLUMNS, params);
    const bool all = writer->addressed;
    return skald_pipeline_send(pipeline, SKALD_PIPELINE_NOBODY, all ? sql_all : sql_events,
                               all ? COLUMNS : EVENT_COLUMNS, params, error);
}

skald_status skald_outbox_write_on(struct pg_conn *connection, const char *service,
                                   const skald_message *message, skald_error *error)
{
    const skald_param params[] = {
        skald_text(service),
        skald_text(message->id),
        skald_integer(message->partition),
        skald_text(message->type),
        skald_text(message->key),
        skald_text(message->correlation_id),
        skald_text(message->causation_id),
        skald_text(message->traceparent),
        skald_text(message->tracestate),
        skald_text(message->headers),
        skald_bytea(message->body.data, message->body.size),
    };
    uint64_t inserted = 0;
    /* The service's name is asked for in the same round trip, so that an event cannot end up in
     * the outbox of somebody else. */
    const skald_status status = skald_pg_guest_run(
        connection, &inserted,
        "SELECT 1 WHERE skald.publish($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        sizeof params / sizeof params[0], params, error);
    if (status == SKALD_OK && inserted != 1)
        return skald_error_set(error, SKALD_INVALID,
                               "the connection leads to another database than that of service "
                               "\"%s\"",
                               service);
    return status;
}
