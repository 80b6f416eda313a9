/* What can move a saga? A saga that has not ended always has a future; one without is a bug. */
#ifndef SKALD_SAGAS_SAGA_FUTURE_H
#define SKALD_SAGAS_SAGA_FUTURE_H

#include "machine.h"

typedef enum skald_future_kind {
    SKALD_FUTURE_NOTHING, /* a bug: nothing will ever move it */
    SKALD_FUTURE_ENDED,   /* nothing needs to */
    SKALD_FUTURE_START,   /* it has not been started */
    SKALD_FUTURE_TIME,    /* at `due_ms` it goes on by itself */
    SKALD_FUTURE_MESSAGE, /* `step` awaits an answer or an event, until `due_ms` */
    SKALD_FUTURE_CHILD,   /* `step` awaits the end of a child, which has a future of its own */
    SKALD_FUTURE_PERSON,  /* nothing but a person moves it: `step` is the task */
} skald_future_kind;

typedef struct skald_saga_future {
    skald_future_kind kind;
    uint8_t step;       /* the one to name first, or SKALD_STEP_NONE */
    uint8_t task_count; /* steps that wait for a person, also while others go on */
    int64_t due_ms;     /* 0: none */
} skald_saga_future;

skald_saga_future skald_saga_future_of(const skald_plan *plan, const skald_saga *saga);

/* The same in words: "charge-card awaits its answer until 12:00:33.000". Cut to `size` and ended by
 * NUL; returns the length of the whole. */
size_t skald_saga_future_words(const skald_plan *plan, const skald_saga *saga, char *out,
                               size_t size);

/* Is the step done, or maybe, and its undo due and not over, should the saga turn back? */
bool skald_saga_owes(const skald_plan *plan, const skald_saga *saga, uint8_t step);

typedef enum skald_saga_outcome {
    SKALD_OUTCOME_OPEN, /* under way */
    SKALD_OUTCOME_COMPLETED,
    SKALD_OUTCOME_COMPENSATED,
    SKALD_OUTCOME_PERSON, /* not final: in a person's hands */
} skald_saga_outcome;

skald_saga_outcome skald_saga_outcome_of(const skald_plan *plan, const skald_saga *saga);

#endif
