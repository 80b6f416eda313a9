/* The effects of rows on steps that run. */
#include "effects.h"

#include "machine_inside.h"

static const skald_saga_action_kind action_of_kind[] = {
    [SKALD_WORK_LOCAL] = SKALD_ACTION_RUN_LOCAL,
    [SKALD_WORK_ACTIVITY] = SKALD_ACTION_RUN_ACTIVITY,
    [SKALD_WORK_COMMAND] = SKALD_ACTION_SEND_COMMAND,
    [SKALD_WORK_CHILD] = SKALD_ACTION_START_CHILD,
};

static skald_operation run_of(const skald_machine *machine, uint8_t step)
{
    return (skald_operation){step, SKALD_RUN, skald_machine_at(machine, step)->run_round};
}

static int64_t time_over(const skald_machine *machine, uint8_t step)
{
    const uint64_t timeout_ms = skald_machine_plan(machine, step)->run.timeout_ms;
    return timeout_ms == 0 ? 0 : skald_machine_now(machine) + (int64_t)timeout_ms;
}

static void attempt_count(const skald_machine *machine, uint8_t step)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    if (at->attempts == 0)
        at->since_ms = skald_machine_now(machine);
    if (at->attempts < UINT16_MAX)
        at->attempts++;
    at->due_ms = time_over(machine, step);
}

void skald_effect_ask(skald_machine *machine, uint8_t step, const char *why)
{
    skald_machine_at(machine, step)->due_ms = time_over(machine, step);
    skald_machine_act(machine, SKALD_ACTION_ASK, (skald_operation){.step = step})->why = why;
}

void skald_effect_need(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_machine_at(machine, step)->flags |= SKALD_STEP_NEEDED;
}

void skald_effect_attempt(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    attempt_count(machine, step);
    const skald_saga_step *at = skald_machine_at(machine, step);
    const skald_work_kind kind = skald_machine_plan(machine, step)->run.kind;
    skald_saga_action *action =
        skald_machine_act(machine, action_of_kind[kind], run_of(machine, step));
    action->attempt = at->attempts;
    action->due_ms = at->due_ms;
    action->verify = kind == SKALD_WORK_ACTIVITY && (at->flags & SKALD_STEP_DOUBT) != 0;
}

void skald_effect_begin(skald_machine *machine, uint8_t step, const char *why)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    at->run_round++;
    at->attempts = 0;
    at->flags &= (uint8_t) ~(SKALD_STEP_DOUBT | SKALD_STEP_KNOWN | SKALD_STEP_CALLED_BACK |
                             SKALD_STEP_CAME_BACK);
    skald_effect_attempt(machine, step, why);
}

/* The same key asks for the same thing: an answer to either attempt is the answer. After a refusal
 * the participant would repeat its no, so then it is a new thing, with a new key. */
void skald_effect_retry(skald_machine *machine, uint8_t step, const char *why)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    at->attempts = 0;
    if ((at->flags & SKALD_STEP_DOUBT) != 0)
        skald_effect_attempt(machine, step, why);
    else
        skald_effect_begin(machine, step, why);
}

void skald_effect_wait(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_saga_step *at = skald_machine_at(machine, step);
    at->run_round++;
    at->attempts = 0;
    attempt_count(machine, step);
}

void skald_effect_wait_on(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    attempt_count(machine, step);
}

static void attempt_abandon(skald_machine *machine, uint8_t step)
{
    const bool activity = skald_machine_plan(machine, step)->run.kind == SKALD_WORK_ACTIVITY;
    if (activity && machine->event->kind == SKALD_EVENT_TICK)
        skald_machine_act(machine, SKALD_ACTION_ABANDON, run_of(machine, step));
}

/* Both a timeout and a technical failure leave open what happened, but for a local step, which the
 * database has rolled back. */
void skald_effect_doubt(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    const skald_work_kind kind = skald_machine_plan(machine, step)->run.kind;
    if (kind != SKALD_WORK_LOCAL && kind != SKALD_WORK_WAIT)
        skald_machine_at(machine, step)->flags |= SKALD_STEP_DOUBT;
    attempt_abandon(machine, step);
}

