/* Column by column into arrays, as writer.c does, but the rows are jobs. */
#include "outbox/delayed.h"
#include "base/uuid.h"
#include "pg/guest.h"

#include <assert.h>
#include <stdio.h>

enum { COLUMNS = 12, SOURCE_SIZE = 80 };

/* Every column, in the order of the INSERT below. */
static void columns_list(skald_delayed_writer *writer, skald_array *columns[COLUMNS])
{
    skald_array *list[COLUMNS] = {
        &writer->ids,          &writer->partitions,      &writer->types,
        &writer->keys,         &writer->correlation_ids, &writer->causation_ids,
        &writer->traceparents, &writer->tracestates,     &writer->headers,
        &writer->bodies,       &writer->delays_ms,       &writer->times_us};
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = list[i];
}

void skald_delayed_writer_init(skald_delayed_writer *writer)
{
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    for (int i = 0; i < COLUMNS; i++)
        skald_array_init(columns[i], SKALD_ARRAY_TEXT);
    writer->partitions.of = SKALD_ARRAY_INT2;
    writer->bodies.of = SKALD_ARRAY_BYTEA;
    writer->delays_ms.of = SKALD_ARRAY_INT8;
    writer->times_us.of = SKALD_ARRAY_INT8;
}

void skald_delayed_writer_done(skald_delayed_writer *writer)
{
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    for (int i = 0; i < COLUMNS; i++)
        skald_array_done(columns[i]);
}

void skald_delayed_writer_clear(skald_delayed_writer *writer)
{
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    for (int i = 0; i < COLUMNS; i++)
        skald_array_clear(columns[i]);
}

uint32_t skald_delayed_writer_count(const skald_delayed_writer *writer)
{
    return writer->ids.count;
}

skald_status skald_delayed_writer_add(skald_delayed_writer *writer, const skald_message *message,
                                      uint64_t delay_ms, int64_t at_us)
{
    skald_array_text(&writer->ids, message->id);
    skald_array_integer(&writer->partitions, message->partition);
    skald_array_text(&writer->types, message->type);
    skald_array_text(&writer->keys, message->key);
    skald_array_text(&writer->correlation_ids, message->correlation_id);
    skald_array_text(&writer->causation_ids, message->causation_id);
    skald_array_text(&writer->traceparents, message->traceparent);
    skald_array_text(&writer->tracestates, message->tracestate);
    skald_array_text(&writer->headers, message->headers);
    skald_array_bytes(&writer->bodies, message->body);
    skald_array_integer(&writer->delays_ms, (int64_t)delay_ms);
    skald_array_integer(&writer->times_us, at_us);
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    for (int i = 0; i < COLUMNS; i++) {
        if (!skald_array_ok(columns[i]))
            return SKALD_NO_MEMORY;
    }
    return SKALD_OK;
}

skald_status skald_delayed_writer_send(skald_delayed_writer *writer, skald_pipeline *pipeline,
                                       skald_error *error)
{
    if (skald_delayed_writer_count(writer) == 0)
        return SKALD_OK;
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    skald_param params[COLUMNS];
    for (int i = 0; i < COLUMNS; i++)
        params[i] = skald_array_param(columns[i]);
    /* One "now" for all of them, so that they become due in the order in which they were added. */
    return skald_pipeline_send(
        pipeline, SKALD_PIPELINE_NOBODY,
        "INSERT INTO skald.job (queue, state, begins_at, due_at, published_at, source,"
        " content_type, message_id, partition, type, key, correlation_id, causation_id,"
        " traceparent, tracestate, headers, body)"
        " SELECT '@publish', 'waiting', m.due, m.due, n.now, '/' || s.name,"
        " 'application/protobuf', m.id, m.partition, m.type, m.key, m.correlation_id,"
        " m.causation_id, m.traceparent, m.tracestate, m.headers, m.body"
        " FROM skald.service AS s, (SELECT skald.now() AS now OFFSET 0) AS n,"
        " LATERAL (SELECT *, CASE WHEN u.at_us > 0"
        "  THEN timestamptz 'epoch' + u.at_us * interval '1 microsecond'"
        "  ELSE n.now + u.delay_ms * interval '1 millisecond' END AS due"
        "  FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) WITH ORDINALITY"
        "  AS u (id, partition, type, key, correlation_id, causation_id, traceparent, tracestate,"
        "   headers, body, delay_ms, at_us, number)) AS m"
        " ORDER BY m.number",
        COLUMNS, params, error);
}

skald_status skald_delayed_write_on(struct pg_conn *connection, const char *service,
                                    const skald_message *message, uint64_t delay_ms, int64_t at_us,
                                    skald_error *error)
{
    char source[SOURCE_SIZE];
    snprintf(source, sizeof source, "/%s", service);
    const skald_param params[] = {
        skald_text(service),
        skald_text(message->id),
        skald_integer(message->partition),
        skald_text(message->type),
        skald_text(message->key),
        skald_bytea(message->body.data, message->body.size),
        skald_integer((int64_t)delay_ms),
        skald_integer(at_us),
        skald_text(source),
        skald_text(message->correlation_id),
        skald_text(message->causation_id),
        skald_text(message->traceparent),
        skald_text(message->tracestate),
        skald_text(message->headers),
    };
    uint64_t inserted = 0;
    const skald_status status = skald_pg_guest_run(
        connection, &inserted,
        "SELECT 1 WHERE skald.enqueue($1, '@publish', $2, $3, $4, $5, $6, 1::smallint, $7,"
        " CASE WHEN $8::bigint > 0"
        "  THEN timestamptz 'epoch' + $8::bigint * interval '1 microsecond' END,"
        " NULL, NULL, $9, $10, $11, $12, $13, $14) IS NOT NULL",
        sizeof params / sizeof params[0], params, error);
    if (status == SKALD_OK && inserted != 1)
        return skald_error_set(error, SKALD_INVALID,
                               "the connection leads to another database than that of service "
                               "\"%s\"",
                               service);
    return status;
}
