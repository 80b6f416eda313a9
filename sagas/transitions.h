/* Everything a step and a saga can go through, as two tables of rows. A row says: in one of these
 * states, when this comes in and this holds, do that and be in this state, because. The first row
 * that fits counts. Nothing else in the machine changes the state of a step or the phase of a saga.
 */
#ifndef SKALD_SAGAS_TRANSITIONS_H
#define SKALD_SAGAS_TRANSITIONS_H

#include "machine.h"

/* What comes in at a step. The numbers are stored as a cause: append. */
#define SKALD_STEP_INPUT_LIST(X)                                                                   \
    X(NONE, 0, "")                                                                                 \
    X(REACH, 1, "reached") /* its turn has come */                                                 \
    X(NEEDED, 2, "needed")                                                                         \
    X(NOT_NEEDED, 3, "not needed")                                                                 \
    X(FINISH, 4, "finished") /* of a group: all that is in it */                                   \
    X(DONE, 5, "done")                                                                             \
    X(REFUSED, 6, "refused")                                                                       \
    X(FAILED, 7, "failed")                                                                         \
    X(DUE, 8, "due") /* its time has come, or is over */                                           \
    X(SIGNAL, 9, "signal")                                                                         \
    X(CHILD_BACK, 10, "child compensated")                                                         \
    X(TURN_BACK, 11, "turn back")                                                                  \
    X(UNDO, 12, "undo") /* its turn to be undone has come */                                       \
    X(UNDO_DONE, 13, "undo done")                                                                  \
    X(UNDO_REFUSED, 14, "undo refused")                                                            \
    X(UNDO_FAILED, 15, "undo failed")                                                              \
    X(REWIND, 16, "rewind")                                                                        \
    X(RETRY, 17, "retry")                                                                          \
    X(RETRY_NEW_INPUT, 18, "retry with new input")                                                 \
    X(SKIP, 19, "skip")                                                                            \
    X(RESOLVE_DONE, 20, "resolved as done")                                                        \
    X(RESOLVE_NOT_DONE, 21, "resolved as not done")                                                \
    X(UNDO_SIGNAL, 22, "signal for the undo")

typedef enum skald_step_input {
#define SKALD_STEP_INPUT_ENUM(name, number, words) SKALD_INPUT_##name = number,
    SKALD_STEP_INPUT_LIST(SKALD_STEP_INPUT_ENUM)
#undef SKALD_STEP_INPUT_ENUM
        SKALD_INPUT_COUNT
} skald_step_input;

/* What comes in at the saga as a whole. The numbers are stored as a cause: append. */
#define SKALD_SAGA_INPUT_LIST(X)                                                                   \
    X(NONE, 0, "")                                                                                 \
    X(STARTED, 1, "started")                                                                       \
    X(ALL_DONE, 2, "all done")                                                                     \
    X(REFUSAL, 3, "refusal")   /* a step was refused */                                            \
    X(GIVEN_UP, 4, "given up") /* a step has used up its attempts or its time */                   \
    X(CANCEL, 5, "cancel")                                                                         \
    X(DEADLINE, 6, "deadline")                                                                     \
    X(TAKE_BACK, 7, "take back")                                                                   \
    X(COMPENSATE, 8, "compensate")                                                                 \
    X(PIVOT_DONE, 9, "pivot done")                                                                 \
    X(ALL_UNDONE, 10, "all undone")                                                                \
    X(OWED_AGAIN, 11, "owed again") /* a late success */                                           \
    X(RETRY_FROM, 12, "retry from")

typedef enum skald_saga_input {
#define SKALD_SAGA_INPUT_ENUM(name, number, words) SKALD_SAGA_INPUT_##name = number,
    SKALD_SAGA_INPUT_LIST(SKALD_SAGA_INPUT_ENUM)
#undef SKALD_SAGA_INPUT_ENUM
        SKALD_SAGA_INPUT_COUNT
} skald_saga_input;

/* What one call of the machine works on. */
typedef struct skald_machine {
    const skald_plan *plan;
    skald_saga *saga;
    const skald_saga_event *event;
    skald_saga_decision *decision;
    bool stale; /* nothing in the saga wanted the event */
} skald_machine;

typedef struct skald_guard {
    bool (*holds)(const skald_machine *machine, uint8_t step);
    const char *words;
} skald_guard;

typedef void skald_effect(skald_machine *machine, uint8_t step, const char *why);

typedef struct skald_transition {
    uint32_t from;           /* a bit per state or phase */
    uint32_t on;             /* a bit per input */
    const skald_guard *when; /* NULL: always */
    uint8_t to;              /* a state or phase, or SKALD_STAYS */
    skald_effect *effect;    /* NULL: none */
    const char *why;
} skald_transition;

enum { SKALD_STAYS = 255 };

extern const skald_transition skald_transitions[];
extern const size_t skald_transition_count;
extern const skald_transition skald_saga_transitions[];
extern const size_t skald_saga_transition_count;

/* The row that fits, or NULL. */
const skald_transition *skald_transition_find(const skald_machine *machine, uint8_t step,
                                              skald_step_input input);
const skald_transition *skald_saga_transition_find(const skald_machine *machine, uint8_t step,
                                                   skald_saga_input input);

#endif
