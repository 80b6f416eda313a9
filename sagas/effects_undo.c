/* The effects of rows on steps that are undone. */
#include "effects.h"

#include "machine_inside.h"

/* Kinds that are not here are not carried out by anybody: an event comes, or time passes. */
static bool action_of(skald_work_kind kind, skald_saga_action_kind *out)
{
    switch (kind) {
    case SKALD_WORK_LOCAL:
        *out = SKALD_ACTION_RUN_LOCAL;
        return true;
    case SKALD_WORK_ACTIVITY:
        *out = SKALD_ACTION_RUN_ACTIVITY;
        return true;
    case SKALD_WORK_COMMAND:
        *out = SKALD_ACTION_SEND_COMMAND;
        return true;
    case SKALD_WORK_CHILD:
        *out = SKALD_ACTION_START_CHILD;
        return true;
    case SKALD_WORK_TAKE_BACK:
        *out = SKALD_ACTION_TAKE_BACK_CHILD;
        return true;
    default:
        return false;
    }
}

static skald_operation undo_of(const skald_machine *machine, uint8_t step)
{
    return (skald_operation){step, SKALD_UNDO, skald_machine_at(machine, step)->undo_round};
}

void skald_effect_undo_attempt(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    const skald_plan_work *undo = &skald_machine_plan(machine, step)->undo;
    skald_saga_step *at = skald_machine_at(machine, step);
    const int64_t now_ms = skald_machine_now(machine);
    if (at->attempts == 0)
        at->since_ms = now_ms;
    if (at->attempts < UINT16_MAX)
        at->attempts++;
    at->due_ms = undo->timeout_ms == 0 ? 0 : now_ms + (int64_t)undo->timeout_ms;
    skald_saga_action_kind kind;
    if (!action_of(undo->kind, &kind))
        return;
    skald_saga_action *action = skald_machine_act(machine, kind, undo_of(machine, step));
    action->undoes = (skald_operation){step, SKALD_RUN, at->run_round};
    action->attempt = at->attempts;
    action->due_ms = at->due_ms;
    action->verify = kind == SKALD_ACTION_RUN_ACTIVITY && at->attempts > 1;
}

void skald_effect_undo_begin(skald_machine *machine, uint8_t step, const char *why)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    at->undo_round++;
    at->attempts = 0;
    at->flags &= (uint8_t)~SKALD_STEP_AGAIN;
    skald_effect_undo_attempt(machine, step, why);
}

/* The same key: an answer to an earlier attempt answers this one. */
void skald_effect_undo_retry(skald_machine *machine, uint8_t step, const char *why)
{
    skald_machine_at(machine, step)->attempts = 0;
    skald_effect_undo_attempt(machine, step, why);
}

void skald_effect_undo_abandon(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    const bool activity = skald_machine_plan(machine, step)->undo.kind == SKALD_WORK_ACTIVITY;
    if (activity && machine->event->kind == SKALD_EVENT_TICK)
        skald_machine_act(machine, SKALD_ACTION_ABANDON, undo_of(machine, step));
}

void skald_effect_undo_rest(skald_machine *machine, uint8_t step, const char *why)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    const skald_retry *retry = &skald_machine_plan(machine, step)->undo.retry;
    skald_effect_undo_abandon(machine, step, why);
    at->due_ms = skald_machine_now(machine) +
                 skald_machine_rest_ms(retry, at->attempts, machine->event->random);
}

void skald_effect_undo_finish(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    if (skald_machine_plan(machine, step)->step->undo.accept != NULL)
        skald_machine_act(machine, SKALD_ACTION_ACCEPT, undo_of(machine, step));
}

void skald_effect_undo_come_back(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_come_back(machine, step, why);
    skald_effect_undo_finish(machine, step, why);
}

void skald_effect_undo_come_early(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_saga_step *at = skald_machine_at(machine, step);
    at->undo_round++;
    if (skald_machine_plan(machine, step)->step->undo.accept != NULL)
        skald_machine_act(machine, SKALD_ACTION_ACCEPT_KEPT, undo_of(machine, step));
}

void skald_effect_undo_keep(skald_machine *machine, uint8_t step, const char *why)
{
    skald_machine_at(machine, step)->flags |= SKALD_STEP_UNDO_EARLY;
    const skald_operation operation = {.step = step, .direction = SKALD_UNDO};
    skald_machine_act(machine, SKALD_ACTION_KEEP, operation)->why = why;
}

/* Its undo may have come first and found nothing, so it is called once more, with a new key: the
 * old one would only be answered as before. */
void skald_effect_again(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_machine_at(machine, step)->flags |= SKALD_STEP_AGAIN;
}

void skald_effect_know_again(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_know(machine, step, why);
    skald_effect_again(machine, step, why);
}

void skald_effect_owe_again(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_know(machine, step, why);
    skald_saga_take(machine, step, SKALD_SAGA_INPUT_OWED_AGAIN);
}

void skald_effect_owe_doubt_again(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_doubt(machine, step, why);
    skald_saga_take(machine, step, SKALD_SAGA_INPUT_OWED_AGAIN);
}
