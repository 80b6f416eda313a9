/* What happened to one saga, brought to the machine one event after another. */
#include "base/random.h"
#include "codec/decode.h"
#include "engine/inside.h"
#include "operation.h"
#include "transcript.h"
#include "words.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- its history ---------------------------------------------------------------------------- */

static bool lines_room(skald_turn_saga *saga, size_t size)
{
    if (saga->lines_size + size <= saga->lines_capacity)
        return true;
    if (saga->lines_size + size > SKALD_TURN_LINES_MAX)
        return false;
    size_t capacity = saga->lines_capacity == 0 ? 2048 : saga->lines_capacity;
    while (capacity < saga->lines_size + size)
        capacity *= 2;
    char *lines = realloc(saga->lines, capacity);
    if (lines == NULL)
        return false;
    saga->lines = lines;
    saga->lines_capacity = capacity;
    return true;
}

/* What does not fit is left out: the row says so little that nobody reads further. */
static void line_add(skald_turn_saga *saga, const char *line, size_t size)
{
    if (!lines_room(saga, size + 2))
        return;
    if (saga->lines_size > 0)
        saga->lines[saga->lines_size++] = '\n';
    memcpy(saga->lines + saga->lines_size, line, size);
    saga->lines_size += size;
    saga->lines[saga->lines_size] = '\0';
}

void skald_turn_line(skald_turn_saga *saga, const char *format, ...)
{
    char raw[SKALD_REASON_SIZE];
    char line[SKALD_REASON_SIZE];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    skald_reason_clean(line, raw);
    line_add(saga, line, strlen(line));
}

static size_t cut(size_t length)
{
    return length < SKALD_TRANSCRIPT_LINE_SIZE ? length : SKALD_TRANSCRIPT_LINE_SIZE - 1;
}

static void decision_tell(skald_turn *turn, skald_turn_saga *saga)
{
    const skald_saga_decision *decision = &turn->decision;
    char line[SKALD_TRANSCRIPT_LINE_SIZE];
    for (size_t i = 0; i < decision->change_count; i++)
        line_add(saga, line,
                 cut(skald_transcript_change(&saga->kind->plan, &saga->machine,
                                             &decision->changes[i], line, sizeof line)));
    for (size_t i = 0; i < decision->action_count; i++)
        line_add(saga, line,
                 cut(skald_transcript_action(&saga->kind->plan, &saga->machine,
                                             &decision->actions[i], line, sizeof line)));
}

/* --- what is carried out in this transaction ------------------------------------------------- */

skald_status skald_turn_pend(skald_turn_saga *saga, skald_turn_pending pending, skald_error *error)
{
    if (saga->pending == NULL)
        saga->pending = calloc(SKALD_TURN_PENDING_MAX, sizeof *saga->pending);
    if (saga->pending == NULL || saga->pending_count == SKALD_TURN_PENDING_MAX)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the steps of saga \"%s\"",
                               saga->id);
    const size_t at = (saga->pending_first + saga->pending_count++) % SKALD_TURN_PENDING_MAX;
    saga->pending[at] = pending;
    return SKALD_OK;
}

/* Local steps and conditions that an earlier transaction left for this one: it committed after each
 * step, or a lock was not to be had. */
static skald_status left_pend(skald_turn_saga *saga, skald_error *error)
{
    const skald_plan *plan = &saga->kind->plan;
    skald_status status = SKALD_OK;
    for (uint8_t i = 0; i < plan->step_count && status == SKALD_OK; i++) {
        const skald_saga_step *at = &saga->machine.steps[i];
        const skald_operation run = {i, SKALD_RUN, at->run_round};
        skald_turn_pending pending = {.kind = SKALD_ACTION_RUN_LOCAL, .attempt = at->attempts};
        if (at->state == SKALD_STEP_RUNNING && plan->steps[i].run.kind == SKALD_WORK_LOCAL) {
            pending.operation = run;
        } else if (at->state == SKALD_STEP_UNDOING &&
                   plan->steps[i].undo.kind == SKALD_WORK_LOCAL) {
            pending.operation = (skald_operation){i, SKALD_UNDO, at->undo_round};
            pending.undoes = run;
        } else if (at->state == SKALD_STEP_ASKING) {
            pending.kind = SKALD_ACTION_ASK;
            pending.operation = (skald_operation){.step = i};
        } else {
            continue;
        }
        status = skald_turn_pend(saga, pending, error);
    }
    return status;
}

