/* The saga machine: an event comes in, the saga changes, and actions come out. Pure: the caller
 * brings the time, the randomness and every answer of user code; the same plan, saga and event give
 * the same saga and the same actions. Nothing of the user's is ever called.
 *
 * The caller writes the saga and carries out the actions in one transaction, in their order. What
 * it has to keep:
 *
 *   - RUN_LOCAL and ASK are carried out in that transaction and answered by the next event of the
 *     same transaction. Everything else becomes a row, and may be carried out twice: its operation
 *     names it, and is the key that others see.
 *   - Conditions are asked by an action and answered by an event, and not called, because the state
 *     that they look at is changed by the actions before them, and because a recorded history can
 * so be decided again without user code.
 *   - A timeout never means "not done". A run that was begun and answered neither done nor refused
 *     is in doubt, and is undone on the way back.
 *   - What undoes carries the key of the run that it undoes (`undoes`) and says done when there is
 *     nothing to undo. Each round has a new key, because a provider answers an old key as before.
 *   - What became of an activity's attempt is always told, also after ABANDON, and also a failure:
 *     when it is told after its undo has begun, the undo is called once more. A command that is
 * undone by a command to the same participant needs no such telling: there a fence refuses a run
 * that comes after its undo.
 *   - A child is stopped by CANCEL, which a completed one refuses, and undone by TAKE_BACK, which a
 *     completed one obeys. A child that has not been started yet remembers both.
 *   - An ended saga can be open again (GO_ON): a late success is owed its undo, or its parent takes
 *     it back. Its row is kept for as long as an answer can be on its way. */
#ifndef SKALD_SAGAS_MACHINE_H
#define SKALD_SAGAS_MACHINE_H

#include "plan.h"

/* Which way a step is being taken. */
typedef enum skald_direction {
    SKALD_RUN,
    SKALD_UNDO,
} skald_direction;

/* One thing that is to be done once, however many attempts it takes. A new round is a new thing: it
 * begins only when it is known what became of the one before. */
typedef struct skald_operation {
    uint8_t step;
    uint8_t direction; /* skald_direction */
    uint8_t round;     /* 1, 2, ... */
} skald_operation;

/* The states of a step. One list for code and words; the numbers are stored: append. */
#define SKALD_STEP_STATE_LIST(X)                                                                   \
    X(PENDING, 0, "pending") /* its turn has not come */                                           \
    X(ASKING, 1, "asking")   /* is it needed? */                                                   \
    X(RUNNING, 2, "running") /* an attempt is under way; of a group: entered */                    \
    X(WAITING, 3, "waiting") /* for its event */                                                   \
    X(SLEEPING, 4, "sleeping")                                                                     \
    X(RESTING, 5, "resting")         /* between two attempts */                                    \
    X(HANDED_OVER, 6, "handed-over") /* a person's task */                                         \
    X(DONE, 7, "done")                                                                             \
    X(NOT_NEEDED, 8, "not-needed") /* its condition does not hold */                               \
    X(PASSED, 9, "passed")         /* gone on without it, by a person or after a timeout */        \
    X(NOT_DONE, 10, "not-done")    /* for certain; there is nothing to undo */                     \
    X(IN_DOUBT, 11, "in-doubt")    /* given up; it may be done, so it is undone */                 \
    X(UNDOING, 12, "undoing")                                                                      \
    X(UNDO_RESTING, 13, "undo-resting")                                                            \
    X(UNDO_HANDED_OVER, 14, "undo-handed-over")                                                    \
    X(UNDONE, 15, "undone")                                                                        \
    X(UNDO_SKIPPED, 16, "undo-skipped") /* a person lets it be */

typedef enum skald_step_state {
#define SKALD_STEP_STATE_ENUM(name, number, words) SKALD_STEP_##name = number,
    SKALD_STEP_STATE_LIST(SKALD_STEP_STATE_ENUM)
#undef SKALD_STEP_STATE_ENUM
        SKALD_STEP_STATE_COUNT
} skald_step_state;

#define SKALD_SAGA_PHASE_LIST(X)                                                                   \
    X(NEW, 0, "new")                                                                               \
    X(RUNNING, 1, "running")                                                                       \
    X(COMPENSATING, 2, "compensating")                                                             \
    X(COMPLETED, 3, "completed")                                                                   \
    X(COMPENSATED, 4, "compensated")

