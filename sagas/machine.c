/* One event through the machine: it is brought to whom it is for, the saga goes on as far as it
 * can, and the next due time is set. What happens to a step is in transitions.c. */
#include "machine.h"

#include <assert.h>
#include <skald/backoff.h>
#include <string.h>

#include "machine_inside.h"

static const skald_operation WHOLE_SAGA = {.step = SKALD_STEP_NONE};

static void event_dispatch(skald_machine *machine)
{
    switch (machine->event->kind) {
    case SKALD_EVENT_STARTED:
        machine->stale = !skald_saga_take(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_STARTED);
        break;
    case SKALD_EVENT_TICK:
        skald_on_time(machine);
        break;
    case SKALD_EVENT_DONE:
    case SKALD_EVENT_REFUSED:
    case SKALD_EVENT_FAILED:
    case SKALD_EVENT_NEEDED:
    case SKALD_EVENT_NOT_NEEDED:
    case SKALD_EVENT_CHILD_COMPLETED:
    case SKALD_EVENT_CHILD_COMPENSATED:
        skald_on_answer(machine);
        break;
    case SKALD_EVENT_SIGNAL:
        skald_on_signal(machine);
        break;
    default:
        skald_on_request(machine);
        break;
    }
}

/* What was asked while the pivot was in the balance is decided when the pivot is. */
static void asked_decide(skald_machine *machine)
{
    skald_saga *saga = machine->saga;
    if ((saga->flags & SKALD_SAGA_TURN_ASKED) == 0 || saga->phase != SKALD_SAGA_RUNNING ||
        skald_pivot_is_in_balance(machine->plan, saga))
        return;
    if (skald_pivot_is_behind(machine->plan, saga))
        skald_saga_take(machine, machine->plan->pivot, SKALD_SAGA_INPUT_PIVOT_DONE);
    else if ((saga->flags & SKALD_SAGA_DEADLINE_PASSED) != 0)
        skald_saga_take(machine, machine->plan->pivot, SKALD_SAGA_INPUT_DEADLINE);
    else
        skald_saga_take(machine, machine->plan->pivot, SKALD_SAGA_INPUT_CANCEL);
}

/* Back may end in forward again, when the saga was rewound. */
static void saga_go_on(skald_machine *machine)
{
    asked_decide(machine);
    if (machine->saga->phase == SKALD_SAGA_RUNNING)
        skald_forward_go(machine);
    if (machine->saga->phase == SKALD_SAGA_COMPENSATING)
        skald_back_go(machine);
    if (machine->saga->phase == SKALD_SAGA_RUNNING)
        skald_forward_go(machine);
}

static void due_set(skald_machine *machine)
{
    const int64_t due_ms = skald_saga_due(machine->plan, machine->saga);
    if (due_ms == machine->saga->due_ms)
        return;
    machine->saga->due_ms = due_ms;
    skald_machine_act(machine, SKALD_ACTION_SET_DUE, WHOLE_SAGA)->due_ms = due_ms;
}

void skald_saga_init(skald_saga *saga, const skald_plan *plan)
{
    memset(saga, 0, sizeof *saga);
    saga->fingerprint = plan->fingerprint;
    saga->step_count = plan->step_count;
    saga->rewind_to = SKALD_STEP_NONE;
}

void skald_machine_step(const skald_plan *plan, skald_saga *saga, const skald_saga_event *event,
                        skald_saga_decision *decision)
{
    assert(saga->fingerprint == plan->fingerprint);
    assert(saga->step_count == plan->step_count);
    skald_machine machine = {plan, saga, event, decision, false};
    decision->action_count = 0;
    decision->change_count = 0;
    if (event->time_ms > saga->last_ms)
        saga->last_ms = event->time_ms;
    event_dispatch(&machine);
    if (machine.stale)
        skald_machine_act(&machine, SKALD_ACTION_RECORD_STALE, event->operation)->why =
            "nothing in the saga waits for it any more, or it was never asked for";
    saga_go_on(&machine);
    due_set(&machine);
}