/* --- events --------------------------------------------------------------------------------- */

static bool only_stale(const skald_saga_decision *decision)
{
    bool stale = false;
    for (size_t i = 0; i < decision->action_count; i++) {
        if (decision->actions[i].kind != SKALD_ACTION_RECORD_STALE)
            return false;
        stale = true;
    }
    return stale && decision->change_count == 0;
}

/* Nothing happened, but that it is looked at another time. */
static bool only_due(const skald_saga_decision *decision)
{
    return decision->change_count == 0 && decision->action_count == 1 &&
           decision->actions[0].kind == SKALD_ACTION_SET_DUE;
}

static bool refused(const skald_saga_decision *decision)
{
    for (size_t i = 0; i < decision->action_count; i++) {
        if (decision->actions[i].kind == SKALD_ACTION_REFUSE_REQUEST)
            return true;
    }
    return false;
}

static void request_tell(skald_turn_saga *saga, const skald_turn_input *input)
{
    if (input->actor == NULL)
        return;
    saga->actor = input->actor;
    skald_turn_line(saga, "%s asks: %s%s%s%s%s", input->actor, skald_saga_event_words(input->event),
                    input->step != NULL ? " " : "", input->step != NULL ? input->step : "",
                    input->reason != NULL ? ", because " : "",
                    input->reason != NULL ? input->reason : "");
}

/* What an answer says in words. */
static void reason_tell(skald_turn_saga *saga, skald_saga_event_kind event, const char *reason)
{
    const bool matters = event == SKALD_EVENT_REFUSED || event == SKALD_EVENT_FAILED;
    if (!matters || reason == NULL || reason[0] == '\0')
        return;
    saga->reason = reason;
    saga->said = event;
    skald_turn_line(saga, "             says: %s", reason);
}

static skald_status bring(skald_turn *turn, size_t index, skald_saga_event event,
                          const skald_turn_input *input, const char *reason, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    event.time_ms = turn->now_ms;
    event.random = skald_random_bits();
    skald_machine_step(&saga->kind->plan, &saga->machine, &event, &turn->decision);
    if (event.kind == SKALD_EVENT_TICK && turn->decision.change_count == 0 &&
        turn->decision.action_count == 0)
        return SKALD_OK;
    saga->code_new = true;
    if (event.kind == SKALD_EVENT_TICK && only_due(&turn->decision))
        return SKALD_OK;
    if (only_stale(&turn->decision)) {
        saga->stale++;
        return SKALD_OK;
    }
    saga->changed = true;
    if (input != NULL)
        request_tell(saga, input);
    if (event.kind == SKALD_EVENT_RETRY_NEW_INPUT && !refused(&turn->decision)) {
        saga->state = input->body;
        saga->state_new = true;
    }
    decision_tell(turn, saga);
    reason_tell(saga, event.kind, reason);
    return skald_turn_act(turn, index, input, error);
}

/* --- pending -------------------------------------------------------------------------------- */

static skald_turn_pending pending_take(skald_turn_saga *saga)
{
    const skald_turn_pending taken = saga->pending[saga->pending_first];
    saga->pending_first = (saga->pending_first + 1) % SKALD_TURN_PENDING_MAX;
    saga->pending_count--;
    return taken;
}

static skald_status ask(skald_turn *turn, size_t index, const skald_turn_pending *pending,
                        skald_error *error)
{
    bool needed = true;
    const skald_status status =
        skald_turn_condition(turn, index, pending->operation, &needed, error);
    if (status != SKALD_OK)
        return status;
    const skald_saga_event event = {
        .kind = needed ? SKALD_EVENT_NEEDED : SKALD_EVENT_NOT_NEEDED,
        .operation = pending->operation,
    };
    return bring(turn, index, event, NULL, NULL, error);
}

/* Nobody waits for a lock in order to do what would be undone at once. Nothing of it is done: the
 * transaction that asked for the lock was rolled back. */
static bool waits_in_vain(const skald_turn_saga *saga, skald_operation operation)
{
    return saga->machine.phase == SKALD_SAGA_COMPENSATING && operation.direction == SKALD_RUN;
}

