/* The effects of rows on the saga as a whole. */
#include "effects.h"

#include "machine_inside.h"

static const skald_operation WHOLE_SAGA = {.step = SKALD_STEP_NONE};

void skald_effect_start(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    (void)why;
    machine->saga->started_ms = skald_machine_now(machine);
}

void skald_effect_end(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    skald_saga_action *action = skald_machine_act(machine, SKALD_ACTION_END, WHOLE_SAGA);
    action->outcome = (skald_saga_phase)machine->saga->phase;
    action->why = why;
}

/* Steps that have not begun stay so; the others are told. */
void skald_effect_turn_back(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    (void)why;
    machine->saga->flags &= (uint8_t)~SKALD_SAGA_TURN_ASKED;
    for (uint8_t i = 0; i < machine->plan->step_count; i++)
        skald_step_take(machine, i, SKALD_INPUT_TURN_BACK);
}

void skald_effect_reopen(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    skald_machine_act(machine, SKALD_ACTION_GO_ON, WHOLE_SAGA)->why = why;
}

void skald_effect_reopen_turn_back(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_reopen(machine, step, why);
    skald_effect_turn_back(machine, step, why);
}

void skald_effect_remember(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    (void)why;
    machine->saga->flags |= SKALD_SAGA_TURN_ASKED;
}

void skald_effect_forget(skald_machine *machine, uint8_t step, const char *why)
{
    machine->saga->flags &= (uint8_t)~SKALD_SAGA_TURN_ASKED;
    skald_effect_saga_refuse(machine, step, why);
}

void skald_effect_rewind(skald_machine *machine, uint8_t step, const char *why)
{
    machine->saga->rewind_to = step;
    skald_effect_turn_back(machine, step, why);
}

void skald_effect_rewind_forget(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    (void)why;
    machine->saga->rewind_to = SKALD_STEP_NONE;
}

void skald_effect_go_forward(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    (void)why;
    const uint8_t first = machine->saga->rewind_to;
    machine->saga->rewind_to = SKALD_STEP_NONE;
    for (uint8_t i = first; i < machine->plan->step_count; i++)
        skald_step_take(machine, i, SKALD_INPUT_REWIND);
}

void skald_effect_saga_refuse(skald_machine *machine, uint8_t step, const char *why)
{
    (void)step;
    skald_machine_act(machine, SKALD_ACTION_REFUSE_REQUEST, WHOLE_SAGA)->why = why;
}
