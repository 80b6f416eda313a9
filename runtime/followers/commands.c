/* The fence around handlers of commands. */
#include "followers/commands.h"
#include "base/clock.h"
#include "followers/follower.h"
#include "participants/command.h"

#include <string.h>

#define BARRED_REASON "undone before it ran"

static bool is_command(const skald_item *item, const char *service)
{
    return item->message.kind == SKALD_KIND_COMMAND && item->message.addressee != NULL &&
           strcmp(item->message.addressee, service) == 0 && item->trouble == NULL;
}

static skald_status no_memory(skald_error *error)
{
    return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a command");
}

skald_status skald_commands_load(skald_batch *batch, skald_item *const *items, size_t count,
                                 skald_error *error)
{
    skald_fence_clear(&batch->fence);
    for (size_t i = 0; i < count; i++) {
        skald_command command;
        if (!is_command(items[i], batch->hub->name))
            continue;
        const skald_status status =
            skald_command_read(&command, &items[i]->message, &batch->fence.memory, NULL);
        if (status == SKALD_MALFORMED)
            continue;
        if (status != SKALD_OK || skald_fence_want(&batch->fence, command.operation) != SKALD_OK ||
            skald_fence_want(&batch->fence, command.undoes) != SKALD_OK)
            return no_memory(error);
    }
    return skald_fence_load(&batch->fence, batch->pipeline, error);
}

skald_fence_verdict skald_command_decide(skald_batch *batch, const skald_command *command)
{
    const skald_fence_state own = skald_fence_find(&batch->fence, command->operation)->state;
    if (command->undoes == NULL)
        return skald_fence_decide_run(own);
    return skald_fence_decide_undo(own, skald_fence_find(&batch->fence, command->undoes)->state);
}

/* The answer goes to the service whose outbox the command came from. */
static skald_status answer_send(skald_batch *batch, const skald_item *item,
                                const skald_command *command, const skald_command_answer *answer,
                                skald_error *error)
{
    skald_arena arena = {0};
    skald_message reply;
    skald_status status =
        skald_command_reply(&reply, &item->message, command, item->lane->follower->stream, answer,
                            batch->hub->partitions, &arena, error);
    if (status == SKALD_OK && skald_outbox_writer_add(&batch->writer, &reply) != SKALD_OK)
        status = no_memory(error);
    skald_arena_done(&arena);
    return status;
}

/* A command's own row, and its answer. */
static skald_status own_note(skald_batch *batch, const skald_item *item,
                             const skald_command *command, skald_fence_state state,
                             const skald_command_answer *answer, skald_error *error)
{
    skald_fence_row *row = skald_fence_find(&batch->fence, command->operation);
    if (skald_fence_note(&batch->fence, row, state, answer) != SKALD_OK)
        return no_memory(error);
    return answer_send(batch, item, command, answer, error);
}

/* What an undo makes of the run that it takes back. A run that is barred has its answer from then
 * on; one that a job gave up was done after all. */
static skald_status run_note(skald_batch *batch, const skald_command *command,
                             skald_fence_verdict verdict, skald_fence_outcome outcome,
                             skald_error *error)
{
    static const skald_command_answer barred = {.outcome = SKALD_OUTCOME_REFUSED,
                                                .reason = BARRED_REASON};
    static const skald_command_answer done = {.outcome = SKALD_OUTCOME_DONE};
    if (command->undoes == NULL)
        return SKALD_OK;
    skald_fence_row *row = skald_fence_find(&batch->fence, command->undoes);
    const skald_fence_state after = skald_fence_run_after(row->state, verdict, outcome);
    if (after == row->state)
        return SKALD_OK;
    const skald_command_answer *answer = after == SKALD_FENCE_BARRED   ? &barred
                                         : row->answer.outcome == NULL ? &done
                                                                       : NULL;
    return skald_fence_note(&batch->fence, row, after, answer) == SKALD_OK ? SKALD_OK
                                                                           : no_memory(error);
}