/* ---- what the other files use ---- */

skald_saga_action *skald_machine_act(skald_machine *machine, skald_saga_action_kind kind,
                                     skald_operation operation)
{
    skald_saga_decision *decision = machine->decision;
    assert(decision->action_count < SKALD_SAGA_ACTIONS_MAX);
    skald_saga_action *action = &decision->actions[decision->action_count++];
    *action = (skald_saga_action){.kind = kind, .operation = operation};
    return action;
}

static uint32_t backoff_ms(uint64_t ms)
{
    return ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
}

int64_t skald_machine_rest_ms(const skald_retry *retry, uint32_t attempts, uint64_t random)
{
    if (attempts <= retry->at_once)
        return 0;
    const skald_backoff backoff = {backoff_ms(retry->delay_ms_min),
                                   backoff_ms(retry->delay_ms_max)};
    return skald_backoff_delay_ms(&backoff, attempts - retry->at_once, random);
}

static void change_note(skald_machine *machine, skald_saga_change change)
{
    skald_saga_decision *decision = machine->decision;
    assert(decision->change_count < SKALD_SAGA_CHANGES_MAX);
    decision->changes[decision->change_count++] = change;
}

static bool is_for_person(uint8_t state)
{
    return state == SKALD_STEP_HANDED_OVER || state == SKALD_STEP_UNDO_HANDED_OVER;
}

/* Whatever the row, a person is told that a task begins or is no more, a time that belonged to the
 * old state is forgotten, and the order in which steps were done is kept, once. */
static void state_change(skald_machine *machine, uint8_t at, uint8_t to, skald_step_input input,
                         const char *why)
{
    skald_saga_step *step = skald_machine_at(machine, at);
    const bool was_for_person = is_for_person(step->state);
    if (to == step->state)
        return;
    step->state = to;
    step->cause = (uint8_t)input;
    step->due_ms = 0;
    const skald_operation operation = {.step = at};
    if (was_for_person && !is_for_person(to))
        skald_machine_act(machine, SKALD_ACTION_WITHDRAW, operation)->why = why;
    if (!was_for_person && is_for_person(to))
        skald_machine_act(machine, SKALD_ACTION_HAND_OVER, operation)->why = why;
    const bool counts =
        to == SKALD_STEP_DONE || to == SKALD_STEP_PASSED || to == SKALD_STEP_IN_DOUBT;
    if (counts && step->order == 0)
        step->order = ++machine->saga->order;
}

bool skald_step_take(skald_machine *machine, uint8_t step, skald_step_input input)
{
    const skald_transition *row = skald_transition_find(machine, step, input);
    if (row == NULL)
        return false;
    const uint8_t from = skald_machine_at(machine, step)->state;
    const uint8_t to = row->to == SKALD_STAYS ? from : row->to;
    change_note(machine, (skald_saga_change){step, from, to, (uint8_t)input,
                                             (uint16_t)(row - skald_transitions)});
    state_change(machine, step, to, input, row->why);
    if (row->effect != NULL)
        row->effect(machine, step, row->why);
    return true;
}

bool skald_saga_take(skald_machine *machine, uint8_t step, skald_saga_input input)
{
    const skald_transition *row = skald_saga_transition_find(machine, step, input);
    if (row == NULL)
        return false;
    const uint8_t from = machine->saga->phase;
    const uint8_t to = row->to == SKALD_STAYS ? from : row->to;
    change_note(machine, (skald_saga_change){SKALD_STEP_NONE, from, to, (uint8_t)input,
                                             (uint16_t)(row - skald_saga_transitions)});
    if (to != from) {
        machine->saga->phase = to;
        machine->saga->cause = (uint8_t)input;
    }
    if (row->effect != NULL)
        row->effect(machine, step, row->why);
    return true;
}
