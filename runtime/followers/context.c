/* The public calls a handler can make. */
#include "followers/context.h"
#include "event/headers.h"
#include "followers/follower.h"
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
    context->answer.status = SKALD_OK;
    context->statements = 0;
    context->origin = item->lane != NULL ? item->lane->follower->stream : NULL;
    skald_context_command_begin(context);
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
    context->statements++;
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
        status =
            skald_pg_open(&context->own, context->hub->database, context->hub->application, error);
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
    context->statements++;
    const skald_status status = context->effects != NULL
                                    ? query_outside(context, &rows, sql, count, params, &error)
                                    : skald_pipeline_query(context->pipeline, context->owner, &rows,
                                                           sql, count, params, &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    context->results[context->result_count++] = rows;
    *result = rows;
    return SKALD_OK;
}

/* Until it is published it is a job; the keeper of this process looks for it sooner. */
static skald_status delayed_add(skald_context *context, const skald_message *event,
                                const skald_publish_options *options, skald_error *error)
{
    const skald_new_job job = skald_new_job_delayed(event, options);
    atomic_fetch_add(&context->hub->tally.delayed, 1);
    if (context->effects != NULL)
        return skald_effects_job(context->effects, &context->memory, &job, error);
    const skald_status status = skald_job_writer_add(context->jobs, &job);
    return status == SKALD_OK
               ? status
               : skald_error_set(error, status, "no memory for an event that is published later");
}

void skald_context_type_note(const skald_context *context, const ProtobufCMessage *message)
{
    skald_types_seen *seen = context->hub->types_seen;
    if (seen != NULL && seen->count < SKALD_TYPES_SEEN_MAX)
        seen->types[seen->count++] = message->descriptor;
}

skald_status skald_publish_with(skald_context *context, const ProtobufCMessage *event,
                                const skald_publish_options *options)
{
    skald_error error;
    skald_message message;
    skald_status status = skald_compose(&message, event, options, &context->item->message,
                                        context->hub->partitions, &context->memory, &error);
    if (status == SKALD_OK)
        skald_context_type_note(context, event);
    if (status == SKALD_OK && skald_publish_waits(options)) {
        status = delayed_add(context, &message, options, &error);
    } else if (status == SKALD_OK && context->effects != NULL) {
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

/* --- answers ------------------------------------------------------------------------------- */

/* A class becomes a word of the policy's rules: what may not stand in one is replaced. */
static void class_keep(skald_answer *answer, const char *error_class)
{
    size_t used = 0;
    for (; error_class != NULL && *error_class != '\0' && used < SKALD_ERROR_CLASS_SIZE_MAX;
         error_class++) {
        const char c = *error_class;
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool other = (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
        answer->error_class[used++] = letter || other ? c : '_';
    }
    answer->error_class[used] = '\0';
}

static skald_status answer_keep(skald_context *context, skald_status status,
                                skald_failure_kind kind, const char *format, va_list arguments)
{
    skald_answer *answer = &context->answer;
    answer->status = status;
    answer->kind = kind;
    answer->retry_after_ms = 0;
    answer->error_class[0] = '\0';
    vsnprintf(answer->text, sizeof answer->text, format, arguments);
    return status;
}

skald_status skald_fail(skald_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer_keep(context, SKALD_FAILED, SKALD_FAILURE_FAILED, format, arguments);
    va_end(arguments);
    return SKALD_FAILED;
}

skald_status skald_fail_as(skald_context *context, const char *error_class, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer_keep(context, SKALD_FAILED, SKALD_FAILURE_FAILED, format, arguments);
    va_end(arguments);
    class_keep(&context->answer, error_class);
    return SKALD_FAILED;
}

skald_status skald_retry_after(skald_context *context, uint64_t delay_ms, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer_keep(context, SKALD_FAILED, SKALD_FAILURE_RETRY_AFTER, format, arguments);
    va_end(arguments);
    context->answer.retry_after_ms = delay_ms;
    return SKALD_FAILED;
}

skald_status skald_not_yet(skald_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer_keep(context, SKALD_NOT_YET, SKALD_FAILURE_NOT_YET, format, arguments);
    va_end(arguments);
    return SKALD_NOT_YET;
}

skald_status skald_dead(skald_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer_keep(context, SKALD_DEAD, SKALD_FAILURE_DEAD, format, arguments);
    va_end(arguments);
    return SKALD_DEAD;
}

skald_status skald_refuse(skald_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer_keep(context, SKALD_REFUSED, SKALD_FAILURE_FAILED, format, arguments);
    va_end(arguments);
    return SKALD_REFUSED;
}

skald_status skald_skip(skald_context *context, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    answer_keep(context, SKALD_SKIPPED, SKALD_FAILURE_FAILED, format, arguments);
    va_end(arguments);
    return SKALD_SKIPPED;
}

/* --- what a call amounts to ---------------------------------------------------------------- */

static skald_failure_kind kind_of(skald_status returned)
{
    switch (returned) {
    case SKALD_DEAD:
        return SKALD_FAILURE_DEAD;
    case SKALD_NOT_YET:
        return SKALD_FAILURE_NOT_YET;
    default:
        return SKALD_FAILURE_FAILED;
    }
}

/* What was returned without words: a call that failed has some. */
static void attempt_fill_bare(const skald_context *context, skald_status returned, const char *code,
                              skald_attempt *attempt)
{
    attempt->kind = kind_of(returned);
    attempt->error = context->failure;
    if (context->failure.status == SKALD_OK)
        skald_error_set(&attempt->error, SKALD_FAILED, "handler \"%s\" answered %s", code,
                        skald_status_name(returned));
}

static void attempt_fill(const skald_context *context, skald_attempt *attempt)
{
    const skald_answer *answer = &context->answer;
    attempt->kind = answer->kind;
    attempt->retry_after_ms = answer->retry_after_ms;
    attempt->error = context->failure;
    snprintf(attempt->error.text, sizeof attempt->error.text, "%s", answer->text);
    snprintf(attempt->error_class, sizeof attempt->error_class, "%s", answer->error_class);
}

skald_status skald_context_outcome(const skald_context *context, skald_status returned,
                                   const char *code, skald_attempt *attempt)
{
    const skald_answer *answer = &context->answer;
    const bool call_failed = context->failure.status != SKALD_OK;
    /* Whoever gave an answer means it, also when it was not passed on. */
    if (returned == SKALD_OK)
        returned = answer->status;
    if (returned == SKALD_OK && !call_failed)
        return SKALD_OK;
    *attempt = (skald_attempt){0};
    const bool said = answer->status != SKALD_OK && answer->status == returned;
    const bool skipped = returned == SKALD_SKIPPED;
    if (said && !(skipped && call_failed))
        attempt_fill(context, attempt);
    else
        attempt_fill_bare(context, returned, code, attempt);
    attempt->error.status = SKALD_FAILED;
    if (returned == SKALD_REFUSED && !call_failed && skald_context_answers(context))
        return SKALD_REFUSED;
    return skipped && !call_failed ? SKALD_SKIPPED : SKALD_FAILED;
}
