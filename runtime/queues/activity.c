/* The public calls that an activity can make besides those of <skald/context.h>. */
#include "base/utf8.h"
#include "codec/encode.h"
#include "queues/inside.h"

#include <string.h>

/* A handler's context has none. */
static skald_run *run_of(skald_context *context)
{
    return context->effects == NULL ? NULL : (skald_run *)(void *)context;
}

const char *skald_idempotency_key(const skald_context *context)
{
    const char *id = context->operation != NULL ? context->operation : context->item->message.id;
    return id != NULL ? id : "";
}

skald_status skald_heartbeat(skald_context *context)
{
    skald_run *run = run_of(context);
    if (run == NULL)
        return SKALD_OK;
    if (atomic_load(&run->fenced))
        return SKALD_FENCED;
    atomic_store(&run->alive, true);
    skald_hand_extend(run->runner->hand, run->timeout_ms);
    if (atomic_load(&run->cancelled))
        return SKALD_CANCELLED;
    return atomic_load(&run->queues->stopping) ? SKALD_STOPPED : SKALD_OK;
}

/* At most 127 bytes, none of them half a character. */
static void note_copy(char out[SKALD_RUN_NOTE_SIZE], const char *note)
{
    size_t size = note == NULL ? 0 : strnlen(note, SKALD_RUN_NOTE_SIZE - 1);
    size = skald_utf8_valid_size(note, size);
    if (size > 0)
        memcpy(out, note, size);
    out[size] = '\0';
}

skald_status skald_progress(skald_context *context, double fraction, const char *note)
{
    skald_run *run = run_of(context);
    if (run == NULL || !(fraction >= 0.0 && fraction <= 1.0)) {
        skald_error error;
        skald_error_set(&error, SKALD_INVALID,
                        run == NULL ? "skald_progress is for activities"
                                    : "skald_progress takes a fraction from 0 to 1, not %g",
                        fraction);
        return skald_context_failed(context, &error);
    }
    pthread_mutex_lock(&run->queues->mutex);
    run->progressed = true;
    run->progress = fraction;
    note_copy(run->note, note);
    pthread_mutex_unlock(&run->queues->mutex);
    return skald_heartbeat(context);
}

skald_status skald_result(skald_context *context, const ProtobufCMessage *result)
{
    skald_run *run = run_of(context);
    skald_error error;
    skald_bytes body;
    skald_status status = SKALD_OK;
    if (run == NULL)
        status = skald_error_set(&error, SKALD_INVALID,
                                 "skald_result is for activities: a handler publishes an event");
    else
        status = skald_encode(&body, result, &context->memory, &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    run->result = body;
    run->result_type = result->descriptor->name;
    return SKALD_OK;
}

/* --- enqueueing and cancelling, in a handler or an activity ---------------------------------- */

static bool name_known(skald_hub *hub, const char *queue)
{
    pthread_mutex_lock(&hub->names_lock);
    const bool known = skald_key_set_has(&hub->queue_names, queue);
    pthread_mutex_unlock(&hub->names_lock);
    return known;
}

/* Asked once per queue and process, so that a wrong name is its handler's failure, and not that of
 * the batch. Rows of queues are never deleted; without memory it is asked again. */
static skald_status name_check(skald_context *context, const char *queue)
{
    if (name_known(context->hub, queue))
        return SKALD_OK;
    struct pg_result *rows = NULL;
    const skald_status status =
        skald_query(context, &rows, "SELECT 1 FROM skald.queue WHERE name = $1", queue);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_count(rows) == 0) {
        skald_error error;
        skald_error_set(&error, SKALD_NOT_FOUND,
                        "service \"%s\" has no queue \"%.60s\": declare it with skald_queue in a "
                        "program of the service, and start that once",
                        context->hub->name, queue);
        return skald_context_failed(context, &error);
    }
    pthread_mutex_lock(&context->hub->names_lock);
    skald_key_set_add(&context->hub->queue_names, queue);
    pthread_mutex_unlock(&context->hub->names_lock);
    return SKALD_OK;
}

skald_status skald_enqueue(skald_context *context, const char *queue, const ProtobufCMessage *input,
                           const skald_enqueue_options *options)
{
    skald_error error;
    skald_new_job job;
    skald_status status =
        skald_new_job_compose(&job, queue, input, options, &context->item->message,
                              context->hub->partitions, &context->memory, &error);
    if (status != SKALD_OK)
        return skald_context_failed(context, &error);
    skald_context_type_note(context, input);
    status = name_check(context, queue);
    if (status != SKALD_OK)
        return status;
    if (context->effects != NULL)
        status = skald_effects_job(context->effects, &context->memory, &job, &error);
    else if (skald_context_answers(context))
        status = skald_context_job_hold(context, &job, &error);
    else
        status = skald_job_writer_add(context->jobs, &job);
    if (status == SKALD_NO_MEMORY)
        skald_error_set(&error, status, "no memory for a job of queue \"%.60s\"", queue);
    return status == SKALD_OK ? SKALD_OK : skald_context_failed(context, &error);
}

skald_status skald_cancel(skald_context *context, const char *id, const char *reason)
{
    return skald_exec(context, "SELECT skald.job_cancel($1, $2, $3)", id, context->hub->name,
                      reason != NULL ? reason : "");
}
