/* A definition made ready for the machine: its steps in one row, with every default filled in. Made
 * once, when the definition is registered; it borrows the definition. */
#ifndef SKALD_SAGAS_PLAN_H
#define SKALD_SAGAS_PLAN_H

#include <skald/saga.h>

typedef enum skald_work_kind {
    SKALD_WORK_NONE,
    SKALD_WORK_LOCAL,
    SKALD_WORK_ACTIVITY,
    SKALD_WORK_COMMAND,
    SKALD_WORK_WAIT,
    SKALD_WORK_SLEEP,
    SKALD_WORK_CHILD,
    SKALD_WORK_TAKE_BACK, /* undoes a child by its own compensation */
    SKALD_WORK_PARALLEL,
    SKALD_WORK_SEQUENCE,
} skald_work_kind;

enum { SKALD_STEP_NONE = 255 }; /* no step */

typedef struct skald_plan_work {
    skald_work_kind kind;
    skald_timeout_meaning meaning;
    uint64_t timeout_ms; /* 0: none, only for a child */
    skald_retry retry;   /* attempts_max 0: any number */
} skald_plan_work;

typedef struct skald_plan_step {
    const skald_step *step;
    skald_plan_work run;
    skald_plan_work undo;
    uint8_t parent; /* the group it is in, or SKALD_STEP_NONE */
    uint8_t depth;
    uint8_t end; /* one behind its last descendant */
    bool after_pivot;
} skald_plan_step;

typedef struct skald_plan {
    const skald_definition *definition;
    uint64_t fingerprint;
    uint8_t step_count;
    uint8_t pivot; /* or SKALD_STEP_NONE */
    skald_plan_step steps[SKALD_STEPS_MAX];
} skald_plan;

/* The definition has no mistakes (skald_definition_check) and outlives the plan. */
void skald_plan_make(skald_plan *plan, const skald_definition *definition);

/* Which step has this name, or SKALD_STEP_NONE. */
uint8_t skald_plan_find(const skald_plan *plan, const char *name, size_t name_size);

/* Of which kind is this? SKALD_WORK_NONE when no field says. */
skald_work_kind skald_work_kind_of(const skald_work *work);

/* How many of the fields that say the kind are set; 1 is right for a run. */
size_t skald_work_kinds_set(const skald_work *work);

bool skald_definition_has_pivot(const skald_definition *definition);

static inline bool skald_work_is_group(skald_work_kind kind)
{
    return kind == SKALD_WORK_PARALLEL || kind == SKALD_WORK_SEQUENCE;
}

static inline const skald_steps *skald_work_members(const skald_work *work)
{
    return work->parallel.count > 0 ? &work->parallel : &work->sequence;
}

#endif