typedef enum skald_saga_phase {
#define SKALD_SAGA_PHASE_ENUM(name, number, words) SKALD_SAGA_##name = number,
    SKALD_SAGA_PHASE_LIST(SKALD_SAGA_PHASE_ENUM)
#undef SKALD_SAGA_PHASE_ENUM
        SKALD_SAGA_PHASE_COUNT
} skald_saga_phase;

/* What is remembered of a step beside its state. The bits are stored: append. */
enum {
    SKALD_STEP_DOUBT = 1,        /* an attempt may have been done without our hearing of it */
    SKALD_STEP_KNOWN = 2,        /* it is known to be done */
    SKALD_STEP_AGAIN = 4,        /* heard of after its undo began: it is undone once more */
    SKALD_STEP_EARLY = 8,        /* the event that its run waits for has come */
    SKALD_STEP_UNDO_EARLY = 16,  /* the event that its undo waits for has come */
    SKALD_STEP_NEEDED = 32,      /* its condition was asked and holds */
    SKALD_STEP_CALLED_BACK = 64, /* its child was cancelled */
    SKALD_STEP_CAME_BACK = 128   /* its child has ended compensated, and stays so */
};

typedef struct skald_saga_step {
    uint8_t state;      /* skald_step_state */
    uint8_t flags;      /* SKALD_STEP_DOUBT ... */
    uint8_t run_round;  /* 0: never begun */
    uint8_t undo_round; /* 0: never begun */
    uint8_t cause;      /* skald_step_input that led to the state */
    uint16_t attempts;  /* of the operation under way */
    uint32_t order;     /* the how manyth it was done; 0: not yet */
    int64_t due_ms;     /* when it has something to do without being told; 0: never */
    int64_t since_ms;   /* the first attempt of the operation under way */
} skald_saga_step;

enum {
    SKALD_SAGA_TURN_ASKED = 1,     /* to turn back, while the pivot is in the balance */
    SKALD_SAGA_DEADLINE_PASSED = 2 /* and was dealt with */
};

/* A saga at rest. All of it is stored; skald_saga_encode writes it as bytes. */
typedef struct skald_saga {
    uint64_t fingerprint; /* of the plan it runs on */
    uint8_t phase;        /* skald_saga_phase */
    uint8_t flags;        /* SKALD_SAGA_TURN_ASKED ... */
    uint8_t cause;        /* skald_saga_input that led to the phase */
    uint8_t step_count;
    uint8_t rewind_to;  /* the step to go on from once those behind it are undone, or
                           SKALD_STEP_NONE */
    uint32_t order;     /* how many steps were done so far */
    int64_t started_ms; /* all times: milliseconds since 1970 by one clock */
    int64_t last_ms;    /* the latest time seen; time never goes back for a saga */
    int64_t due_ms;     /* when to bring a TICK; 0: never */
    skald_saga_step steps[SKALD_STEPS_MAX];
} skald_saga;

#define SKALD_SAGA_EVENT_LIST(X)                                                                   \
    X(STARTED, "started")                                                                          \
    X(TICK, "tick")       /* time has passed */                                                    \
    X(DONE, "done")       /* an operation's answer: by a reply, a job, a local step */             \
    X(REFUSED, "refused") /* business says no */                                                   \
    X(FAILED, "failed")   /* technical: try again */                                               \
    X(NEEDED, "needed")   /* the answer to ASK: the condition holds */                             \
    X(NOT_NEEDED, "not-needed")                                                                    \
    X(SIGNAL, "signal") /* an event or signal with a name */                                       \
    X(CHILD_COMPLETED, "child-completed")                                                          \
    X(CHILD_COMPENSATED, "child-compensated")                                                      \
    X(CANCEL, "cancel")                                                                            \
    X(TAKE_BACK, "take-back") /* the parent wants its child undone, even when completed */         \
    X(RETRY, "retry")         /* a person: try this step again, now */                             \
    X(RETRY_NEW_INPUT, "retry-new-input")                                                          \
    X(RETRY_FROM, "retry-from") /* undo what lies behind this step and go on from it */            \
    X(SKIP, "skip")                                                                                \
    X(RESOLVE_DONE, "resolve-done") /* a person has seen that it is done (or undone) */            \
    X(RESOLVE_NOT_DONE, "resolve-not-done")                                                        \
    X(COMPENSATE, "compensate") /* a person: turn back now */

typedef enum skald_saga_event_kind {
#define SKALD_SAGA_EVENT_ENUM(name, words) SKALD_EVENT_##name,
    SKALD_SAGA_EVENT_LIST(SKALD_SAGA_EVENT_ENUM)
#undef SKALD_SAGA_EVENT_ENUM
        SKALD_EVENT_COUNT
} skald_saga_event_kind;