/* Jitter of its own for each step that rests after the same event. */
static uint64_t random_for(const skald_machine *machine, uint8_t step)
{
    const uint64_t mixed = machine->event->random + step * 0x9E3779B97F4A7C15u;
    return (mixed ^ (mixed >> 31)) * 0xBF58476D1CE4E5B9u;
}

void skald_effect_rest(skald_machine *machine, uint8_t step, const char *why)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    const skald_retry *retry = &skald_machine_plan(machine, step)->run.retry;
    skald_effect_doubt(machine, step, why);
    at->due_ms = skald_machine_now(machine) +
                 skald_machine_rest_ms(retry, at->attempts, random_for(machine, step));
}

void skald_effect_know(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_machine_at(machine, step)->flags |= SKALD_STEP_KNOWN;
    if (skald_machine_plan(machine, step)->step->run.accept != NULL)
        skald_machine_act(machine, SKALD_ACTION_ACCEPT, run_of(machine, step));
}

void skald_effect_finish(skald_machine *machine, uint8_t step, const char *why)
{
    /* A person who found it done holds no message that could be accepted. */
    if (machine->event->kind == SKALD_EVENT_RESOLVE_DONE)
        skald_machine_at(machine, step)->flags |= SKALD_STEP_KNOWN;
    else
        skald_effect_know(machine, step, why);
}

void skald_effect_come_early(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_saga_step *at = skald_machine_at(machine, step);
    at->run_round++;
    at->flags |= SKALD_STEP_KNOWN;
    if (skald_machine_plan(machine, step)->step->run.accept != NULL)
        skald_machine_act(machine, SKALD_ACTION_ACCEPT_KEPT, run_of(machine, step));
}

void skald_effect_keep(skald_machine *machine, uint8_t step, const char *why)
{
    skald_machine_at(machine, step)->flags |= SKALD_STEP_EARLY;
    const skald_operation operation = {.step = step, .direction = SKALD_RUN};
    skald_machine_act(machine, SKALD_ACTION_KEEP, operation)->why = why;
}

void skald_effect_clear(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_machine_at(machine, step)->flags &= (uint8_t)~SKALD_STEP_DOUBT;
}

/* A cancel, which a child that has completed refuses: its end then is what counts. From here on it
 * ends when it ends: as a saga of its own it always has a future. */
void skald_effect_call_back(skald_machine *machine, uint8_t step, const char *why)
{
    skald_saga_step *at = skald_machine_at(machine, step);
    at->due_ms = 0;
    if ((at->flags & SKALD_STEP_CALLED_BACK) != 0)
        return;
    at->flags |= SKALD_STEP_CALLED_BACK;
    skald_machine_act(machine, SKALD_ACTION_CANCEL_CHILD, run_of(machine, step))->why = why;
}

/* What was kept for it stays, and so do the numbers of its rounds, which are part of the keys. */
void skald_effect_reset(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_saga_step *at = skald_machine_at(machine, step);
    at->flags &= SKALD_STEP_EARLY | SKALD_STEP_UNDO_EARLY;
    at->attempts = 0;
    at->order = 0;
    at->since_ms = 0;
}

void skald_effect_step_refuse(skald_machine *machine, uint8_t step, const char *why)
{
    const skald_operation operation = {.step = step};
    skald_machine_act(machine, SKALD_ACTION_REFUSE_REQUEST, operation)->why = why;
}

void skald_effect_come_back(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_clear(machine, step, why);
    skald_machine_at(machine, step)->flags |= SKALD_STEP_CAME_BACK;
}

/* ---- it makes the saga turn back ---- */

void skald_effect_come_back_refusal(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_come_back(machine, step, why);
    skald_saga_take(machine, step, SKALD_SAGA_INPUT_REFUSAL);
}

void skald_effect_refusal(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_saga_take(machine, step, SKALD_SAGA_INPUT_REFUSAL);
}

void skald_effect_give_up(skald_machine *machine, uint8_t step, const char *why)
{
    (void)why;
    skald_saga_take(machine, step, SKALD_SAGA_INPUT_GIVEN_UP);
}

void skald_effect_give_up_doubt(skald_machine *machine, uint8_t step, const char *why)
{
    skald_effect_doubt(machine, step, why);
    skald_saga_take(machine, step, SKALD_SAGA_INPUT_GIVEN_UP);
}
