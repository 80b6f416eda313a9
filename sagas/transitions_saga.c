/* The table of what a saga as a whole can go through. */
#include "transitions.h"

#include "effects.h"
#include "guards.h"

#define IN(phase) (1u << SKALD_SAGA_##phase)
#define ON(input) (1u << SKALD_SAGA_INPUT_##input)
#define TO(phase) SKALD_SAGA_##phase
#define WHEN(name) (&skald_guard_##name)
#define DO(name) skald_effect_##name
#define ALWAYS NULL
#define NOTHING NULL

#define ENDED (IN(COMPLETED) | IN(COMPENSATED))
#define REQUESTS (ON(CANCEL) | ON(COMPENSATE) | ON(TAKE_BACK))

/* clang-format off */
const skald_transition skald_saga_transitions[] = {
    {IN(NEW), ON(STARTED), ALWAYS, TO(RUNNING), DO(start), "the saga begins"},
    {IN(NEW), REQUESTS, ALWAYS, TO(COMPENSATED), DO(end), "taken back before it began"},
    {IN(RUNNING), ON(ALL_DONE), ALWAYS, TO(COMPLETED), DO(end), "every step is done"},

    /* It turns back, unless the pivot forbids. */
    {IN(RUNNING), REQUESTS | ON(DEADLINE), WHEN(pivot_in_balance), SKALD_STAYS, DO(remember), "decided when the pivot is, which is under way or in doubt"},
    {IN(RUNNING), REQUESTS, WHEN(pivot_behind), SKALD_STAYS, DO(saga_refuse), "too late: the pivot is done"},
    {IN(RUNNING), ON(DEADLINE), WHEN(pivot_behind), SKALD_STAYS, NOTHING, "the pivot is done: what is left is owed, however late"},
    {IN(RUNNING), ON(PIVOT_DONE), ALWAYS, SKALD_STAYS, DO(forget), "too late: the pivot was done meanwhile"},
    {IN(RUNNING), ON(REFUSAL), ALWAYS, TO(COMPENSATING), DO(turn_back), "a step was refused"},
    {IN(RUNNING), ON(GIVEN_UP), ALWAYS, TO(COMPENSATING), DO(turn_back), "a step was given up"},
    {IN(RUNNING), ON(DEADLINE), ALWAYS, TO(COMPENSATING), DO(turn_back), "its deadline has passed"},
    {IN(RUNNING), REQUESTS, ALWAYS, TO(COMPENSATING), DO(turn_back), "it was asked to turn back"},
    {IN(COMPENSATING), REQUESTS, WHEN(rewinding), SKALD_STAYS, DO(rewind_forget), "it turns back all the way"},
    {IN(COMPENSATING), REQUESTS, ALWAYS, SKALD_STAYS, NOTHING, "it is turning back already"},

    /* From an earlier step on. */
    {IN(RUNNING), ON(RETRY_FROM), WHEN(rewind_is_no_step), SKALD_STAYS, DO(saga_refuse), "name a step of the top level"},
    {IN(RUNNING), ON(RETRY_FROM), WHEN(pivot_behind), SKALD_STAYS, DO(saga_refuse), "the pivot is done: nothing is undone any more"},
    {IN(RUNNING), ON(RETRY_FROM), WHEN(rewind_not_begun), SKALD_STAYS, DO(saga_refuse), "that step has not begun"},
    {IN(RUNNING), ON(RETRY_FROM), WHEN(rewind_has_no_undo), SKALD_STAYS, DO(saga_refuse), "a step behind it is done, has no undo and is not repeatable: name a later step"},
    {IN(RUNNING), ON(RETRY_FROM), WHEN(rewind_in_doubt), SKALD_STAYS, DO(saga_refuse), "a step behind it is under way or may be done: wait, or resolve that first"},
    {IN(RUNNING), ON(RETRY_FROM), ALWAYS, TO(COMPENSATING), DO(rewind), "a person goes on from an earlier step: what lies behind it is undone first"},

    /* Nothing is owed, or something is again. */
    {IN(COMPENSATING), ON(ALL_UNDONE), WHEN(rewinding), TO(RUNNING), DO(go_forward), "undone down to the step: goes on from there"},
    {IN(COMPENSATING), ON(ALL_UNDONE), ALWAYS, TO(COMPENSATED), DO(end), "nothing is owed any more"},
    {IN(COMPENSATED), ON(OWED_AGAIN), ALWAYS, TO(COMPENSATING), DO(reopen), "a late success is owed its undo"},
    {IN(COMPENSATING), ON(OWED_AGAIN), ALWAYS, SKALD_STAYS, NOTHING, "a late success is owed its undo"},
    {IN(COMPLETED), ON(TAKE_BACK), WHEN(pivot_behind), SKALD_STAYS, DO(saga_refuse), "too late: the pivot is done"},
    {IN(COMPLETED), ON(TAKE_BACK), ALWAYS, TO(COMPENSATING), DO(reopen_turn_back), "its parent takes it back"},
    {IN(COMPENSATED), ON(TAKE_BACK), ALWAYS, SKALD_STAYS, DO(end), "it is back already, and says so again"},
    {ENDED, ON(CANCEL) | ON(COMPENSATE) | ON(RETRY_FROM), ALWAYS, SKALD_STAYS, DO(saga_refuse), "the saga has ended: start another one"},
};
/* clang-format on */

const size_t skald_saga_transition_count =
    sizeof skald_saga_transitions / sizeof *skald_saga_transitions;

const skald_transition *skald_saga_transition_find(const skald_machine *machine, uint8_t step,
                                                   skald_saga_input input)
{
    const uint32_t from = 1u << machine->saga->phase;
    for (size_t i = 0; i < skald_saga_transition_count; i++) {
        const skald_transition *row = &skald_saga_transitions[i];
        if ((row->from & from) != 0 && (row->on & (1u << input)) != 0 &&
            (row->when == NULL || row->when->holds(machine, step)))
            return row;
    }
    return NULL;
}
