/* What the files of the machine share: looking at the saga in hand, and writing down what is
 * decided. */
#ifndef SKALD_SAGAS_MACHINE_INSIDE_H
#define SKALD_SAGAS_MACHINE_INSIDE_H

#include "transitions.h"

static inline int64_t skald_machine_now(const skald_machine *machine)
{
    return machine->saga->last_ms;
}

static inline skald_saga_step *skald_machine_at(const skald_machine *machine, uint8_t step)
{
    return &machine->saga->steps[step];
}

static inline const skald_plan_step *skald_machine_plan(const skald_machine *machine, uint8_t step)
{
    return &machine->plan->steps[step];
}

static inline bool skald_step_is_finished(const skald_saga_step *step)
{
    return step->state == SKALD_STEP_DONE || step->state == SKALD_STEP_NOT_NEEDED ||
           step->state == SKALD_STEP_PASSED;
}

static inline bool skald_saga_has_ended(const skald_saga *saga)
{
    return saga->phase == SKALD_SAGA_COMPLETED || saga->phase == SKALD_SAGA_COMPENSATED;
}

/* The work that is under way: its undo once that has begun. */
static inline const skald_plan_work *skald_machine_work(const skald_machine *machine, uint8_t step)
{
    const skald_plan_step *planned = skald_machine_plan(machine, step);
    return skald_machine_at(machine, step)->state >= SKALD_STEP_UNDOING ? &planned->undo
                                                                        : &planned->run;
}

/* Is the pivot behind us (done, passed or not needed), or may it be done without our knowing? */
bool skald_pivot_is_behind(const skald_plan *plan, const skald_saga *saga);
bool skald_pivot_is_in_balance(const skald_plan *plan, const skald_saga *saga);

/* Must this step be undone before the saga can end compensated? */
bool skald_step_is_owed(const skald_plan *plan, const skald_saga *saga, uint8_t step);

/* Appends an action; the caller fills what it needs beyond these. */
skald_saga_action *skald_machine_act(skald_machine *machine, skald_saga_action_kind kind,
                                     skald_operation operation);

/* Brings an input to a step or to the saga: takes the row that fits. False when none does. `step`
 * of the second is the step that caused it, or SKALD_STEP_NONE. */
bool skald_step_take(skald_machine *machine, uint8_t step, skald_step_input input);
bool skald_saga_take(skald_machine *machine, uint8_t step, skald_saga_input input);

/* Goes on as far as it can without being told anything: forward.c, back.c. */
void skald_forward_go(skald_machine *machine);
void skald_back_go(skald_machine *machine);

/* Which step is undone next, or SKALD_STEP_NONE. */
uint8_t skald_back_next(const skald_machine *machine);

/* One per family of events: what comes in is brought to the step or the saga it is for. */
void skald_on_answer(skald_machine *machine);
void skald_on_time(skald_machine *machine);
void skald_on_signal(skald_machine *machine);
void skald_on_request(skald_machine *machine);

/* How long to rest after this many attempts. */
int64_t skald_machine_rest_ms(const skald_retry *retry, uint32_t attempts, uint64_t random);

/* The earliest moment at which time alone moves the saga, or 0. */
int64_t skald_saga_due(const skald_plan *plan, const skald_saga *saga);

#endif
