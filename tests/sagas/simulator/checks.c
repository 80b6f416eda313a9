/* What must hold, compared with the books of those outside rather than with what the machine
 * believes. */
#include "world.h"

#include "machine_inside.h"
#include "saga_code.h"
#include "saga_future.h"

#include <string.h>

void sim_fail(sim_world *world, const char *wrong, uint8_t step)
{
    if (world->wrong != NULL)
        return;
    world->wrong = wrong;
    world->wrong_step = step;
    if (world->story != NULL)
        fprintf(world->story, "!! %s (%s)\n", wrong,
                step < world->plan.step_count ? world->plan.steps[step].step->name : "the saga");
}

/* ---- what each change says ---- */

static bool is_open(sim_world *world, uint8_t step)
{
    const sim_step *seen = &world->steps[step];
    const sim_book *book = sim_book_of(world, step, world->saga.steps[step].run_round);
    return seen->known && book->applied && !book->undone && !seen->let_be &&
           world->plan.steps[step].undo.kind != SKALD_WORK_NONE;
}

/* Nothing that was done later, and that the machine knows of, may still stand. */
static void order_check(sim_world *world, uint8_t step)
{
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        if (i != step && is_open(world, i) &&
            world->steps[i].seen_order > world->steps[step].seen_order)
            sim_fail(world, "a step was undone before one that was done after it", step);
        const bool running = world->saga.steps[i].state == SKALD_STEP_RUNNING &&
                             !skald_work_is_group(world->plan.steps[i].run.kind);
        if (running)
            sim_fail(world, "a step was undone while another one was under way", step);
    }
}

static void undo_begin_check(sim_world *world, uint8_t step)
{
    const sim_step *seen = &world->steps[step];
    if (world->pivot_seen_done)
        sim_fail(world, "a step was undone after the pivot", step);
    if (seen->refused && !seen->doubted)
        sim_fail(world, "a step that was refused was undone", step);
    if (seen->seen_order == 0)
        sim_fail(world, "a step that was not done was undone", step);
    order_check(world, step);
}

/* Waiting and sleeping have no effect outside; they count as done when the machine says so. */
static void quiet_done(sim_world *world, uint8_t step)
{
    const skald_work_kind kind = world->plan.steps[step].run.kind;
    if (kind == SKALD_WORK_WAIT || kind == SKALD_WORK_SLEEP)
        sim_book_of(world, step, world->saga.steps[step].run_round)->applied = true;
}

static bool is_over(uint8_t state)
{
    return state == SKALD_STEP_DONE || state == SKALD_STEP_PASSED || state == SKALD_STEP_IN_DOUBT;
}

/* What can be repeated without harm, and what has no effect outside, may be done again. */
static void step_forget(sim_world *world, uint8_t step)
{
    sim_step *seen = &world->steps[step];
    const skald_plan_step *planned = &world->plan.steps[step];
    const bool quiet =
        planned->run.kind == SKALD_WORK_WAIT || planned->run.kind == SKALD_WORK_SLEEP;
    for (int i = 0; i < SIM_ROUNDS_MAX && (quiet || planned->step->repeatable); i++)
        seen->books[i].undone = seen->books[i].undone ||
                                (planned->undo.kind == SKALD_WORK_NONE && seen->books[i].applied);
    seen->seen_order = 0;
    seen->known = false;
    seen->doubted = false;
    seen->refused = false;
    seen->let_be = false;
}

static void inputs_note(sim_world *world, const skald_saga_change *change)
{
    sim_step *seen = &world->steps[change->step];
    const bool local = world->plan.steps[change->step].run.kind == SKALD_WORK_LOCAL;
    const bool forward = change->from < SKALD_STEP_UNDOING;
    const bool timed = change->input == SKALD_INPUT_DUE && change->from == SKALD_STEP_RUNNING;
    if (change->input == SKALD_INPUT_DONE || change->input == SKALD_INPUT_RESOLVE_DONE ||
        change->input == SKALD_INPUT_SIGNAL)
        seen->known = seen->known || forward;
    if ((change->input == SKALD_INPUT_FAILED || timed) && !local)
        seen->doubted = true;
    if (change->input == SKALD_INPUT_REFUSED)
        seen->refused = true;
    if (change->input == SKALD_INPUT_DONE)
        seen->refused = false;
}

