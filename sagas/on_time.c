/* Time has passed: the deadline of the saga, then whatever is due in each step. A tick that comes
 * too early, twice or late does no harm: only the saga's own times count. */
#include "machine_inside.h"

static int64_t deadline_of(const skald_plan *plan, const skald_saga *saga)
{
    const bool counts = saga->phase == SKALD_SAGA_RUNNING && plan->definition->deadline_ms > 0 &&
                        (saga->flags & SKALD_SAGA_DEADLINE_PASSED) == 0;
    return counts ? saga->started_ms + (int64_t)plan->definition->deadline_ms : 0;
}

int64_t skald_saga_due(const skald_plan *plan, const skald_saga *saga)
{
    int64_t due_ms = deadline_of(plan, saga);
    for (uint8_t i = 0; i < plan->step_count; i++) {
        const int64_t one = saga->steps[i].due_ms;
        if (one != 0 && (due_ms == 0 || one < due_ms))
            due_ms = one;
    }
    return due_ms;
}

static bool is_resting(const skald_saga_step *step)
{
    return step->state == SKALD_STEP_RESTING || step->state == SKALD_STEP_UNDO_RESTING;
}

static void steps_due(skald_machine *machine, bool resting)
{
    for (uint8_t i = 0; i < machine->plan->step_count; i++) {
        const skald_saga_step *at = skald_machine_at(machine, i);
        const bool due = at->due_ms != 0 && at->due_ms <= skald_machine_now(machine);
        if (due && is_resting(at) == resting)
            skald_step_take(machine, i, SKALD_INPUT_DUE);
    }
}

/* What is over comes before what is tried again: if it makes the saga turn back, nothing is begun.
 */
void skald_on_time(skald_machine *machine)
{
    skald_saga *saga = machine->saga;
    const int64_t deadline_ms = deadline_of(machine->plan, saga);
    if (deadline_ms != 0 && deadline_ms <= skald_machine_now(machine)) {
        saga->flags |= SKALD_SAGA_DEADLINE_PASSED;
        skald_saga_take(machine, SKALD_STEP_NONE, SKALD_SAGA_INPUT_DEADLINE);
    }
    steps_due(machine, false);
    steps_due(machine, true);
}