typedef struct skald_saga_event {
    skald_saga_event_kind kind;
    int64_t time_ms;
    uint64_t random;           /* any 64 bits, for the jitter of a retry */
    skald_operation operation; /* of an answer and a child's end; of the others only `step` counts.
                                  A step that the plan does not have is an unknown one */
    const char *name;          /* of a signal */
} skald_saga_event;

#define SKALD_SAGA_ACTION_LIST(X)                                                                  \
    X(RUN_LOCAL, "run local") /* now, in this transaction; answer with an event */                 \
    X(ASK, "ask condition")   /* now; answer NEEDED or NOT_NEEDED */                               \
    X(RUN_ACTIVITY, "run activity")                                                                \
    X(SEND_COMMAND, "send command")                                                                \
    X(START_CHILD, "start child")                                                                  \
    X(CANCEL_CHILD, "cancel child")       /* bring it CANCEL; it ends completed or compensated */  \
    X(TAKE_BACK_CHILD, "take back child") /* bring it TAKE_BACK; when it refuses that, bring us    \
                                             REFUSED for the undo's operation */                   \
    X(ABANDON, "abandon activity")  /* its attempt is out of time and unwanted; what came of it    \
                                         is told all the same, be it a failure */                  \
    X(ACCEPT, "accept")             /* the message in hand counts: take it into the state */       \
    X(KEEP, "keep")                 /* the signal in hand is for this step, later */               \
    X(ACCEPT_KEPT, "accept kept")   /* the signal kept for this step counts now */                 \
    X(SET_DUE, "set due")           /* `due_ms` has changed; 0: none */                            \
    X(HAND_OVER, "hand over")       /* a person's task begins, for the reason in `why` */          \
    X(WITHDRAW, "withdraw")         /* a person's task is no more */                               \
    X(END, "end")                   /* `outcome` is reached; tell the parent */                    \
    X(GO_ON, "go on")               /* an ended saga is open again: something is owed */           \
    X(RECORD_STALE, "record stale") /* the event changes nothing; count it */                      \
    X(REFUSE_REQUEST, "refuse request") /* what was asked cannot be; tell who asked, in `why` */

typedef enum skald_saga_action_kind {
#define SKALD_SAGA_ACTION_ENUM(name, words) SKALD_ACTION_##name,
    SKALD_SAGA_ACTION_LIST(SKALD_SAGA_ACTION_ENUM)
#undef SKALD_SAGA_ACTION_ENUM
        SKALD_ACTION_COUNT
} skald_saga_action_kind;

typedef struct skald_saga_action {
    skald_saga_action_kind kind;
    skald_operation operation; /* step SKALD_STEP_NONE: of the saga as a whole */
    skald_operation undoes;    /* of what undoes: the run whose key its message carries */
    uint16_t attempt;          /* of what is carried out: 1, 2, ... */
    bool verify;               /* of an activity: an earlier attempt may be done; ask first */
    skald_saga_phase outcome;  /* of END */
    int64_t due_ms;            /* of SET_DUE; of an attempt: when its time is over, 0 none */
    const char *why;           /* constant text, or NULL */
} skald_saga_action;

/* One change, for the transcript: which row of the table was taken by which step. */
typedef struct skald_saga_change {
    uint8_t step; /* SKALD_STEP_NONE: the saga */
    uint8_t from;
    uint8_t to;
    uint8_t input; /* skald_step_input or skald_saga_input */
    uint16_t row;  /* of skald_transitions or skald_saga_transitions */
} skald_saga_change;

enum {
    SKALD_SAGA_ACTIONS_MAX = 6 * SKALD_STEPS_MAX,
    SKALD_SAGA_CHANGES_MAX = 6 * SKALD_STEPS_MAX,
};

typedef struct skald_saga_decision {
    size_t action_count;
    size_t change_count;
    skald_saga_action actions[SKALD_SAGA_ACTIONS_MAX];
    skald_saga_change changes[SKALD_SAGA_CHANGES_MAX];
} skald_saga_decision;

/* A saga that has not been started. */
void skald_saga_init(skald_saga *saga, const skald_plan *plan);

/* Changes `saga` and fills `decision`. The saga runs on this plan (same fingerprint); a caller who
 * finds another one lets the saga be and calls a person. */
void skald_machine_step(const skald_plan *plan, skald_saga *saga, const skald_saga_event *event,
                        skald_saga_decision *decision);

#endif
