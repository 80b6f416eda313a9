/* User code, called in a turn: local steps, conditions, compose and accept. */
#include "base/clock.h"
#include "codec/decode.h"
#include "codec/encode.h"
#include "engine/inside.h"
#include "operation.h"

#include <stdio.h>
#include <string.h>

const skald_work *skald_turn_work(const skald_turn_saga *saga, skald_operation operation)
{
    const skald_step *step = saga->kind->plan.steps[operation.step].step;
    return operation.direction == SKALD_UNDO ? &step->undo : &step->run;
}

const char *skald_turn_key(skald_turn *turn, const skald_turn_saga *saga, skald_operation operation)
{
    char key[SKALD_OPERATION_KEY_SIZE_MAX + 1];
    skald_operation_key(&saga->kind->plan, saga->id, operation, key, sizeof key);
    return skald_arena_text(&turn->memory, key);
}

const char *skald_turn_public_key(skald_turn *turn, const skald_turn_saga *saga,
                                  skald_operation operation)
{
    const char *key = skald_turn_key(turn, saga, operation);
    return key == NULL ? NULL : skald_arena_format(&turn->memory, "%s/%s", turn->hub->name, key);
}

static skald_status no_memory(const skald_turn_saga *saga, skald_error *error)
{
    return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a step of saga \"%s\"", saga->id);
}

/* --- before --------------------------------------------------------------------------------- */

/* The context sees the operation as if it were a message: its key is the id, the saga's id is what
 * order is kept for. `*key` is the same as user code sees it. */
static skald_status item_fill(skald_turn *turn, const skald_turn_saga *saga,
                              skald_operation operation, uint16_t attempt, const char **key,
                              skald_error *error)
{
    *key = skald_turn_public_key(turn, saga, operation);
    if (*key == NULL)
        return no_memory(saga, error);
    turn->item = (skald_item){.attempts = attempt > 0 ? attempt - 1u : 0};
    turn->item.message = (skald_message){
        .kind = SKALD_KIND_EVENT,
        .previous = -1,
        .partition = saga->partition,
        .id = *key + strlen(turn->hub->name) + 1,
        .key = saga->id,
        .type = saga->state_type,
        .correlation_id = saga->correlation_id != NULL ? saga->correlation_id : saga->id,
        .traceparent = saga->traceparent,
        .tracestate = saga->tracestate,
        .time_us = turn->now_ms * 1000,
        .body = saga->state,
    };
    return SKALD_OK;
}

static void hand_take(skald_turn *turn, const skald_turn_saga *saga, skald_operation operation)
{
    skald_hand_work work = {.partition = saga->partition, .job_id = 0, .position = 0};
    snprintf(work.subscription, sizeof work.subscription, "%s", SKALD_SAGAS_NAME);
    snprintf(work.code, sizeof work.code, "%s", saga->kind->plan.steps[operation.step].step->name);
    snprintf(work.type, sizeof work.type, "%s", saga->definition);
    snprintf(work.saga, sizeof work.saga, "%s", saga->id);
    skald_hand_take(turn->hand, &work, turn->hub->handler_ms);
}

static uint32_t call_note(skald_turn_saga *saga, skald_operation operation, uint16_t attempt,
                          bool answers)
{
    if (saga->call_count < SKALD_TURN_CALLS_MAX)
        saga->call_count++;
    saga->calls[saga->call_count] = (skald_turn_call){operation, attempt, answers};
    return saga->call_count;
}

typedef struct effects_mark {
    uint32_t events, jobs;
} effects_mark;

static effects_mark mark_set(const skald_turn *turn)
{
    return (effects_mark){skald_outbox_writer_count(&turn->events),
                          skald_job_writer_count(&turn->jobs)};
}

/* --- the call ------------------------------------------------------------------------------- */

/* Did it leave anything behind in the transaction, or may it have? */
static bool left_behind(const skald_turn *turn, effects_mark before)
{
    const effects_mark now = mark_set(turn);
    return turn->context.statements > 0 || now.events != before.events || now.jobs != before.jobs;
}

