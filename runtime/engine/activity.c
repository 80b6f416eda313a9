/* Finds the code of an activity's job by its operation, and tells the saga how it ended. What the
 * activity left behind and the telling are one transaction with the job's row. A failure is told by
 * the database when the job is given up, which it is at once: retries are the machine's business.
 */
#include "engine/activity.h"
#include "engine/call.h"
#include "operation.h"
#include "queues/inside.h"

#include <skald/partition.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

skald_queue_options skald_saga_queue_options(const skald_sagas *sagas)
{
    static const skald_policy once = {
        .retry = "never", .not_yet = "never", .crashes_max = 1, .dead = SKALD_DEAD_GOES_ON};
    skald_queue_options options = SKALD_QUEUE_OPTIONS_INIT;
    options.threads = sagas->activity_threads;
    options.unordered = true;
    options.policy = &once;
    return options;
}

bool skald_sagas_have_activities(const skald_sagas *sagas)
{
    for (const skald_saga_kind *kind = sagas->kinds; kind != NULL; kind = kind->next) {
        for (uint8_t i = 0; i < kind->plan.step_count; i++) {
            if (kind->plan.steps[i].run.kind == SKALD_WORK_ACTIVITY ||
                kind->plan.steps[i].undo.kind == SKALD_WORK_ACTIVITY)
                return true;
        }
    }
    return false;
}

/* --- finding -------------------------------------------------------------------------------- */

/* The value of a line of the job's plan, in the context's memory; "" when there is none. */
static const char *line_find(skald_run *run, const char *name)
{
    const char *plan = run->item->message.control;
    const char *at = plan != NULL ? strstr(plan, name) : NULL;
    if (at == NULL)
        return "";
    at += strlen(name);
    const char *copy = skald_arena_text_sized(&run->context.memory, at, strcspn(at, "\n"));
    return copy != NULL ? copy : "";
}

static skald_status unknown(const skald_run *run, skald_error *error)
{
    return skald_error_set(error, SKALD_NOT_FOUND,
                           "this program has no activity for operation \"%s\": its definition is "
                           "not registered here",
                           run->item->message.id);
}

static void call_begin(skald_context *context, const ProtobufCMessage *input)
{
    context->operation = context->saga->key;
    context->saga->state = (ProtobufCMessage *)(uintptr_t)input;
}

static skald_status step_run(skald_context *context, const ProtobufCMessage *input)
{
    call_begin(context, input);
    return context->saga->run(context);
}

static skald_status step_verify(skald_context *context, const ProtobufCMessage *input)
{
    call_begin(context, input);
    return context->saga->verify(context);
}

static skald_status find(skald_run *run, skald_error *error)
{
    const skald_sagas *sagas = run->context.hub->sagas;
    const skald_saga_kind *kind =
        skald_saga_kind_find(sagas, line_find(run, SKALD_STEP_DEFINITION),
                             (uint32_t)strtoul(line_find(run, SKALD_STEP_VERSION), NULL, 10),
                             strtoull(line_find(run, SKALD_STEP_FINGERPRINT), NULL, 16));
    size_t id_size = 0;
    skald_operation operation;
    if (kind == NULL ||
        !skald_operation_parse(&kind->plan, run->item->message.id, &id_size, &operation))
        return unknown(run, error);
    const skald_step *step = kind->plan.steps[operation.step].step;
    const skald_work *work = operation.direction == SKALD_UNDO ? &step->undo : &step->run;
    if (work->activity == NULL)
        return unknown(run, error);
    skald_saga_call *call = skald_arena_alloc(&run->context.memory, sizeof *call);
    if (call != NULL)
        call->key = skald_arena_format(&run->context.memory, "%s/%s", run->context.hub->name,
                                       run->item->message.id);
    if (call == NULL || call->key == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a saga's activity");
    call->kind = kind;
    call->id = run->item->message.key;
    call->run = work->activity;
    call->verify = work->verify;
    call->undoes = line_find(run, SKALD_STEP_UNDOES);
    run->context.saga = call;
    run->step = (skald_activity){
        .name = step->name,
        .descriptor = kind->options.state,
        .run = step_run,
        .verify = work->verify != NULL ? step_verify : NULL,
    };
    return SKALD_OK;
}

/* --- telling -------------------------------------------------------------------------------- */

static void tell(skald_run *run, const char *event, const char *reason)
{
    const skald_message *message = &run->item->message;
    const bool result = run->result_type != NULL && reason == NULL;
    const skald_param params[] = {
        skald_integer(message->partition),
        skald_text(message->key),
        skald_text(event),
        skald_text(message->id),
        skald_text(result ? run->result_type : NULL),
        result ? skald_bytea(run->result.data != NULL ? run->result.data : "", run->result.size)
               : skald_null(),
        skald_text(reason),
    };
    skald_error error;
    const skald_status status = skald_effects_statement(
        &run->effects, &run->context.memory,
        "INSERT INTO skald.saga_input (partition, saga, event, operation, type, body, reason)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7)",
        sizeof params / sizeof params[0], params, &error);
    if (status == SKALD_OK)
        return;
    run->end = SKALD_RUN_FAILED;
    run->attempt = (skald_attempt){.kind = SKALD_FAILURE_FAILED, .error = error};
}

static bool refuses(const skald_run *run)
{
    return run->end == SKALD_RUN_FAILED && run->context.answer.status == SKALD_REFUSED &&
           run->context.failure.status == SKALD_OK && run->attempt.kind == SKALD_FAILURE_FAILED;
}

static void end(skald_run *run)
{
    if (run->end == SKALD_RUN_DONE || run->end == SKALD_RUN_SKIPPED) {
        run->end = SKALD_RUN_DONE;
        tell(run, "done", NULL);
        return;
    }
    if (!refuses(run))
        return;
    char reason[SKALD_REASON_SIZE];
    skald_reason_clean(reason, run->attempt.error.text);
    skald_effects_clear(&run->effects);
    run->end = SKALD_RUN_DONE;
    run->maybe_done = false;
    tell(run, "refused", reason);
}

const skald_queue_steps skald_saga_queue_steps = {find, end};
