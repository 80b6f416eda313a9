/* Column by column into arrays; PostgreSQL makes rows of them, drawing ids in their order. */
#include "effects/job_writer.h"

#include <stdio.h>

enum { COLUMNS = 18 };

/* Every column, in the order of the INSERT below. */
static void columns_list(skald_job_writer *writer, skald_array *columns[COLUMNS])
{
    skald_array *list[COLUMNS] = {
        &writer->queues,        &writer->ids,          &writer->partitions,
        &writer->types,         &writer->keys,         &writer->bodies,
        &writer->priorities,    &writer->delays,       &writer->times,
        &writer->expiries,      &writer->uniques,      &writer->correlation_ids,
        &writer->causation_ids, &writer->traceparents, &writer->tracestates,
        &writer->headers,       &writer->addressees,   &writer->controls};
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = list[i];
}

void skald_job_writer_init(skald_job_writer *writer, const char *service)
{
    static const skald_array_of kinds[COLUMNS] = {
        SKALD_ARRAY_TEXT,  SKALD_ARRAY_TEXT, SKALD_ARRAY_INT2, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT,
        SKALD_ARRAY_BYTEA, SKALD_ARRAY_INT2, SKALD_ARRAY_INT8, SKALD_ARRAY_TIME, SKALD_ARRAY_INT8,
        SKALD_ARRAY_TEXT,  SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT,
        SKALD_ARRAY_TEXT,  SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT};
    snprintf(writer->source, sizeof writer->source, "/%s", service);
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    for (int i = 0; i < COLUMNS; i++)
        skald_array_init(columns[i], kinds[i]);
}

void skald_job_writer_done(skald_job_writer *writer)
{
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    skald_arrays_done(columns, COLUMNS);
}

void skald_job_writer_clear(skald_job_writer *writer)
{
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    skald_arrays_clear(columns, COLUMNS);
}

uint32_t skald_job_writer_count(const skald_job_writer *writer)
{
    return writer->ids.count;
}

skald_status skald_job_writer_add(skald_job_writer *writer, const skald_new_job *job)
{
    const skald_message *message = &job->message;
    skald_array_text(&writer->queues, job->queue);
    skald_array_text(&writer->ids, message->id);
    skald_array_integer(&writer->partitions, message->partition);
    skald_array_text(&writer->types, message->type);
    skald_array_text(&writer->keys, message->key);
    skald_array_bytes(&writer->bodies, message->body);
    skald_array_integer(&writer->priorities, job->priority);
    skald_array_integer(&writer->delays, (int64_t)job->delay_ms);
    if (job->at_us != 0)
        skald_array_time_us(&writer->times, job->at_us);
    else
        skald_array_null(&writer->times);
    if (job->expire_ms != 0)
        skald_array_integer(&writer->expiries, (int64_t)job->expire_ms);
    else
        skald_array_null(&writer->expiries);
    skald_array_text(&writer->uniques, job->unique);
    skald_array_text(&writer->correlation_ids, message->correlation_id);
    skald_array_text(&writer->causation_ids, message->causation_id);
    skald_array_text(&writer->traceparents, message->traceparent);
    skald_array_text(&writer->tracestates, message->tracestate);
    skald_array_text(&writer->headers, message->headers);
    skald_array_text(&writer->addressees, message->addressee);
    skald_array_text(&writer->controls, message->control);
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    return skald_arrays_ok(columns, COLUMNS) ? SKALD_OK : SKALD_NO_MEMORY;
}

skald_status skald_job_writer_send(skald_job_writer *writer, skald_pipeline *pipeline,
                                   skald_error *error)
{
    if (skald_job_writer_count(writer) == 0)
        return SKALD_OK;
    skald_array *columns[COLUMNS];
    columns_list(writer, columns);
    skald_param params[COLUMNS + 1];
    skald_arrays_params(columns, COLUMNS, params);
    params[COLUMNS] = skald_text(writer->source);
    /* The join is an outer one, so that a queue that does not exist is refused by its foreign key
     * instead of swallowing the job. */
    return skald_pipeline_send(
        pipeline, SKALD_PIPELINE_NOBODY,
        "INSERT INTO skald.job (queue, state, message_id, partition, type, key, body, priority,"
        " begins_at, due_at, expires_at, unique_key, published_at, source, content_type,"
        " correlation_id, causation_id, traceparent, tracestate, headers, addressee, control)"
        " SELECT n.queue, 'waiting', n.id, n.partition, n.type, n.key, n.body, n.priority,"
        " b.begins_at, b.begins_at,"
        " b.begins_at + coalesce(n.expire_ms, q.expire_ms) * interval '1 ms', n.unique_key,"
        " skald.now(), $19::text, 'application/protobuf', n.correlation_id, n.causation_id,"
        " n.traceparent, n.tracestate, n.headers, n.addressee, n.control"
        " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
        "$18)"
        " WITH ORDINALITY AS n(queue, id, partition, type, key, body, priority, delay_ms, at,"
        " expire_ms, unique_key, correlation_id, causation_id, traceparent, tracestate, headers,"
        " addressee, control, place)"
        " CROSS JOIN LATERAL (SELECT coalesce(n.at, (SELECT skald.now())"
        "  + n.delay_ms * interval '1 ms') AS begins_at) AS b"
        " LEFT JOIN skald.queue AS q ON q.name = n.queue ORDER BY n.place"
        " ON CONFLICT (queue, unique_key) WHERE unique_key IS NOT NULL"
        " AND state IN ('waiting', 'running') DO NOTHING",
        COLUMNS + 1, params, error);
}