/* A verdict of an earlier attempt, or the call itself. *stop: it waits for a lock. */
static skald_status local_run(skald_turn *turn, size_t index, const skald_turn_pending *pending,
                              bool *stop, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    const skald_turn_verdict *verdict =
        skald_turn_verdict_find(turn, saga, pending->operation, pending->attempt);
    const bool locked = verdict != NULL && verdict->kind == SKALD_VERDICT_LOCK;
    if ((locked || saga->locked) && waits_in_vain(saga, pending->operation)) {
        const skald_saga_event never = {.kind = SKALD_EVENT_FAILED,
                                        .operation = pending->operation};
        return bring(turn, index, never, NULL, "it still waited for a lock", error);
    }
    if (locked) {
        saga->lock = verdict->text;
        *stop = true;
        return SKALD_OK;
    }
    skald_saga_event event = {.kind = SKALD_EVENT_DONE, .operation = pending->operation};
    const char *reason = NULL;
    if (verdict != NULL) {
        event.kind = verdict->event;
        reason = verdict->text;
    } else {
        skald_turn_said said = {.ok = true};
        const skald_status status = skald_turn_local(turn, index, pending, &said, error);
        if (status != SKALD_OK)
            return status;
        saga->called = true;
        if (!said.ok) {
            event.kind = said.event;
            reason = skald_arena_text(&turn->memory, said.reason);
        }
    }
    return bring(turn, index, event, NULL, reason, error);
}

static skald_status pending_run(skald_turn *turn, size_t index, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    skald_status status = SKALD_OK;
    size_t turned = 0; /* a lock held up so many in a row: all there are wait */
    while (saga->pending_count > turned && status == SKALD_OK) {
        const skald_turn_pending pending = pending_take(saga);
        if (pending.kind == SKALD_ACTION_ASK) {
            status = ask(turn, index, &pending, error);
        } else if (pending.kind == SKALD_ACTION_RUN_LOCAL) {
            bool stop = saga->kind->options.commit_each && saga->called;
            saga->more = saga->more || stop;
            if (!stop)
                status = local_run(turn, index, &pending, &stop, error);
            if (stop && status == SKALD_OK) {
                status = skald_turn_pend(saga, pending, error);
                turned++;
                continue;
            }
        } else {
            const skald_saga_event event = {.kind = pending.event, .operation = pending.operation};
            status = bring(turn, index, event, NULL, pending.reason, error);
        }
        turned = 0;
    }
    return status;
}

/* --- inputs --------------------------------------------------------------------------------- */

static bool state_check(skald_turn *turn, const skald_turn_saga *saga,
                        const skald_turn_input *input)
{
    const ProtobufCMessage *message = NULL;
    skald_error error;
    return input->has_body && skald_decode(&message, saga->kind->options.state, input->body,
                                           &turn->memory, &error) == SKALD_OK;
}

/* Only who was asked can answer: the participant of a command; of anything else nobody outside. */
static bool was_asked(skald_turn *turn, const skald_turn_saga *saga, const skald_turn_input *input,
                      skald_operation operation)
{
    const char *asked = skald_turn_work(saga, operation)->participant;
    const char *by = input->name;
    if (asked == NULL ? by == NULL : by != NULL && strcmp(asked, by) == 0)
        return true;
    skald_log_say(turn->hub->log, SKALD_LOG_WARNING, "SAGA-STRANGER",
                  "service \"%s\" answers operation \"%s\", for which it was not asked",
                  by != NULL ? by : turn->hub->name, input->operation);
    return false;
}

/* False when it cannot be brought to the machine at all. */
static bool event_of(skald_turn *turn, skald_turn_saga *saga, const skald_turn_input *input,
                     skald_saga_event *event)
{
    const skald_plan *plan = &saga->kind->plan;
    *event = (skald_saga_event){.kind = input->event, .name = input->name};
    event->operation.step = SKALD_STEP_NONE;
    if (input->event == SKALD_EVENT_COUNT)
        return false;
    if (input->event == SKALD_EVENT_RETRY_NEW_INPUT && !state_check(turn, saga, input)) {
        request_tell(saga, input);
        skald_turn_line(saga, "             refused: the new input is no %s",
                        saga->kind->options.state->name);
        saga->changed = true;
        return false;
    }
    if (input->step != NULL)
        event->operation.step = skald_plan_find(plan, input->step, strlen(input->step));
    if (input->operation != NULL && input->event != SKALD_EVENT_TAKE_BACK) {
        size_t id_size = 0;
        /* An operation of another plan, or none at all, is one that was never asked for. */
        if (!skald_operation_parse(plan, input->operation, &id_size, &event->operation) ||
            !was_asked(turn, saga, input, event->operation))
            event->operation = (skald_operation){.step = SKALD_STEP_NONE};
    }
    return true;
}

