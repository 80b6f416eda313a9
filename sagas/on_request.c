/* What a program, a parent or a person asks for. A request that cannot be granted changes nothing
 * and is answered with the reason. */
#include "machine_inside.h"

static void request_refuse(skald_machine *machine, uint8_t step, const char *why)
{
    const skald_operation operation = {.step = step};
    skald_machine_act(machine, SKALD_ACTION_REFUSE_REQUEST, operation)->why = why;
}

static void of_saga(skald_machine *machine, uint8_t step, skald_saga_input input)
{
    if (!skald_saga_take(machine, step, input))
        request_refuse(machine, step, "that cannot be asked of the saga in its present phase");
}

static void of_step(skald_machine *machine, skald_step_input input)
{
    const uint8_t step = machine->event->operation.step;
    if (step >= machine->plan->step_count)
        request_refuse(machine, step, "the definition has no such step");
    else if (!skald_step_take(machine, step, input))
        request_refuse(machine, step, "that cannot be asked of the step in its present state");
}

void skald_on_request(skald_machine *machine)
{
    switch (machine->event->kind) {
    case SKALD_EVENT_CANCEL:
        of_saga(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_CANCEL);
        break;
    case SKALD_EVENT_COMPENSATE:
        of_saga(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_COMPENSATE);
        break;
    case SKALD_EVENT_TAKE_BACK:
        of_saga(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_TAKE_BACK);
        break;
    case SKALD_EVENT_RETRY_FROM:
        of_saga(machine, machine->event->operation.step, SKALD_SAGA_INPUT_RETRY_FROM);
        break;
    case SKALD_EVENT_RETRY:
        of_step(machine, SKALD_INPUT_RETRY);
        break;
    case SKALD_EVENT_RETRY_NEW_INPUT:
        of_step(machine, SKALD_INPUT_RETRY_NEW_INPUT);
        break;
    case SKALD_EVENT_SKIP:
        of_step(machine, SKALD_INPUT_SKIP);
        break;
    case SKALD_EVENT_RESOLVE_DONE:
        of_step(machine, SKALD_INPUT_RESOLVE_DONE);
        break;
    case SKALD_EVENT_RESOLVE_NOT_DONE:
        of_step(machine, SKALD_INPUT_RESOLVE_NOT_DONE);
        break;
    default:
        break;
    }
}