static void step_change_check(sim_world *world, const skald_saga_change *change, uint8_t phase)
{
    sim_step *seen = &world->steps[change->step];
    if (change->to == SKALD_STEP_RUNNING && change->from != SKALD_STEP_RUNNING &&
        phase != SKALD_SAGA_RUNNING)
        sim_fail(world, "a step was begun while the saga turns back", change->step);
    if (change->to == SKALD_STEP_PENDING && change->from != SKALD_STEP_ASKING)
        step_forget(world, change->step);
    if (change->to == SKALD_STEP_WAITING && change->from == SKALD_STEP_PENDING && seen->came)
        sim_fail(world, "an event that came early was lost", change->step);
    inputs_note(world, change);
    if (is_over(change->to) && seen->seen_order == 0)
        seen->seen_order = ++world->order;
    if (change->to == SKALD_STEP_DONE && change->from != SKALD_STEP_DONE)
        quiet_done(world, change->step);
    if (change->to == SKALD_STEP_UNDOING && change->from < SKALD_STEP_UNDOING)
        undo_begin_check(world, change->step);
    if (change->to == SKALD_STEP_UNDO_SKIPPED)
        seen->let_be = true;
    if (change->step == world->plan.pivot && change->to == SKALD_STEP_DONE)
        world->pivot_seen_done = true;
}

static bool holds_action(const sim_world *world, skald_saga_action_kind kind)
{
    for (size_t i = 0; i < world->decision.action_count; i++) {
        if (world->decision.actions[i].kind == kind)
            return true;
    }
    return false;
}

static uint8_t phase_before(const sim_world *world)
{
    for (size_t i = 0; i < world->decision.change_count; i++) {
        if (world->decision.changes[i].step == SKALD_STEP_NONE)
            return world->decision.changes[i].from;
    }
    return world->saga.phase;
}

void sim_check_changes(sim_world *world)
{
    uint8_t phase = phase_before(world);
    for (size_t i = 0; i < world->decision.change_count; i++) {
        const skald_saga_change *change = &world->decision.changes[i];
        if (change->step == SKALD_STEP_NONE)
            phase = change->to;
        else
            step_change_check(world, change, phase);
    }
    if (holds_action(world, SKALD_ACTION_RECORD_STALE) && world->decision.change_count > 0)
        sim_fail(world, "a stale event changed something", SKALD_STEP_NONE);
}

/* ---- what is sent ---- */

static void run_check(sim_world *world, skald_operation operation)
{
    sim_book *book = sim_book_of(world, operation.step, operation.round);
    if (operation.direction == SKALD_RUN) {
        if (operation.round == 0 || operation.round >= SIM_ROUNDS_MAX)
            sim_fail(world, "a run has a round that cannot be", operation.step);
        book->asked = true;
        return;
    }
    const uint8_t round = world->saga.steps[operation.step].run_round;
    const skald_work_kind kind = world->plan.steps[operation.step].run.kind;
    const bool quiet = kind == SKALD_WORK_WAIT || kind == SKALD_WORK_SLEEP;
    if (!quiet && !sim_book_of(world, operation.step, round)->asked)
        sim_fail(world, "the undo of a step that was never begun was sent", operation.step);
}

void sim_check_action(sim_world *world, const skald_saga_action *action)
{
    switch (action->kind) {
    case SKALD_ACTION_RUN_LOCAL:
    case SKALD_ACTION_RUN_ACTIVITY:
    case SKALD_ACTION_SEND_COMMAND:
    case SKALD_ACTION_START_CHILD:
    case SKALD_ACTION_CANCEL_CHILD:
    case SKALD_ACTION_TAKE_BACK_CHILD:
        run_check(world, action->operation);
        break;
    case SKALD_ACTION_HAND_OVER:
        world->steps[action->operation.step].task = true;
        break;
    case SKALD_ACTION_WITHDRAW:
        world->steps[action->operation.step].task = false;
        break;
    default:
        break;
    }
}

/* ---- what is stored ---- */

/* A signal that is brought before its step's turn must count when the turn comes. */
void sim_note_signal(sim_world *world, const skald_saga_event *event)
{
    if (event->kind != SKALD_EVENT_SIGNAL || skald_saga_has_ended(&world->saga))
        return;
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        const char *name = world->plan.steps[i].step->run.wait_for;
        const uint8_t state = world->saga.steps[i].state;
        if (name != NULL && strcmp(name, event->name) == 0 &&
            (state == SKALD_STEP_PENDING || state == SKALD_STEP_ASKING))
            world->steps[i].came = true;
    }
}

