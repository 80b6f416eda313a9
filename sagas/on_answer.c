/* Answers to operations: replies, results of jobs and local steps, ends of children, conditions. An
 * answer counts for the operation it names; one of an earlier round, or to nothing, is stale. */
#include "machine_inside.h"

static skald_step_input input_of(const skald_saga_event *event)
{
    const bool undo = event->operation.direction == SKALD_UNDO;
    switch (event->kind) {
    case SKALD_EVENT_DONE:
    case SKALD_EVENT_CHILD_COMPLETED:
        return undo ? SKALD_INPUT_UNDO_DONE : SKALD_INPUT_DONE;
    case SKALD_EVENT_REFUSED:
        return undo ? SKALD_INPUT_UNDO_REFUSED : SKALD_INPUT_REFUSED;
    case SKALD_EVENT_FAILED:
        return undo ? SKALD_INPUT_UNDO_FAILED : SKALD_INPUT_FAILED;
    case SKALD_EVENT_NEEDED:
        return SKALD_INPUT_NEEDED;
    case SKALD_EVENT_NOT_NEEDED:
        return SKALD_INPUT_NOT_NEEDED;
    /* A child that undoes a step and was itself undone has refused; one that ran the step is back.
     */
    case SKALD_EVENT_CHILD_COMPENSATED:
        return undo ? SKALD_INPUT_UNDO_REFUSED : SKALD_INPUT_CHILD_BACK;
    default:
        return SKALD_INPUT_NONE;
    }
}

/* Waits and sleeps end by a signal and by time, and a group by what is in it; an answer to one of
 * those was never asked for. */
static bool is_answered(const skald_plan_work *work)
{
    return work->kind != SKALD_WORK_NONE && work->kind != SKALD_WORK_WAIT &&
           work->kind != SKALD_WORK_SLEEP && !skald_work_is_group(work->kind);
}

static bool operation_is_known(const skald_machine *machine, skald_operation operation)
{
    if (operation.step >= machine->plan->step_count)
        return false;
    const skald_plan_step *planned = skald_machine_plan(machine, operation.step);
    const skald_saga_step *at = skald_machine_at(machine, operation.step);
    const bool undo = operation.direction == SKALD_UNDO;
    return operation.round != 0 && operation.round == (undo ? at->undo_round : at->run_round) &&
           is_answered(undo ? &planned->undo : &planned->run);
}

/* A completed child can still be taken back, so its two ends can overtake each other. The one that
 * tells of its compensation is the last. */
static bool is_overtaken(const skald_machine *machine)
{
    const skald_saga_event *event = machine->event;
    return event->kind == SKALD_EVENT_CHILD_COMPLETED && event->operation.direction == SKALD_RUN &&
           (skald_machine_at(machine, event->operation.step)->flags & SKALD_STEP_CAME_BACK) != 0;
}

void skald_on_answer(skald_machine *machine)
{
    const skald_saga_event *event = machine->event;
    const uint8_t step = event->operation.step;
    const bool condition =
        event->kind == SKALD_EVENT_NEEDED || event->kind == SKALD_EVENT_NOT_NEEDED;
    const bool known = condition ? step < machine->plan->step_count
                                 : operation_is_known(machine, event->operation);
    machine->stale =
        !known || is_overtaken(machine) || !skald_step_take(machine, step, input_of(event));
}
