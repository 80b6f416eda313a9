/* An event or signal by name. One step at most waits for a name; it is kept when the step has not
 * got that far, and stale when the step has had it. */
#include <assert.h>
#include <string.h>

#include "machine_inside.h"

static bool waits_for(const skald_work *work, const char *name)
{
    return work->wait_for != NULL && strlen(work->wait_for) == strlen(name) &&
           memcmp(work->wait_for, name, strlen(name)) == 0;
}

void skald_on_signal(skald_machine *machine)
{
    const char *name = machine->event->name;
    assert(name != NULL);
    bool wanted = false;
    for (uint8_t i = 0; i < machine->plan->step_count && !wanted; i++) {
        const skald_step *step = skald_machine_plan(machine, i)->step;
        if (waits_for(&step->run, name))
            wanted = skald_step_take(machine, i, SKALD_INPUT_SIGNAL);
        if (waits_for(&step->undo, name))
            wanted = skald_step_take(machine, i, SKALD_INPUT_UNDO_SIGNAL);
    }
    machine->stale = !wanted;
}