static skald_status call_run(skald_turn *turn, size_t index, skald_operation operation,
                             uint16_t attempt, bool answers, skald_step_function *function,
                             skald_turn_said *said, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    const char *key = NULL;
    skald_status status = item_fill(turn, saga, operation, attempt, &key, error);
    if (status != SKALD_OK)
        return status;
    skald_context *context = &turn->context;
    const uint32_t number = call_note(saga, operation, attempt, answers);
    skald_context_begin(context, &turn->item, (uint32_t)index | number << 8);
    context->operation = key;
    turn->call.kind = saga->kind;
    turn->call.id = saga->id;
    const ProtobufCMessage *state = NULL;
    skald_error cause;
    status = skald_decode(&state, saga->kind->options.state, saga->state, &context->memory, &cause);
    *said = (skald_turn_said){.ok = status == SKALD_OK};
    if (status != SKALD_OK) {
        said->event = SKALD_EVENT_FAILED;
        snprintf(said->reason, sizeof said->reason, "its state: %.480s", cause.text);
        return SKALD_OK;
    }
    turn->call.state = (ProtobufCMessage *)(uintptr_t)state;
    const effects_mark before = mark_set(turn);
    hand_take(turn, saga, operation);
    const skald_status answer = function(context);
    skald_hand_put(turn->hand);
    status = skald_pipeline_failure(turn->pipeline, error);
    if (status != SKALD_OK)
        return status;
    skald_attempt attempt_said;
    const char *name = saga->kind->plan.steps[operation.step].step->name;
    const skald_status outcome = skald_context_outcome(context, answer, name, &attempt_said);
    if (outcome == SKALD_OK || outcome == SKALD_SKIPPED)
        return SKALD_OK;
    const bool no =
        answer == SKALD_REFUSED || (answer == SKALD_OK && context->answer.status == SKALD_REFUSED);
    said->ok = false;
    said->event =
        no && context->failure.status == SKALD_OK ? SKALD_EVENT_REFUSED : SKALD_EVENT_FAILED;
    said->left_behind = left_behind(turn, before);
    snprintf(said->reason, sizeof said->reason, "%s", attempt_said.error.text);
    return SKALD_OK;
}

/* What it changed in the state counts. */
static skald_status state_take(skald_turn *turn, skald_turn_saga *saga, skald_turn_said *said,
                               skald_error *error)
{
    if (turn->call.state->descriptor != saga->kind->options.state) {
        *said = (skald_turn_said){.event = SKALD_EVENT_FAILED};
        snprintf(said->reason, sizeof said->reason, "the state was made another message");
        return SKALD_OK;
    }
    skald_bytes encoded;
    skald_error cause;
    skald_status status = skald_encode(&encoded, turn->call.state, &turn->memory, &cause);
    if (status == SKALD_NO_MEMORY)
        return no_memory(saga, error);
    if (status != SKALD_OK) {
        *said = (skald_turn_said){.event = SKALD_EVENT_FAILED};
        snprintf(said->reason, sizeof said->reason, "its state: %.480s", cause.text);
        return SKALD_OK;
    }
    const bool same =
        encoded.size == saga->state.size &&
        (encoded.size == 0 || memcmp(encoded.data, saga->state.data, encoded.size) == 0);
    if (!same) {
        saga->state = encoded;
        saga->state_new = true;
    }
    return SKALD_OK;
}

/* What must not stay is remembered, and the transaction run again with that. */
static skald_status roll_back(skald_turn *turn, const skald_turn_saga *saga,
                              skald_operation operation, uint16_t attempt, bool answers,
                              const skald_turn_said *said, skald_error *error)
{
    skald_turn_verdict verdict = {
        .kind = said->waits_for_lock ? SKALD_VERDICT_LOCK
                : answers            ? SKALD_VERDICT_ANSWER
                                     : SKALD_VERDICT_BLOCK,
        .operation = operation,
        .attempt = attempt,
        .event = said->event,
    };
    snprintf(verdict.saga, sizeof verdict.saga, "%s", saga->id);
    snprintf(verdict.text, sizeof verdict.text, "%s",
             said->waits_for_lock ? turn->call.lock : said->reason);
    const skald_status status = skald_turn_verdict_add(turn, &verdict, error);
    return status != SKALD_OK ? status : skald_error_set(error, SKALD_FAILED, "%s", said->reason);
}

skald_status skald_turn_local(skald_turn *turn, size_t index, const skald_turn_pending *pending,
                              skald_turn_said *said, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    const skald_work *work = skald_turn_work(saga, pending->operation);
    turn->call = (skald_saga_call){.undoes = "", .locks = true};
    if (pending->operation.direction == SKALD_UNDO)
        turn->call.undoes = skald_turn_public_key(turn, saga, pending->undoes);
    skald_status status = turn->call.undoes == NULL
                              ? no_memory(saga, error)
                              : call_run(turn, index, pending->operation, pending->attempt, true,
                                         work->local, said, error);
    if (status == SKALD_OK && said->ok)
        status = state_take(turn, saga, said, error);
    if (status == SKALD_OK && !said->ok) {
        said->waits_for_lock = turn->call.lock[0] != '\0' && said->event == SKALD_EVENT_FAILED;
        if (said->left_behind || said->waits_for_lock)
            status = roll_back(turn, saga, pending->operation, pending->attempt, true, said, error);
    }
    skald_context_end(&turn->context);
    return status;
}

