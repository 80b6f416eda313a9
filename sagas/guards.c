/* The conditions of the rows. Each looks and changes nothing. */
#include "guards.h"

#include "machine_inside.h"

enum { ROUND_MAX = 255 };

static bool has_flag(const skald_machine *machine, uint8_t step, int flag)
{
    return (skald_machine_at(machine, step)->flags & flag) != 0;
}

static skald_work_kind run_kind(const skald_machine *machine, uint8_t step)
{
    return skald_machine_plan(machine, step)->run.kind;
}

static skald_timeout_meaning meaning(const skald_machine *machine, uint8_t step)
{
    return skald_machine_plan(machine, step)->run.meaning;
}

static bool is_pivot(const skald_machine *machine, uint8_t step)
{
    return machine->plan->pivot == step;
}

/* ---- of a step ---- */

static bool has_condition(const skald_machine *machine, uint8_t step)
{
    return skald_machine_plan(machine, step)->step->only_if != NULL &&
           !has_flag(machine, step, SKALD_STEP_NEEDED);
}

static bool event_came(const skald_machine *machine, uint8_t step)
{
    return has_flag(machine, step, SKALD_STEP_EARLY);
}

static bool waits(const skald_machine *machine, uint8_t step)
{
    return run_kind(machine, step) == SKALD_WORK_WAIT;
}

static bool sleeps(const skald_machine *machine, uint8_t step)
{
    return run_kind(machine, step) == SKALD_WORK_SLEEP;
}

static bool is_group(const skald_machine *machine, uint8_t step)
{
    return skald_work_is_group(run_kind(machine, step));
}

/* A local step is done together with the saga's own row or not at all: it is never in doubt. */
static bool is_local(const skald_machine *machine, uint8_t step)
{
    return run_kind(machine, step) == SKALD_WORK_LOCAL;
}

static bool is_child(const skald_machine *machine, uint8_t step)
{
    return run_kind(machine, step) == SKALD_WORK_CHILD;
}

static bool child_is_patient(const skald_machine *machine, uint8_t step)
{
    return is_child(machine, step) && meaning(machine, step) == SKALD_TIMEOUT_RETRIES;
}

static bool child_is_called_back(const skald_machine *machine, uint8_t step)
{
    return is_child(machine, step) && meaning(machine, step) == SKALD_TIMEOUT_COMPENSATES;
}

static bool turning_back(const skald_machine *machine, uint8_t step)
{
    (void)step;
    return machine->saga->phase == SKALD_SAGA_COMPENSATING;
}

static bool local_turning_back(const skald_machine *machine, uint8_t step)
{
    return is_local(machine, step) && turning_back(machine, step);
}

static bool after_pivot(const skald_machine *machine, uint8_t step)
{
    return skald_machine_plan(machine, step)->after_pivot;
}

static bool in_doubt(const skald_machine *machine, uint8_t step)
{
    return has_flag(machine, step, SKALD_STEP_DOUBT);
}

static bool not_known_done(const skald_machine *machine, uint8_t step)
{
    return !has_flag(machine, step, SKALD_STEP_KNOWN);
}

static bool attempts_left(const skald_machine *machine, uint8_t step)
{
    const skald_retry *retry = &skald_machine_work(machine, step)->retry;
    const skald_saga_step *at = skald_machine_at(machine, step);
    const bool few = retry->attempts_max == 0 || at->attempts < retry->attempts_max;
    const int64_t spent_ms = skald_machine_now(machine) - at->since_ms;
    return few && (retry->for_ms == 0 || spent_ms < (int64_t)retry->for_ms);
}

static bool timeout_continues(const skald_machine *machine, uint8_t step)
{
    return meaning(machine, step) == SKALD_TIMEOUT_CONTINUES;
}

static bool timeout_compensates(const skald_machine *machine, uint8_t step)
{
    return meaning(machine, step) == SKALD_TIMEOUT_COMPENSATES;
}

/* There is no way back from a pivot that may be done, and none forward from one that may not. */
static bool timeout_compensates_pivot(const skald_machine *machine, uint8_t step)
{
    return timeout_compensates(machine, step) && is_pivot(machine, step) &&
           !is_local(machine, step);
}

static bool wait_goes_on(const skald_machine *machine, uint8_t step)
{
    return meaning(machine, step) == SKALD_TIMEOUT_RETRIES && attempts_left(machine, step);
}

static bool person_gives_up(const skald_machine *machine, uint8_t step)
{
    return after_pivot(machine, step) || (is_pivot(machine, step) && !is_local(machine, step)) ||
           skald_machine_plan(machine, step)->step->give_up == SKALD_GIVE_UP_ASKS_PERSON;
}

static bool person_is_refused(const skald_machine *machine, uint8_t step)
{
    return after_pivot(machine, step) || (is_pivot(machine, step) && in_doubt(machine, step));
}

static bool can_keep_event(const skald_machine *machine, uint8_t step)
{
    return !skald_saga_has_ended(machine->saga) && !has_flag(machine, step, SKALD_STEP_EARLY);
}

/* Once it has been undone and begun again, a second telling of the first undoing cannot be told
 * from the second undoing: then only an event that comes while it is awaited counts. */
