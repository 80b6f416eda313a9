/* The public calls a handler can make. */
#include "followers/context.h"
#include "event/headers.h"
#include "outbox/compose.h"

#include <skald/publish.h>
#include <stdarg.h>
#include <stdio.h>

void skald_context_init(skald_context *context, skald_hub *hub, skald_pipeline *pipeline,
                        skald_outbox_writer *writer, skald_job_writer *jobs)
{
    context->hub = hub;
    context->pipeline = pipeline;
    context->writer = writer;
    context->jobs = jobs;
    context->result_count = 0;
    skald_arena_init(&context->memory, SKALD_HANDLER_MEMORY_MAX);
}

void skald_context_init_activity(skald_context *context, skald_hub *hub, skald_effects *effects)
{
    skald_context_init(context, hub, NULL, NULL, NULL);
    context->effects = effects;
}

void skald_context_begin(skald_context *context, const skald_item *item, uint32_t owner)
{
    context->item = item;
    context->owner = owner;
    context->failure = (skald_error){0};
}

void skald_context_end(skald_context *context)
{
    while (context->result_count > 0)
        skald_rows_free(context->results[--context->result_count]);
    skald_arena_reset(&context->memory);
}

void skald_context_done(skald_context *context)
{
    skald_context_end(context);
    skald_arena_done(&context->memory);
    skald_pg_close(context->own);
    context->own = NULL;
}

const skald_message *skald_context_message(const skald_context *context)
{
    return &context->item->message;
}

uint32_t skald_context_attempt(const skald_context *context)
{
    return context->item->attempts;
}

const char *skald_context_header(skald_context *context, const char *name)
{
    return skald_headers_find(context->item->message.headers, name, &context->memory);
}

void *skald_context_user(const skald_context *context)
{
    return context->hub->user;
}

skald_service *skald_context_service(const skald_context *context)
{
    return context->hub->service;
}

void *skald_alloc(skald_context *context, size_t size)
{
    return skald_arena_alloc(&context->memory, size);
}

skald_status skald_context_failed(skald_context *context, const skald_error *error)
{
    if (context->failure.status == SKALD_OK)
        context->failure = *error;
    return error->status;
}

skald_status skald_exec_params(skald_context *context, const char *sql, size_t count,
                               const skald_param *params)
{
    skald_error error;
    const skald_status status =
        context->effects != NULL
            ? skald_effects_statement(context->effects, &context->memory, sql, count, params,
                                      &error)
            : skald_pipeline_send(context->pipeline, context->owner, sql, count, params, &error);
    return status == SKALD_OK ? SKALD_OK : skald_context_failed(context, &error);
}

/* An activity's queries are transactions of their own. */
static skald_status query_outside(skald_context *context, skald_rows **rows, const char *sql,
                                  size_t count, const skald_param *params, skald_error *error)
{
    if (context->own != NULL && !skald_pg_alive(context->own)) {
        skald_pg_close(context->own);
        context->own = NULL;
    }
    skald_status status = skald_pipeline_check(sql, count, params, error);
    if (status == SKALD_OK && context->own == NULL)
        status = skald_pg_open(&context->own, context->hub->database, context->hub->application,
                               error);
    return status == SKALD_OK ? skald_pg_run(context->own, rows, sql, count, params, error)
                              : status;
}

skald_status skald_query_params(skald_context *context, struct pg_result **result, const char *sql,
                                size_t count, const skald_param *params)
{
    skald_error error;
    if (context->result_count == SKALD_CONTEXT_RESULTS_MAX) {
        skald_error_set(&error, SKALD_FULL, "a handler asked more than %d queries",
                        SKALD_CONTEXT_RESULTS_MAX);
        return skald_context_failed(context, &error);
    }
    skald_rows *rows = NULL;
    const skald_status status =
        context->effects != NULL
            ? query_outside(context, &rows, sql, count, params, &error)
            : skald_pipeline_query(context->pipeline, context->owner, &rows, sql, count, params,
                                   &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    context->results[context->result_count++] = rows;
    *result = rows;
    return SKALD_OK;
}

skald_status skald_fail(skald_context *context, const char *format, ...)
{
    context->failure = (skald_error){.status = SKALD_FAILED};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context->failure.text, sizeof context->failure.text, format, arguments);
    va_end(arguments);
    return SKALD_FAILED;
}

skald_status skald_publish_with(skald_context *context, const ProtobufCMessage *event,
                                const skald_publish_options *options)
{
    skald_error error;
    skald_message message;
    skald_status status = skald_compose(&message, event, options, &context->item->message,
                                        context->hub->partitions, &context->memory, &error);
    if (status == SKALD_OK && context->effects != NULL) {
        status = skald_effects_event(context->effects, &context->memory, &message, &error);
    } else if (status == SKALD_OK) {
        status = skald_outbox_writer_add(context->writer, &message);
        if (status != SKALD_OK)
            skald_error_set(&error, status, "no memory for a published event");
    }
    return status == SKALD_OK ? SKALD_OK : skald_context_failed(context, &error);
}

skald_status skald_publish(skald_context *context, const ProtobufCMessage *event)
{
    return skald_publish_with(context, event, NULL);
}
