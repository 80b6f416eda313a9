/* The tree of steps in one row: every group stands before what is in it. */
#include "plan.h"

#include <assert.h>
#include <string.h>

enum { TIMEOUT_MS_DEFAULT = 60 * 1000 };

static const char RETRY_DEFAULT[] = "50ms..30s, 10 times";
static const char OWED_RETRY_DEFAULT[] = "1s..1h for 72h";

size_t skald_work_kinds_set(const skald_work *work)
{
    return (work->local != NULL ? 1u : 0u) + (work->activity != NULL ? 1u : 0u) +
           (work->command != NULL ? 1u : 0u) + (work->wait_for != NULL ? 1u : 0u) +
           (work->sleep_ms > 0 ? 1u : 0u) + (work->child != NULL ? 1u : 0u) +
           (work->parallel.list != NULL ? 1u : 0u) + (work->sequence.list != NULL ? 1u : 0u);
}

skald_work_kind skald_work_kind_of(const skald_work *work)
{
    if (work->local != NULL)
        return SKALD_WORK_LOCAL;
    if (work->activity != NULL)
        return SKALD_WORK_ACTIVITY;
    if (work->command != NULL)
        return SKALD_WORK_COMMAND;
    if (work->wait_for != NULL)
        return SKALD_WORK_WAIT;
    if (work->sleep_ms > 0)
        return SKALD_WORK_SLEEP;
    if (work->child != NULL)
        return SKALD_WORK_CHILD;
    if (work->parallel.list != NULL)
        return SKALD_WORK_PARALLEL;
    return work->sequence.list != NULL ? SKALD_WORK_SEQUENCE : SKALD_WORK_NONE;
}

/* A pivot stands on the top level, so no group has to be looked into. */
bool skald_definition_has_pivot(const skald_definition *definition)
{
    for (size_t i = 0; i < definition->steps.count; i++) {
        if (definition->steps.list[i].pivot)
            return true;
    }
    return false;
}

static skald_timeout_meaning meaning_of(const skald_work *work, skald_work_kind kind)
{
    if (work->on_timeout != SKALD_TIMEOUT_DEFAULT)
        return work->on_timeout;
    const bool patient = kind == SKALD_WORK_WAIT || kind == SKALD_WORK_CHILD;
    return patient ? SKALD_TIMEOUT_COMPENSATES : SKALD_TIMEOUT_RETRIES;
}

/* The definition has no mistakes, so the schedule has none. */
static skald_retry retry_of(const skald_work *work, bool owed)
{
    skald_retry retry = {0};
    const char *words = work->retry != NULL ? work->retry
                        : owed              ? OWED_RETRY_DEFAULT
                                            : RETRY_DEFAULT;
    const skald_status status = skald_retry_parse(&retry, words, NULL);
    assert(status == SKALD_OK);
    return retry;
}

static skald_plan_work work_plan(const skald_work *work, bool owed)
{
    const skald_work_kind kind = skald_work_kind_of(work);
    const bool needs_timeout = kind != SKALD_WORK_CHILD && kind != SKALD_WORK_SLEEP;
    return (skald_plan_work){
        .kind = kind,
        .meaning = meaning_of(work, kind),
        .timeout_ms = kind == SKALD_WORK_SLEEP                 ? work->sleep_ms
                      : work->timeout_ms == 0 && needs_timeout ? TIMEOUT_MS_DEFAULT
                                                               : work->timeout_ms,
        .retry = retry_of(work, owed),
    };
}

static skald_plan_work undo_plan(const skald_step *step)
{
    skald_plan_work undo = work_plan(&step->undo, true);
    const bool by_itself = step->run.child != NULL && undo.kind == SKALD_WORK_NONE && !step->pivot;
    if (by_itself && !skald_definition_has_pivot(step->run.child))
        undo.kind = SKALD_WORK_TAKE_BACK;
    if (undo.kind == SKALD_WORK_TAKE_BACK)
        undo.timeout_ms = 0;
    return undo;
}

static void steps_add(skald_plan *plan, skald_steps steps, uint8_t parent, uint8_t depth);

static void step_add(skald_plan *plan, const skald_step *step, uint8_t parent, uint8_t depth)
{
    assert(plan->step_count < SKALD_STEPS_MAX);
    const uint8_t at = plan->step_count++;
    const bool after_pivot = plan->pivot != SKALD_STEP_NONE;
    plan->steps[at] = (skald_plan_step){
        .step = step,
        .run = work_plan(&step->run, after_pivot),
        .undo = undo_plan(step),
        .parent = parent,
        .depth = depth,
        .after_pivot = after_pivot,
    };
    if (skald_work_is_group(plan->steps[at].run.kind))
        steps_add(plan, *skald_work_members(&step->run), at, (uint8_t)(depth + 1));
    plan->steps[at].end = plan->step_count;
    if (step->pivot)
        plan->pivot = at;
}

static void steps_add(skald_plan *plan, skald_steps steps, uint8_t parent, uint8_t depth)
{
    assert(depth <= SKALD_STEPS_NESTING_MAX);
    for (size_t i = 0; i < steps.count; i++)
        step_add(plan, &steps.list[i], parent, depth);
}

void skald_plan_make(skald_plan *plan, const skald_definition *definition)
{
    plan->definition = definition;
    plan->fingerprint = skald_definition_fingerprint(definition);
    plan->step_count = 0;
    plan->pivot = SKALD_STEP_NONE;
    steps_add(plan, definition->steps, SKALD_STEP_NONE, 0);
}

uint8_t skald_plan_find(const skald_plan *plan, const char *name, size_t name_size)
{
    for (uint8_t i = 0; i < plan->step_count; i++) {
        const char *known = plan->steps[i].step->name;
        if (strlen(known) == name_size && memcmp(known, name, name_size) == 0)
            return i;
    }
    return SKALD_STEP_NONE;
}
