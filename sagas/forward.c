/* The way forward: every step whose turn has come is reached, a group is done when all in it is. */
#include "machine_inside.h"

static bool step_advance(skald_machine *machine, uint8_t step);

/* In a sequence nobody passes one that is not finished; in a parallel group all are let go. */
static bool members_advance(skald_machine *machine, uint8_t first, uint8_t end, bool parallel)
{
    bool finished = true;
    for (uint8_t i = first; i < end; i = skald_machine_plan(machine, i)->end) {
        const bool one = step_advance(machine, i);
        finished = finished && one;
        if (!finished && !parallel)
            return false;
    }
    return finished;
}

static bool step_advance(skald_machine *machine, uint8_t step)
{
    const skald_plan_step *planned = skald_machine_plan(machine, step);
    const skald_saga_step *at = skald_machine_at(machine, step);
    if (at->state == SKALD_STEP_PENDING)
        skald_step_take(machine, step, SKALD_INPUT_REACH);
    if (skald_work_is_group(planned->run.kind) && at->state == SKALD_STEP_RUNNING) {
        const bool parallel = planned->run.kind == SKALD_WORK_PARALLEL;
        if (members_advance(machine, (uint8_t)(step + 1), planned->end, parallel))
            skald_step_take(machine, step, SKALD_INPUT_FINISH);
    }
    return skald_step_is_finished(at);
}

void skald_forward_go(skald_machine *machine)
{
    if (members_advance(machine, 0, machine->plan->step_count, false))
        skald_saga_take(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_ALL_DONE);
}
