/* The way back: what was done is undone, one step at a time, the last that was done first. The
 * order is the recorded one, so branches of a parallel group are undone in the reverse of how they
 * ended.
 *
 * What is under way is awaited first, until its answer or its timeout: an undo that overtakes its
 * action is a hazard we do not make ourselves. When it times out it counts as maybe done, and as
 * the last that was done. */
#include "machine_inside.h"

bool skald_step_is_owed(const skald_plan *plan, const skald_saga *saga, uint8_t step)
{
    const skald_saga_step *at = &saga->steps[step];
    const bool over = at->state == SKALD_STEP_DONE || at->state == SKALD_STEP_PASSED ||
                      at->state == SKALD_STEP_IN_DOUBT;
    return over && plan->steps[step].undo.kind != SKALD_WORK_NONE &&
           (at->flags & (SKALD_STEP_KNOWN | SKALD_STEP_DOUBT)) != 0;
}

static bool is_under_way(const skald_machine *machine, uint8_t step)
{
    const uint8_t state = skald_machine_at(machine, step)->state;
    if (state == SKALD_STEP_RUNNING)
        return !skald_work_is_group(skald_machine_plan(machine, step)->run.kind);
    return state == SKALD_STEP_UNDOING || state == SKALD_STEP_UNDO_RESTING ||
           state == SKALD_STEP_UNDO_HANDED_OVER;
}

static bool anything_is_under_way(const skald_machine *machine)
{
    for (uint8_t i = 0; i < machine->plan->step_count; i++) {
        if (is_under_way(machine, i))
            return true;
    }
    return false;
}

uint8_t skald_back_next(const skald_machine *machine)
{
    const skald_saga *saga = machine->saga;
    uint8_t last = SKALD_STEP_NONE;
    for (uint8_t i = saga->rewind_to == SKALD_STEP_NONE ? 0 : saga->rewind_to;
         i < machine->plan->step_count; i++) {
        if (!skald_step_is_owed(machine->plan, saga, i))
            continue;
        if (last == SKALD_STEP_NONE || saga->steps[i].order > saga->steps[last].order)
            last = i;
    }
    return last;
}

void skald_back_go(skald_machine *machine)
{
    while (!anything_is_under_way(machine)) {
        const uint8_t next = skald_back_next(machine);
        if (next == SKALD_STEP_NONE) {
            skald_saga_take(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_ALL_UNDONE);
            return;
        }
        skald_step_take(machine, next, SKALD_INPUT_UNDO);
    }
}