/* It waits, as if its handler had said so. */
static skald_status not_yet(skald_batch *batch, const skald_item *item, skald_error *error)
{
    batch->answered = item;
    batch->answer = (skald_attempt){.kind = SKALD_FAILURE_NOT_YET};
    skald_error_set(&batch->answer.error, SKALD_FAILED, "what it takes back is still being done");
    *error = batch->answer.error;
    return SKALD_FAILED;
}

skald_status skald_command_settle(skald_batch *batch, const skald_item *item,
                                  const skald_command *command, skald_fence_verdict verdict,
                                  skald_error *error)
{
    static const skald_command_answer done = {.outcome = SKALD_OUTCOME_DONE};
    skald_status status = SKALD_OK;
    switch (verdict) {
    case SKALD_FENCE_VERDICT_AGAIN:
        return answer_send(batch, item, command,
                           &skald_fence_find(&batch->fence, command->operation)->answer, error);
    case SKALD_FENCE_VERDICT_BAR:
    case SKALD_FENCE_VERDICT_EMPTY:
        status = run_note(batch, command, verdict, SKALD_FENCE_OUTCOME_DONE, error);
        return status == SKALD_OK ? own_note(batch, item, command, SKALD_FENCE_DONE, &done, error)
                                  : status;
    case SKALD_FENCE_VERDICT_NOT_YET:
        return not_yet(batch, item, error);
    default:
        return SKALD_OK; /* its job will answer */
    }
}

/* The job that was enqueued last carries the command on; the answer comes from it. */
static skald_status later_note(skald_batch *batch, const skald_item *item,
                               const skald_command *command, skald_error *error)
{
    static const skald_command_answer none = {0};
    const char *key = item->message.key;
    skald_fence_row *row = skald_fence_find(&batch->fence, command->operation);
    row->partition = skald_partition_of(key, strlen(key), batch->hub->partitions);
    return skald_fence_note(&batch->fence, row, SKALD_FENCE_LATER, &none) == SKALD_OK
               ? SKALD_OK
               : no_memory(error);
}

skald_status skald_command_end(skald_batch *batch, const skald_item *item,
                               const skald_command *command, const char *reason, skald_error *error)
{
    const skald_context *context = &batch->context;
    const bool refused = reason != NULL;
    const skald_fence_outcome outcome = refused          ? SKALD_FENCE_OUTCOME_REFUSED
                                        : context->later ? SKALD_FENCE_OUTCOME_LATER
                                                         : SKALD_FENCE_OUTCOME_DONE;
    if (outcome == SKALD_FENCE_OUTCOME_LATER)
        return later_note(batch, item, command, error);
    const skald_command_answer answer = {
        .outcome = refused ? SKALD_OUTCOME_REFUSED : SKALD_OUTCOME_DONE,
        .reason = reason,
        .type = refused ? NULL : context->reply_type,
        .body = context->reply_body,
    };
    const skald_status status = run_note(batch, command, SKALD_FENCE_VERDICT_RUN, outcome, error);
    return status == SKALD_OK
               ? own_note(batch, item, command, skald_fence_after(outcome), &answer, error)
               : status;
}

skald_status skald_command_fail(skald_batch *batch, const skald_item *item, const char *reason,
                                skald_error *error)
{
    if (!is_command(item, batch->hub->name))
        return SKALD_OK;
    skald_arena arena = {0};
    skald_command command;
    const skald_command_answer answer = {.outcome = SKALD_OUTCOME_FAILED, .reason = reason};
    skald_status status = skald_command_read(&command, &item->message, &arena, NULL);
    if (status == SKALD_OK)
        status = answer_send(batch, item, &command, &answer, error);
    else if (status == SKALD_NO_MEMORY)
        status = no_memory(error);
    else
        status = SKALD_OK; /* it does not say what it is the answer to */
    skald_arena_done(&arena);
    return status;
}