static skald_status input_bring(skald_turn *turn, size_t index, const skald_turn_input *input,
                                skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    skald_saga_event event;
    if (!event_of(turn, saga, input, &event)) {
        saga->stale += !saga->changed;
        return SKALD_OK;
    }
    const bool answer = event.kind == SKALD_EVENT_REFUSED || event.kind == SKALD_EVENT_FAILED;
    const skald_status status =
        bring(turn, index, event, input, answer ? input->reason : NULL, error);
    return status == SKALD_OK ? pending_run(turn, index, error) : status;
}

/* A saga that was told to end before it began never begins. */
static bool comes_first(const skald_turn_input *input)
{
    return input->event == SKALD_EVENT_CANCEL || input->event == SKALD_EVENT_TAKE_BACK ||
           input->event == SKALD_EVENT_COMPENSATE;
}

static skald_status begin(skald_turn *turn, size_t index, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    for (size_t i = 0; i < saga->input_count && saga->machine.phase == SKALD_SAGA_NEW; i++) {
        const skald_turn_input *input = &turn->inputs[saga->input_first + i];
        saga->input_begun = (uint32_t)i + 1;
        if (!comes_first(input))
            continue;
        const skald_status status = input_bring(turn, index, input, error);
        if (status != SKALD_OK)
            return status;
    }
    if (saga->machine.phase != SKALD_SAGA_NEW)
        return SKALD_OK;
    const skald_saga_event started = {.kind = SKALD_EVENT_STARTED};
    const skald_status status = bring(turn, index, started, NULL, NULL, error);
    return status == SKALD_OK ? pending_run(turn, index, error) : status;
}

static skald_status inputs_bring(skald_turn *turn, size_t index, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < saga->input_count && status == SKALD_OK; i++) {
        const skald_turn_input *input = &turn->inputs[saga->input_first + i];
        /* What released a blocked saga has been heard. */
        const bool heard =
            saga->unblock && input->event == SKALD_EVENT_RETRY && input->step == NULL;
        const bool done = heard || (i < saga->input_begun && comes_first(input));
        if (!done)
            status = input_bring(turn, index, input, error);
    }
    return status;
}

/* --- the saga ------------------------------------------------------------------------------- */

static skald_status machine_read(skald_turn_saga *saga, skald_error *error)
{
    if (saga->code.data == NULL) {
        skald_saga_init(&saga->machine, &saga->kind->plan);
        return SKALD_OK;
    }
    const skald_status status =
        skald_saga_decode(&saga->machine, saga->code.data, saga->code.size, error);
    if (status != SKALD_OK)
        return status;
    const skald_plan *plan = &saga->kind->plan;
    return saga->machine.fingerprint == plan->fingerprint &&
                   saga->machine.step_count == plan->step_count
               ? SKALD_OK
               : skald_error_set(error, SKALD_MALFORMED, "its machine belongs to another plan");
}

/* Nobody moves it but a person, who asks for "retry". */
static bool is_released(const skald_turn *turn, const skald_turn_saga *saga)
{
    for (size_t i = 0; i < saga->input_count; i++) {
        if (turn->inputs[saga->input_first + i].event == SKALD_EVENT_RETRY)
            return true;
    }
    return false;
}

static skald_status released(skald_turn *turn, skald_turn_saga *saga)
{
    for (size_t i = 0; i < saga->input_count; i++) {
        const skald_turn_input *input = &turn->inputs[saga->input_first + i];
        if (input->event == SKALD_EVENT_RETRY)
            request_tell(saga, input);
    }
    skald_turn_line(saga, "             no longer blocked: %s", saga->blocked);
    saga->unblock = true;
    saga->changed = true;
    return SKALD_OK;
}

/* Why it cannot be stepped; NULL: it can. */
static const char *hindrance(skald_turn *turn, skald_turn_saga *saga)
{
    const skald_turn_verdict *verdict = skald_turn_verdict_block(turn, saga);
    if (verdict != NULL)
        return verdict->text;
    saga->kind =
        skald_saga_kind_find(turn->hub->sagas, saga->definition, saga->version, saga->fingerprint);
    if (saga->kind == NULL)
        return skald_arena_format(
            &turn->memory,
            SKALD_TURN_GONE "\"%s\" version %u (fingerprint %016llx) is not "
                            "known to the program that runs here: start one that knows it",
            saga->definition, saga->version, (unsigned long long)saga->fingerprint);
    skald_error error;
    if (machine_read(saga, &error) != SKALD_OK)
        return skald_arena_format(&turn->memory, "its row cannot be read: %s", error.text);
    return NULL;
}

