/* A job is composed as an event is, and has a time and a place besides. */
#include "effects/enqueue.h"
#include "base/utf8.h"
#include "outbox/compose.h"
#include "pg/guest.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* Longer delays than this are a mistake in the unit. */
#define DELAY_MS_MAX (UINT64_C(100) * 366 * 24 * 60 * 60 * 1000)

/* skald.enqueue says this of a queue that nobody declared (migrations/0002_jobs.sql). */
#define SQLSTATE_NO_QUEUE "SK002"

static skald_status options_check(const skald_enqueue_options *options, skald_error *error)
{
    if (options->size != sizeof *options)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_enqueue_options.size is %zu, not %zu: use "
                               "SKALD_ENQUEUE_OPTIONS_INIT",
                               options->size, sizeof *options);
    if ((unsigned)options->priority > SKALD_PRIORITY_URGENT)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_enqueue_options.priority is %d, which is none of "
                               "SKALD_PRIORITY_...",
                               (int)options->priority);
    if (options->delay_ms > DELAY_MS_MAX || options->expire_ms > DELAY_MS_MAX ||
        options->at_us < 0 || options->at_us / 1000 > (int64_t)DELAY_MS_MAX)
        return skald_error_set(error, SKALD_INVALID,
                               "a job is due or expires in more than 100 years: delay_ms and "
                               "expire_ms are milliseconds, at_us microseconds since 1970");
    if (options->delay_ms != 0 && options->at_us != 0)
        return skald_error_set(error, SKALD_INVALID,
                               "a job has both delay_ms and at_us; give one of them");
    const size_t unique_size = options->unique == NULL ? 0 : strlen(options->unique);
    if (unique_size > SKALD_UNIQUE_SIZE_MAX)
        return skald_error_set(error, SKALD_FULL,
                               "skald_enqueue_options.unique has %zu bytes, at most %d are "
                               "possible",
                               unique_size, SKALD_UNIQUE_SIZE_MAX);
    if (skald_utf8_valid_size(options->unique, unique_size) != unique_size)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_enqueue_options.unique is not valid UTF-8");
    return SKALD_OK;
}

/* The public order begins with the default, that of the rows with the least urgent. */
static uint32_t priority_stored(skald_priority priority)
{
    switch (priority) {
    case SKALD_PRIORITY_LOW:
        return 0;
    case SKALD_PRIORITY_HIGH:
        return 2;
    case SKALD_PRIORITY_URGENT:
        return 3;
    default:
        return 1;
    }
}

static skald_status name_check(const char *queue, skald_error *error)
{
    if (queue == NULL || queue[0] == '\0' || strlen(queue) >= SKALD_QUEUE_NAME_SIZE ||
        skald_utf8_valid_size(queue, strlen(queue)) != strlen(queue))
        return skald_error_set(error, SKALD_INVALID, "\"%.60s\" is not the name of a queue",
                               queue == NULL ? "NULL" : queue);
    return SKALD_OK;
}

skald_status skald_new_job_compose(skald_new_job *out, const char *queue,
                                   const ProtobufCMessage *input,
                                   const skald_enqueue_options *options,
                                   const skald_message *parent, uint32_t partitions,
                                   skald_arena *arena, skald_error *error)
{
    static const skald_enqueue_options nothing = SKALD_ENQUEUE_OPTIONS_INIT;
    if (options == NULL)
        options = &nothing;
    skald_status status = name_check(queue, error);
    if (status == SKALD_OK)
        status = options_check(options, error);
    if (status != SKALD_OK)
        return status;
    skald_publish_options publish = SKALD_PUBLISH_OPTIONS_INIT;
    publish.key = options->key;
    if (publish.key == NULL && (parent == NULL || parent->key == NULL))
        publish.key = "";
    publish.id = options->id;
    publish.correlation_id = options->correlation_id;
    publish.causation_id = options->causation_id;
    publish.traceparent = options->traceparent;
    publish.tracestate = options->tracestate;
    skald_new_job job = {
        .queue = queue,
        .priority = priority_stored(options->priority),
        .delay_ms = options->delay_ms,
        .at_us = options->at_us,
        .expire_ms = options->expire_ms,
        .unique = options->unique,
    };
    status = skald_compose(&job.message, input, &publish, parent, partitions, arena, error);
    if (status == SKALD_OK)
        *out = job;
    return status;
}

skald_new_job skald_new_job_delayed(const skald_message *event,
                                    const skald_publish_options *options)
{
    return (skald_new_job){
        .queue = SKALD_DELAYED_QUEUE,
        .message = *event,
        .priority = priority_stored(SKALD_PRIORITY_NORMAL),
        .delay_ms = options->delay_ms,
        .at_us = options->at_us,
    };
}

/* Without an answer it is another service's database. */
static skald_status written_read(const skald_rows *rows, const char *service, char id[37],
                                 skald_error *error)
{
    const char *written = skald_rows_text(rows, 0, 0);
    if (written == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "the connection leads to another database than that of service "
                               "\"%s\"",
                               service);
    if (id != NULL)
        snprintf(id, 37, "%s", written);
    return SKALD_OK;
}

skald_status skald_new_job_write_on(struct pg_conn *connection, const char *service,
                                    const skald_new_job *job, char id[37], skald_error *error)
{
    const skald_message *message = &job->message;
    char source[SKALD_QUEUE_NAME_SIZE + 1];
    snprintf(source, sizeof source, "/%s", service);
    const skald_param params[] = {
        skald_text(service),
        skald_text(job->queue),
        skald_text(message->id),
        skald_integer(message->partition),
        skald_text(message->type),
        skald_text(message->key),
        skald_bytea(message->body.data, message->body.size),
        skald_integer(job->priority),
        skald_integer((int64_t)job->delay_ms),
        job->at_us != 0 ? skald_integer(job->at_us) : skald_null(),
        job->expire_ms != 0 ? skald_integer((int64_t)job->expire_ms) : skald_null(),
        skald_text(job->unique),
        skald_text(source),
        skald_text(message->correlation_id),
        skald_text(message->causation_id),
        skald_text(message->traceparent),
        skald_text(message->tracestate),
        skald_text(message->headers),
    };
    skald_rows *rows = NULL;
    skald_error local;
    skald_status status = skald_pg_guest_query(
        connection, &rows,
        "SELECT skald.enqueue($1, $2, $3, $4::smallint, $5, $6, $7, $8::smallint, $9::bigint,"
        " '1970-01-01 00:00:00Z'::timestamptz + $10::bigint * interval '1 us', $11::bigint, $12,"
        " $13, $14, $15, $16, $17, $18)",
        sizeof params / sizeof params[0], params, &local);
    if (status == SKALD_OK)
        status = written_read(rows, service, id, &local);
    else if (strcmp(local.sqlstate, SQLSTATE_NO_QUEUE) == 0)
        status = skald_error_set(&local, SKALD_NOT_FOUND,
                                 "service \"%s\" has no queue \"%s\": declare it with skald_queue "
                                 "in a program of the service, and start that once",
                                 service, job->queue);
    skald_rows_free(rows);
    if (status != SKALD_OK && error != NULL)
        *error = local;
    return status;
}