static bool can_keep_undo_event(const skald_machine *machine, uint8_t step)
{
    return !skald_saga_has_ended(machine->saga) &&
           !has_flag(machine, step, SKALD_STEP_UNDO_EARLY) &&
           skald_machine_at(machine, step)->undo_round == 0;
}

static bool undo_event_came(const skald_machine *machine, uint8_t step)
{
    return has_flag(machine, step, SKALD_STEP_UNDO_EARLY);
}

static bool undo_sleeps(const skald_machine *machine, uint8_t step)
{
    return skald_machine_plan(machine, step)->undo.kind == SKALD_WORK_SLEEP;
}

static bool undo_takes_back(const skald_machine *machine, uint8_t step)
{
    return skald_machine_plan(machine, step)->undo.kind == SKALD_WORK_TAKE_BACK;
}

/* An undo that began before the run was heard of may have found nothing to undo. */
static bool is_undone_again(const skald_machine *machine, uint8_t step)
{
    return has_flag(machine, step, SKALD_STEP_AGAIN);
}

static bool rounds_used_up(const skald_machine *machine, uint8_t step)
{
    const skald_saga_step *at = skald_machine_at(machine, step);
    return at->run_round == ROUND_MAX || at->undo_round == ROUND_MAX;
}

static bool is_undone_again_in_vain(const skald_machine *machine, uint8_t step)
{
    return is_undone_again(machine, step) && rounds_used_up(machine, step);
}

static bool undo_was_refused(const skald_machine *machine, uint8_t step)
{
    return skald_machine_at(machine, step)->cause == SKALD_INPUT_UNDO_REFUSED;
}

/* ---- of the saga ---- */

bool skald_pivot_is_behind(const skald_plan *plan, const skald_saga *saga)
{
    return plan->pivot != SKALD_STEP_NONE && skald_step_is_finished(&saga->steps[plan->pivot]);
}

bool skald_pivot_is_in_balance(const skald_plan *plan, const skald_saga *saga)
{
    if (plan->pivot == SKALD_STEP_NONE)
        return false;
    const skald_saga_step *pivot = &saga->steps[plan->pivot];
    const bool undecided =
        pivot->state == SKALD_STEP_RESTING || pivot->state == SKALD_STEP_HANDED_OVER;
    return pivot->state == SKALD_STEP_RUNNING ||
           (undecided && (pivot->flags & SKALD_STEP_DOUBT) != 0);
}

static bool pivot_in_balance(const skald_machine *machine, uint8_t step)
{
    (void)step;
    return skald_pivot_is_in_balance(machine->plan, machine->saga);
}

static bool pivot_behind(const skald_machine *machine, uint8_t step)
{
    (void)step;
    return skald_pivot_is_behind(machine->plan, machine->saga);
}

static bool rewinding(const skald_machine *machine, uint8_t step)
{
    (void)step;
    return machine->saga->rewind_to != SKALD_STEP_NONE;
}

static bool rewind_is_no_step(const skald_machine *machine, uint8_t step)
{
    return step >= machine->plan->step_count ||
           skald_machine_plan(machine, step)->parent != SKALD_STEP_NONE;
}

static bool rewind_not_begun(const skald_machine *machine, uint8_t step)
{
    return skald_machine_at(machine, step)->state == SKALD_STEP_PENDING;
}

static bool is_uncertain(const skald_machine *machine, uint8_t step)
{
    const skald_saga_step *at = skald_machine_at(machine, step);
    if (at->run_round == ROUND_MAX || at->undo_round == ROUND_MAX)
        return true;
    if (at->state == SKALD_STEP_RUNNING)
        return !is_group(machine, step);
    return (at->flags & (SKALD_STEP_DOUBT | SKALD_STEP_KNOWN)) == SKALD_STEP_DOUBT;
}

/* What is run again gets a new key, so it must be known what became of the old one. */
static bool rewind_in_doubt(const skald_machine *machine, uint8_t step)
{
    for (uint8_t i = step; i < machine->plan->step_count; i++) {
        if (is_uncertain(machine, i))
            return true;
    }
    return false;
}

static bool is_done_for_good(const skald_machine *machine, uint8_t step)
{
    const skald_plan_step *planned = skald_machine_plan(machine, step);
    const bool quiet = is_group(machine, step) || planned->run.kind == SKALD_WORK_WAIT ||
                       planned->run.kind == SKALD_WORK_SLEEP || planned->step->repeatable;
    return has_flag(machine, step, SKALD_STEP_KNOWN) && planned->undo.kind == SKALD_WORK_NONE &&
           !quiet;
}

static bool rewind_has_no_undo(const skald_machine *machine, uint8_t step)
{
    for (uint8_t i = step; i < machine->plan->step_count; i++) {
        if (is_done_for_good(machine, i))
            return true;
    }
    return false;
}

#define GUARD_DEFINE(name, words) const skald_guard skald_guard_##name = {name, words};
SKALD_STEP_GUARD_LIST(GUARD_DEFINE)
SKALD_SAGA_GUARD_LIST(GUARD_DEFINE)
#undef GUARD_DEFINE
