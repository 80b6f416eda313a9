/* The table of what a step can go through. Read it from top to bottom: forward, answers, time, what
 * comes late, the way back, and what a person may ask. Diagrams are printed from it. */
#include "transitions.h"

#include "effects.h"
#include "guards.h"

#define IN(state) (1u << SKALD_STEP_##state)
#define ON(input) (1u << SKALD_INPUT_##input)
#define TO(state) SKALD_STEP_##state
#define WHEN(name) (&skald_guard_##name)
#define DO(name) skald_effect_##name
#define ALWAYS NULL
#define NOTHING NULL

/* Forward work that is not over, and undoing that is not over. */
#define TRYING (IN(RUNNING) | IN(RESTING))
#define TRYING_TO_UNDO (IN(UNDOING) | IN(UNDO_RESTING) | IN(UNDO_HANDED_OVER))
#define BEFORE_UNDO                                                                                \
    (IN(PENDING) | IN(ASKING) | IN(RUNNING) | IN(WAITING) | IN(SLEEPING) | IN(RESTING) |           \
     IN(HANDED_OVER) | IN(DONE) | IN(PASSED) | IN(IN_DOUBT))

#define RETRIES (ON(RETRY) | ON(RETRY_NEW_INPUT))

/* clang-format off */
const skald_transition skald_transitions[] = {
    /* Its turn comes. */
    {IN(PENDING), ON(REACH), WHEN(has_condition), TO(ASKING), DO(ask), "is it needed?"},
    {IN(PENDING), ON(REACH), WHEN(is_group), TO(RUNNING), NOTHING, "what is in the group begins"},
    {IN(PENDING), ON(REACH), WHEN(event_came), TO(DONE), DO(come_early), "its event had come before it was awaited"},
    {IN(PENDING), ON(REACH), WHEN(waits), TO(WAITING), DO(wait), "waits for its event"},
    {IN(PENDING), ON(REACH), WHEN(sleeps), TO(SLEEPING), DO(wait), "sleeps until its time comes"},
    {IN(PENDING), ON(REACH), ALWAYS, TO(RUNNING), DO(begin), "its turn has come"},
    {IN(ASKING), ON(NEEDED), ALWAYS, TO(PENDING), DO(need), "its condition holds"},
    {IN(ASKING), ON(NOT_NEEDED), ALWAYS, TO(NOT_NEEDED), NOTHING, "its condition does not hold"},
    {IN(ASKING), ON(DUE), ALWAYS, TO(ASKING), DO(ask), "nobody answered: asked again"},
    {IN(RUNNING), ON(FINISH), ALWAYS, TO(DONE), NOTHING, "all in the group is done"},

    /* Answers. */
    {TRYING | IN(HANDED_OVER) | IN(PASSED), ON(DONE), ALWAYS, TO(DONE), DO(finish), "it is done"},
    {TRYING, ON(REFUSED), WHEN(person_is_refused), TO(HANDED_OVER), NOTHING, "where there is no way back: a person decides"},
    {TRYING, ON(REFUSED), WHEN(in_doubt), TO(IN_DOUBT), DO(refusal), "but an earlier attempt may be done"},
    {TRYING, ON(REFUSED), ALWAYS, TO(NOT_DONE), DO(refusal), "business says no"},
    {TRYING | IN(HANDED_OVER), ON(CHILD_BACK), WHEN(after_pivot), TO(HANDED_OVER), DO(come_back), "the child was compensated where there is no way back: a person decides"},
    {TRYING | IN(HANDED_OVER), ON(CHILD_BACK), ALWAYS, TO(NOT_DONE), DO(come_back_refusal), "the child was compensated"},
    {IN(IN_DOUBT), ON(CHILD_BACK), ALWAYS, TO(NOT_DONE), DO(come_back), "the child was compensated: nothing to undo"},
    {IN(PASSED), ON(CHILD_BACK), ALWAYS, SKALD_STAYS, DO(come_back), "the child was compensated: nothing to undo"},
    {IN(WAITING) | IN(HANDED_OVER), ON(SIGNAL), ALWAYS, TO(DONE), DO(know), "its event came"},
    {IN(PENDING) | IN(ASKING), ON(SIGNAL), WHEN(can_keep_event), SKALD_STAYS, DO(keep), "its event came early and is kept"},

    /* Time, and technical failures. */
    {IN(SLEEPING), ON(DUE), ALWAYS, TO(DONE), DO(finish), "it has slept"},
    {IN(WAITING), ON(DUE), WHEN(timeout_continues), TO(PASSED), NOTHING, "the event did not come: goes on without it"},
    {IN(WAITING), ON(DUE), WHEN(wait_goes_on), TO(WAITING), DO(wait_on), "the event did not come: waits on"},
    {IN(WAITING), ON(DUE), WHEN(person_gives_up), TO(HANDED_OVER), NOTHING, "the event did not come: a person decides"},
    {IN(WAITING), ON(DUE), ALWAYS, TO(NOT_DONE), DO(give_up), "the event did not come"},
    {IN(RUNNING), ON(DUE), WHEN(child_is_patient), TO(RUNNING), DO(wait_on), "the child takes its time: waits on"},
    {IN(RUNNING), ON(DUE), WHEN(child_is_called_back), TO(RUNNING), DO(call_back), "the child's time is over: it is cancelled and awaited"},
    {IN(RUNNING), ON(DUE) | ON(FAILED), WHEN(local_turning_back), TO(NOT_DONE), NOTHING, "a local step that fails is not done"},
    {IN(RUNNING), ON(DUE), WHEN(turning_back), TO(IN_DOUBT), DO(doubt), "no answer in time: it may be done"},
    {IN(RUNNING), ON(FAILED), WHEN(turning_back), TO(IN_DOUBT), DO(doubt), "not tried again on the way back; it may be done"},
    {IN(RUNNING), ON(DUE), WHEN(timeout_continues), TO(PASSED), DO(doubt), "no answer in time: goes on, it may be done"},
    {IN(RUNNING), ON(DUE), WHEN(timeout_compensates_pivot), TO(HANDED_OVER), DO(doubt), "the pivot may be done: a person finds out"},
    {IN(RUNNING), ON(DUE), WHEN(timeout_compensates), TO(IN_DOUBT), DO(give_up_doubt), "no answer in time: turns back, it may be done"},
    {IN(RUNNING), ON(DUE), WHEN(attempts_left), TO(RESTING), DO(rest), "no answer in time: tried again after a rest"},
    {IN(RUNNING), ON(FAILED), WHEN(attempts_left), TO(RESTING), DO(rest), "tried again after a rest"},
    {IN(RUNNING), ON(DUE) | ON(FAILED), WHEN(person_gives_up), TO(HANDED_OVER), DO(doubt), "attempts are used up: a person decides"},
    {IN(RUNNING), ON(DUE) | ON(FAILED), WHEN(is_local), TO(NOT_DONE), DO(give_up), "attempts are used up; a local step that fails is not done"},
    {IN(RUNNING), ON(DUE) | ON(FAILED), ALWAYS, TO(IN_DOUBT), DO(give_up_doubt), "attempts are used up; it may be done"},
    {IN(RESTING), ON(DUE), ALWAYS, TO(RUNNING), DO(attempt), "rested: tried again"},

    /* What comes late. A failure of an attempt that outlived its undo may have had its effect behind it. */
    {IN(IN_DOUBT), ON(DONE), ALWAYS, TO(DONE), DO(know), "it was done after all, and will be undone"},
    {IN(NOT_DONE) | IN(UNDONE), ON(DONE), WHEN(not_known_done), TO(DONE), DO(owe_again), "a late success: undone again"},
    {IN(UNDONE), ON(FAILED), WHEN(not_known_done), TO(IN_DOUBT), DO(owe_doubt_again), "a late failure, maybe done after its undo: undone again"},
    {TRYING_TO_UNDO, ON(DONE), WHEN(not_known_done), SKALD_STAYS, DO(know_again), "a late success: undone once more after this"},
    {TRYING_TO_UNDO, ON(FAILED), WHEN(not_known_done), SKALD_STAYS, DO(again), "a late failure, maybe done after its undo: undone once more after this"},
    {IN(UNDO_SKIPPED), ON(DONE), WHEN(not_known_done), TO(UNDO_HANDED_OVER), DO(owe_again), "a late success of what a person let be: a person decides"},

    /* The saga turns back. */
    {IN(ASKING), ON(TURN_BACK), ALWAYS, TO(PENDING), NOTHING, "it had not begun"},
    {IN(WAITING) | IN(SLEEPING), ON(TURN_BACK), ALWAYS, TO(NOT_DONE), NOTHING, "nobody waits any more"},
    {IN(RESTING) | IN(HANDED_OVER), ON(TURN_BACK), WHEN(in_doubt), TO(IN_DOUBT), NOTHING, "it may be done"},
    {IN(RESTING) | IN(HANDED_OVER), ON(TURN_BACK), ALWAYS, TO(NOT_DONE), NOTHING, "it is not done"},
    {IN(RUNNING), ON(TURN_BACK), WHEN(is_child), SKALD_STAYS, DO(call_back), "the child is cancelled and awaited"},
    {IN(RUNNING), ON(TURN_BACK), WHEN(is_group), SKALD_STAYS, NOTHING, "what is in the group is told"},
    {IN(RUNNING), ON(TURN_BACK), ALWAYS, SKALD_STAYS, NOTHING, "it is under way: awaited, then undone"},

    /* Undoing. */
    {IN(DONE) | IN(PASSED) | IN(IN_DOUBT), ON(UNDO), WHEN(undo_event_came), TO(UNDONE), DO(undo_come_early), "the event its undo waits for had come"},
    {IN(DONE) | IN(PASSED) | IN(IN_DOUBT), ON(UNDO), WHEN(rounds_used_up), TO(UNDO_HANDED_OVER), NOTHING, "all its rounds are used up: a person decides"},
    {IN(DONE) | IN(PASSED) | IN(IN_DOUBT), ON(UNDO), ALWAYS, TO(UNDOING), DO(undo_begin), "the last that was done and is not undone"},
    {TRYING_TO_UNDO, ON(UNDO_DONE) | ON(UNDO_SIGNAL), WHEN(is_undone_again_in_vain), TO(UNDO_HANDED_OVER), NOTHING, "undone, maybe too early, and all its rounds are used up: a person decides"},
    {TRYING_TO_UNDO, ON(UNDO_DONE) | ON(UNDO_SIGNAL), WHEN(is_undone_again), TO(UNDOING), DO(undo_begin), "the undo may have come before its action: undone again"},
    {TRYING_TO_UNDO, ON(UNDO_DONE) | ON(UNDO_SIGNAL), ALWAYS, TO(UNDONE), DO(undo_finish), "it is undone"},
    {TRYING_TO_UNDO, ON(CHILD_BACK), WHEN(undo_takes_back), TO(UNDONE), DO(undo_come_back), "the child was compensated"},
    {IN(UNDO_SKIPPED), ON(UNDO_DONE), ALWAYS, TO(UNDONE), DO(undo_finish), "it is undone after all"},
    {BEFORE_UNDO, ON(UNDO_SIGNAL), WHEN(can_keep_undo_event), SKALD_STAYS, DO(undo_keep), "the event its undo waits for came early and is kept"},
    {IN(UNDOING), ON(DUE), WHEN(undo_sleeps), TO(UNDONE), NOTHING, "it has slept"},
    {IN(UNDOING), ON(UNDO_REFUSED), ALWAYS, TO(UNDO_HANDED_OVER), NOTHING, "an undo cannot be refused: a person decides"},
    {IN(UNDOING), ON(DUE), WHEN(attempts_left), TO(UNDO_RESTING), DO(undo_rest), "no answer in time: undone again after a rest"},
    {IN(UNDOING), ON(UNDO_FAILED), WHEN(attempts_left), TO(UNDO_RESTING), DO(undo_rest), "tried again after a rest"},
    {IN(UNDOING), ON(DUE) | ON(UNDO_FAILED), ALWAYS, TO(UNDO_HANDED_OVER), DO(undo_abandon), "the undo's attempts are used up: a person decides"},
    {IN(UNDO_RESTING), ON(DUE), ALWAYS, TO(UNDOING), DO(undo_attempt), "rested: undone again"},

    /* A person asks. */
    {TRYING | IN(HANDED_OVER) | TRYING_TO_UNDO, RETRIES, WHEN(rounds_used_up), SKALD_STAYS, DO(step_refuse), "all its rounds are used up: skip it or resolve it by hand"},
    {IN(HANDED_OVER), RETRIES, WHEN(waits), TO(WAITING), DO(wait), "a person lets it wait again"},
    {IN(HANDED_OVER) | IN(RESTING), ON(RETRY_NEW_INPUT), WHEN(in_doubt), SKALD_STAYS, DO(step_refuse), "it may be done with the old input; resolve it by hand first"},
    {IN(HANDED_OVER) | IN(RESTING), ON(RETRY_NEW_INPUT), ALWAYS, TO(RUNNING), DO(begin), "a person tries it again with new input"},
    {IN(HANDED_OVER), ON(RETRY), ALWAYS, TO(RUNNING), DO(retry), "a person tries it again"},
    {IN(RESTING), ON(RETRY), ALWAYS, TO(RUNNING), DO(attempt), "a person tries it again at once"},
    {IN(HANDED_OVER) | IN(RESTING) | IN(WAITING) | IN(SLEEPING), ON(SKIP), ALWAYS, TO(PASSED), NOTHING, "a person goes on without it"},
    {IN(HANDED_OVER) | IN(RESTING) | IN(WAITING), ON(RESOLVE_DONE), ALWAYS, TO(DONE), DO(finish), "a person has seen that it is done"},
    {IN(HANDED_OVER) | IN(RESTING), ON(RESOLVE_NOT_DONE), ALWAYS, TO(HANDED_OVER), DO(clear), "it is not done: a person tries again, with new input or not, skips it or turns back"},
    {IN(UNDO_HANDED_OVER), ON(RETRY), WHEN(undo_was_refused), TO(UNDOING), DO(undo_begin), "a person has it undone anew"},
    {IN(UNDO_HANDED_OVER) | IN(UNDO_RESTING), ON(RETRY_NEW_INPUT), ALWAYS, TO(UNDOING), DO(undo_begin), "a person has it undone with new input"},
    {IN(UNDO_HANDED_OVER) | IN(UNDO_RESTING), ON(RETRY), ALWAYS, TO(UNDOING), DO(undo_retry), "a person has it undone again"},
    {IN(UNDO_HANDED_OVER) | IN(UNDO_RESTING), ON(SKIP), WHEN(rewinding), SKALD_STAYS, DO(step_refuse), "it is undone to be done again, and may stand or not: retry, resolve it by hand, or turn back for good"},
    {IN(UNDO_HANDED_OVER) | IN(UNDO_RESTING), ON(SKIP), ALWAYS, TO(UNDO_SKIPPED), NOTHING, "a person lets it be"},
    {IN(UNDO_HANDED_OVER) | IN(UNDO_RESTING), ON(RESOLVE_DONE), ALWAYS, TO(UNDONE), NOTHING, "a person has undone it by hand"},

    /* Undone down to a step, and on from there. */
    {IN(DONE), ON(REWIND), WHEN(waits), SKALD_STAYS, NOTHING, "its event came and is not awaited twice"},
    {UINT32_MAX, ON(REWIND), ALWAYS, TO(PENDING), DO(reset), "a person goes on from an earlier step"},
};
/* clang-format on */

const size_t skald_transition_count = sizeof skald_transitions / sizeof *skald_transitions;

const skald_transition *skald_transition_find(const skald_machine *machine, uint8_t step,
                                              skald_step_input input)
{
    const uint32_t from = 1u << machine->saga->steps[step].state;
    for (size_t i = 0; i < skald_transition_count; i++) {
        const skald_transition *row = &skald_transitions[i];
        if ((row->from & from) != 0 && (row->on & (1u << input)) != 0 &&
            (row->when == NULL || row->when->holds(machine, step)))
            return row;
    }
    return NULL;
}