static bool is_local_run(const skald_turn_saga *saga, uint8_t step)
{
    return saga->machine.steps[step].state == SKALD_STEP_RUNNING &&
           saga->kind->plan.steps[step].run.kind == SKALD_WORK_LOCAL;
}

static bool is_local_undo(const skald_turn_saga *saga, uint8_t step)
{
    return saga->machine.steps[step].state == SKALD_STEP_UNDOING &&
           saga->kind->plan.steps[step].undo.kind == SKALD_WORK_LOCAL;
}

/* It may have turned back, or ended, while it waited for a lock. */
static skald_status lock_settle(skald_turn *turn, size_t index, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    bool runs = false;
    bool undoes = false;
    for (uint8_t i = 0; i < saga->machine.step_count; i++) {
        runs = runs || is_local_run(saga, i);
        undoes = undoes || is_local_undo(saga, i);
    }
    const bool in_vain = runs && saga->machine.phase == SKALD_SAGA_COMPENSATING;
    if (saga->lock == NULL || (!in_vain && (runs || undoes)))
        return SKALD_OK;
    saga->lock = NULL;
    saga->locked = true;
    saga->pending_count = 0;
    const skald_status status = left_pend(saga, error);
    return status == SKALD_OK ? pending_run(turn, index, error) : status;
}

/* A local step that waits for a lock has not begun, and its time runs from then on; the time of
 * everything else goes on meanwhile. */
static void lock_times_renew(const skald_turn *turn, skald_turn_saga *saga)
{
    for (uint8_t i = 0; i < saga->machine.step_count && saga->lock != NULL; i++) {
        const skald_plan_step *step = &saga->kind->plan.steps[i];
        skald_saga_step *at = &saga->machine.steps[i];
        const bool undo = is_local_undo(saga, i);
        if (at->due_ms != 0 && at->due_ms <= turn->now_ms && (undo || is_local_run(saga, i)))
            at->due_ms =
                turn->now_ms + (int64_t)(undo ? step->undo.timeout_ms : step->run.timeout_ms);
    }
}

static skald_status tick(skald_turn *turn, size_t index, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    const bool late = saga->machine.due_ms != 0 && saga->machine.due_ms <= turn->now_ms;
    if (!late || saga->more)
        return SKALD_OK;
    lock_times_renew(turn, saga);
    const skald_saga_event event = {.kind = SKALD_EVENT_TICK};
    const skald_status status = bring(turn, index, event, NULL, NULL, error);
    return status == SKALD_OK ? pending_run(turn, index, error) : status;
}

skald_status skald_turn_step(skald_turn *turn, size_t index, skald_error *error)
{
    skald_turn_saga *saga = &turn->sagas[index];
    /* What is blocked stays so until a person releases it; that its definition is back, the start
     * of a program that knows it has noted. */
    if (saga->blocked != NULL && !is_released(turn, saga)) {
        saga->block = saga->blocked;
        return SKALD_OK;
    }
    saga->block = hindrance(turn, saga);
    if (saga->block != NULL) {
        saga->changed = true;
        skald_turn_line(saga, "             blocked: %s", saga->block);
        return SKALD_OK;
    }
    skald_status status = saga->blocked != NULL ? released(turn, saga) : SKALD_OK;
    const bool was_new = saga->machine.phase == SKALD_SAGA_NEW;
    const bool waits = saga->locked && !saga->due;
    /* Whoever waits for a lock is not asked again before it is free. */
    if (waits)
        saga->lock = "";
    else if (status == SKALD_OK)
        status = left_pend(saga, error);
    if (status == SKALD_OK)
        status = pending_run(turn, index, error);
    if (status == SKALD_OK && was_new)
        status = begin(turn, index, error);
    if (status == SKALD_OK)
        status = inputs_bring(turn, index, error);
    if (status == SKALD_OK)
        status = tick(turn, index, error);
    return status == SKALD_OK ? lock_settle(turn, index, error) : status;
}