/* There is nobody whom a message in hand could be given back to: a person mends the program. */
skald_status skald_turn_accept(skald_turn *turn, size_t index, const skald_saga_action *action,
                               const char *type, skald_bytes body, skald_turn_said *said,
                               skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    const skald_work *work = skald_turn_work(saga, action->operation);
    turn->call =
        (skald_saga_call){.undoes = "", .accepts = true, .answer_type = type, .answer = body};
    *said = (skald_turn_said){.ok = true};
    if (work->accept == NULL)
        return SKALD_OK;
    skald_status status =
        call_run(turn, index, action->operation, action->attempt, false, work->accept, said, error);
    if (status == SKALD_OK && said->ok)
        status = state_take(turn, saga, said, error);
    if (status == SKALD_OK && !said->ok) {
        char why[SKALD_TURN_REASON_SIZE];
        snprintf(why, sizeof why, "step \"%s\" could not accept what came: %.400s",
                 saga->kind->plan.steps[action->operation.step].step->name, said->reason);
        memcpy(said->reason, why, sizeof why);
        status = roll_back(turn, saga, action->operation, action->attempt, false, said, error);
    }
    skald_context_end(&turn->context);
    return status;
}

static skald_status command_keep(skald_turn *turn, const skald_turn_saga *saga, skald_error *error)
{
    const skald_bytes copy = skald_arena_bytes(&turn->memory, turn->call.command);
    if (copy.data == NULL && turn->call.command.size > 0)
        return no_memory(saga, error);
    turn->call.command = copy;
    return SKALD_OK;
}

skald_status skald_turn_compose(skald_turn *turn, size_t index, const skald_saga_action *action,
                                skald_turn_said *said, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    const skald_work *work = skald_turn_work(saga, action->operation);
    *said = (skald_turn_said){.ok = true};
    turn->call = (skald_saga_call){.undoes = "", .composes = true};
    if (work->compose == NULL) {
        turn->call.command = saga->state;
        turn->call.command_type = saga->state_type;
        return SKALD_OK;
    }
    const skald_turn_verdict *verdict =
        skald_turn_verdict_find(turn, saga, action->operation, action->attempt);
    if (verdict != NULL) {
        said->ok = false;
        said->event = verdict->event;
        memcpy(said->reason, verdict->text, sizeof said->reason);
        return SKALD_OK;
    }
    if (action->operation.direction == SKALD_UNDO)
        turn->call.undoes = skald_turn_public_key(turn, saga, action->undoes);
    skald_status status = turn->call.undoes == NULL
                              ? no_memory(saga, error)
                              : call_run(turn, index, action->operation, action->attempt, true,
                                         work->compose, said, error);
    if (status == SKALD_OK && said->ok && turn->call.command_type == NULL) {
        said->ok = false;
        said->event = SKALD_EVENT_FAILED;
        snprintf(said->reason, sizeof said->reason, "its compose did not call skald_command");
    }
    if (status == SKALD_OK && said->ok)
        status = command_keep(turn, saga, error);
    if (status == SKALD_OK && !said->ok && said->left_behind)
        status = roll_back(turn, saga, action->operation, action->attempt, true, said, error);
    skald_context_end(&turn->context);
    return status;
}

skald_status skald_turn_condition(skald_turn *turn, size_t index, skald_operation operation,
                                  bool *needed, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    const ProtobufCMessage *state = NULL;
    skald_error cause;
    const skald_status status =
        skald_decode(&state, saga->kind->options.state, saga->state, &turn->context.memory, &cause);
    if (status == SKALD_OK) {
        hand_take(turn, saga, operation);
        *needed = saga->kind->plan.steps[operation.step].step->only_if(
            state, state->descriptor->sizeof_message);
        skald_hand_put(turn->hand);
        skald_context_end(&turn->context);
        return SKALD_OK;
    }
    const skald_turn_said said = {.event = SKALD_EVENT_FAILED};
    skald_turn_verdict verdict = {.kind = SKALD_VERDICT_BLOCK, .event = said.event};
    snprintf(verdict.saga, sizeof verdict.saga, "%s", saga->id);
    snprintf(verdict.text, sizeof verdict.text, "its state: %.480s", cause.text);
    skald_context_end(&turn->context);
    const skald_status added = skald_turn_verdict_add(turn, &verdict, error);
    return added != SKALD_OK ? added : skald_error_set(error, SKALD_FAILED, "%s", verdict.text);
}
