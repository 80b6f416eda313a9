/* What a row of the table may ask before it counts: each with the words that the diagram prints. */
#ifndef SKALD_SAGAS_GUARDS_H
#define SKALD_SAGAS_GUARDS_H

#include "transitions.h"

/* Of a step. */
#define SKALD_STEP_GUARD_LIST(X)                                                                   \
    X(has_condition, "has a condition not yet asked")                                              \
    X(event_came, "its event has come")                                                            \
    X(waits, "waits for an event")                                                                 \
    X(sleeps, "sleeps")                                                                            \
    X(is_group, "is a group")                                                                      \
    X(is_local, "is local")                                                                        \
    X(is_child, "is a child")                                                                      \
    X(child_is_patient, "is a child that is waited on")                                            \
    X(child_is_called_back, "is a child, and a timeout turns back")                                \
    X(local_turning_back, "is local, and the saga turns back")                                     \
    X(turning_back, "the saga turns back")                                                         \
    X(after_pivot, "after the pivot")                                                              \
    X(in_doubt, "may be done")                                                                     \
    X(not_known_done, "not known to be done before")                                               \
    X(attempts_left, "attempts are left")                                                          \
    X(timeout_continues, "a timeout goes on")                                                      \
    X(timeout_compensates, "a timeout turns back")                                                 \
    X(timeout_compensates_pivot, "the pivot in doubt, and a timeout turns back")                   \
    X(wait_goes_on, "a timeout waits on and attempts are left")                                    \
    X(person_gives_up, "after the pivot, or the pivot in doubt, or a person is to decide")         \
    X(person_is_refused, "after the pivot, or the pivot in doubt")                                 \
    X(can_keep_event, "the saga goes on and none is kept")                                         \
    X(can_keep_undo_event, "the saga goes on and none is kept for the undo")                       \
    X(undo_event_came, "the event its undo waits for has come")                                    \
    X(undo_sleeps, "its undo sleeps")                                                              \
    X(undo_takes_back, "its undo takes the child back")                                            \
    X(is_undone_again, "it was heard of after its undo began")                                     \
    X(is_undone_again_in_vain, "it was heard of after its undo began, all rounds are used up")     \
    X(undo_was_refused, "its undo was refused")                                                    \
    X(rounds_used_up, "all rounds are used up")

/* Of the saga. */
#define SKALD_SAGA_GUARD_LIST(X)                                                                   \
    X(pivot_in_balance, "the pivot is under way or in doubt")                                      \
    X(pivot_behind, "the pivot is done")                                                           \
    X(rewinding, "it is undone only down to a step")                                               \
    X(rewind_is_no_step, "no step of the top level")                                               \
    X(rewind_not_begun, "the step has not begun")                                                  \
    X(rewind_has_no_undo, "something behind the step is done and has no undo")                     \
    X(rewind_in_doubt, "something behind the step is under way or in doubt")

#define SKALD_GUARD_EXTERN(name, words) extern const skald_guard skald_guard_##name;
SKALD_STEP_GUARD_LIST(SKALD_GUARD_EXTERN)
SKALD_SAGA_GUARD_LIST(SKALD_GUARD_EXTERN)
#undef SKALD_GUARD_EXTERN

#endif