static void tasks_check(sim_world *world)
{
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        const uint8_t state = world->saga.steps[i].state;
        const bool task = state == SKALD_STEP_HANDED_OVER || state == SKALD_STEP_UNDO_HANDED_OVER;
        if (task && !world->steps[i].task)
            sim_fail(world, "a person was not told of a task", i);
        if (!task && world->steps[i].task)
            sim_fail(world, "a person was not told that a task is over", i);
    }
}

/* What is read back from its row is what was stored. */
static void code_check(sim_world *world)
{
    static skald_saga read;
    unsigned char bytes[SKALD_SAGA_CODE_SIZE_MAX];
    unsigned char again[SKALD_SAGA_CODE_SIZE_MAX];
    const size_t size = skald_saga_encode(&world->saga, bytes);
    if (skald_saga_decode(&read, bytes, size, NULL) != SKALD_OK ||
        skald_saga_encode(&read, again) != size || memcmp(bytes, again, size) != 0)
        sim_fail(world, "a saga is not read as it was stored", SKALD_STEP_NONE);
}

void sim_check_stored(sim_world *world)
{
    if (world->event_count % 8 == 0)
        code_check(world);
    const skald_saga_future future = skald_saga_future_of(&world->plan, &world->saga);
    if (future.kind == SKALD_FUTURE_NOTHING)
        sim_fail(world, "nothing will ever move the saga", SKALD_STEP_NONE);
    if (world->saga.due_ms != skald_saga_due(&world->plan, &world->saga))
        sim_fail(world, "the due time of the saga is not that of its steps", SKALD_STEP_NONE);
    tasks_check(world);
    if (world->saga.phase != SKALD_SAGA_COMPENSATED)
        return;
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        if (is_open(world, i))
            sim_fail(world, "the saga ended compensated and a step stands", i);
    }
}

/* ---- the books in the end, when nothing is on its way any more ---- */

static bool stands(const sim_world *world, uint8_t step)
{
    for (int i = 0; i < SIM_ROUNDS_MAX; i++) {
        if (world->steps[step].books[i].applied && !world->steps[step].books[i].undone)
            return true;
    }
    return false;
}

/* A step in a group whose condition does not hold is not asked for. */
static bool is_wanted(const sim_world *world, uint8_t step)
{
    const uint8_t parent = world->plan.steps[step].parent;
    if (world->saga.steps[step].state == SKALD_STEP_NOT_NEEDED)
        return false;
    return parent == SKALD_STEP_NONE || is_wanted(world, parent);
}

static void completed_check(sim_world *world, uint8_t step)
{
    const uint8_t state = world->saga.steps[step].state;
    if (!is_wanted(world, step)) {
        const skald_work_kind kind = world->plan.steps[step].run.kind;
        if (stands(world, step) && kind != SKALD_WORK_WAIT && kind != SKALD_WORK_SLEEP)
            sim_fail(world, "a step that was not needed was done", step);
        return;
    }
    if (state != SKALD_STEP_DONE && state != SKALD_STEP_PASSED)
        sim_fail(world, "the saga ended completed without a step", step);
    if (state == SKALD_STEP_DONE && !stands(world, step))
        sim_fail(world, "the saga ended completed and a step does not stand", step);
}

static void compensated_check(sim_world *world, uint8_t step)
{
    const bool undoable = world->plan.steps[step].undo.kind != SKALD_WORK_NONE;
    if (undoable && !world->steps[step].let_be && stands(world, step))
        sim_fail(world, "the books do not balance: a step was done and not undone", step);
    if (skald_step_is_owed(&world->plan, &world->saga, step))
        sim_fail(world, "the saga has ended and owes", step);
}

void sim_check_end(sim_world *world)
{
    if (!skald_saga_has_ended(&world->saga))
        sim_fail(world, "faults have stopped and the saga does not end", SKALD_STEP_NONE);
    if (world->saga.phase == SKALD_SAGA_COMPENSATED && world->pivot_seen_done)
        sim_fail(world, "the pivot is done and the saga ended compensated", world->plan.pivot);
    for (uint8_t i = 0; i < world->plan.step_count && world->wrong == NULL; i++) {
        if (skald_work_is_group(world->plan.steps[i].run.kind))
            continue;
        if (world->saga.phase == SKALD_SAGA_COMPLETED)
            completed_check(world, i);
        if (world->saga.phase == SKALD_SAGA_COMPENSATED)
            compensated_check(world, i);
    }
}
