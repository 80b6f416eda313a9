/* Everybody outside: local code, participants with a fence, a provider without one, children, and
 * the senders of signals. Their books are the truth that the checks compare with.
 *
 * A command goes to a participant that is built with Skald: its answer is part of its transaction,
 * and an undo that comes first fences its run. An activity calls a provider that knows nothing of
 * fences: it gives the same answer to the same key, an undo names the key of what it undoes, and a
 * run that comes after its undo happens. Commands to the fenced, and their replies, get lost; what
 * a job found is told in the end, because the job's row stays until then, and so is what comes of a
 * command that is undone elsewhere, because it went through an outbox. */
#include "world.h"

enum { FAST_MS = 40, SLOW_MS = 800, LATE_MS = 9000 };

static uint32_t delay_draw(sim_world *world)
{
    if (world->calm)
        return 1 + random_below(&world->random, FAST_MS);
    if (random_chance(&world->random, world->chances.late))
        return 1 + random_below(&world->random, LATE_MS);
    return 1 + random_below(&world->random, SLOW_MS);
}

static bool chance(sim_world *world, uint32_t percent)
{
    return !world->calm && random_chance(&world->random, percent);
}

static void answer(sim_world *world, skald_operation operation, skald_saga_event_kind event,
                   bool may_be_lost)
{
    const sim_message message = {
        .at_ms = world->now_ms + delay_draw(world),
        .kind = SIM_TO_ENGINE,
        .event = (uint8_t)event,
        .operation = operation,
    };
    sim_queue_add(world, message, may_be_lost);
}

static void effect_apply(sim_world *world, skald_operation run)
{
    sim_step *step = &world->steps[run.step];
    for (uint8_t i = 0; i < SIM_ROUNDS_MAX; i++) {
        if (step->books[i].applied && !step->books[i].undone && i != run.round)
            sim_fail(world, "the effect of a step happened twice", run.step);
    }
    sim_book *book = sim_book_of(world, run.step, run.round);
    if (book->applied)
        sim_fail(world, "the effect of one key happened twice", run.step);
    book->applied = true;
}

/* The first attempt decides for all of them. */
static void run_decide(sim_world *world, skald_operation run)
{
    sim_book *book = sim_book_of(world, run.step, run.round);
    if (book->answer != SIM_UNDECIDED)
        return;
    if (book->fenced || chance(world, world->chances.refuse)) {
        book->answer = SIM_REFUSED;
        return;
    }
    book->answer = SIM_DONE;
    effect_apply(world, run);
}

/* Only who has both in the same database can keep a run from coming after its undo. */
static bool is_fenced(const sim_world *world, uint8_t step)
{
    const skald_plan_step *planned = &world->plan.steps[step];
    return planned->run.kind == SKALD_WORK_COMMAND && planned->undo.kind == SKALD_WORK_COMMAND;
}

static void undo_decide(sim_world *world, skald_operation undo, skald_operation run)
{
    sim_step *step = &world->steps[undo.step];
    const uint32_t key = 1u << (undo.round % 32);
    if ((step->undo_answered & key) != 0)
        return;
    step->undo_answered |= key;
    sim_book *book = sim_book_of(world, run.step, run.round);
    if (book->applied)
        book->undone = true;
    book->fenced = is_fenced(world, undo.step);
}

static skald_saga_event_kind said(const sim_world *world, skald_operation run)
{
    const sim_book *book = &world->steps[run.step].books[run.round % SIM_ROUNDS_MAX];
    return book->answer == SIM_DONE ? SKALD_EVENT_DONE : SKALD_EVENT_REFUSED;
}

/* ---- activities: a failure may come after the effect ---- */

static void provider_take(sim_world *world, const sim_message *message)
{
    const skald_operation operation = message->operation;
    const bool undo = operation.direction == SKALD_UNDO;
    const bool fails = chance(world, world->chances.fail);
    const bool works = !fails || random_chance(&world->random, 50);
    if (works && undo)
        undo_decide(world, operation, message->undoes);
    if (works && !undo)
        run_decide(world, operation);
    if (fails)
        answer(world, operation, SKALD_EVENT_FAILED, false);
    else if (undo && chance(world, 3))
        answer(world, operation, SKALD_EVENT_REFUSED, false);
    else
        answer(world, operation, undo ? SKALD_EVENT_DONE : said(world, operation), false);
}

/* ---- commands: a failure rolls everything back ---- */

static void participant_take(sim_world *world, const sim_message *message)
{
    const skald_operation operation = message->operation;
    const bool undo = operation.direction == SKALD_UNDO;
    const bool may_be_lost = undo || is_fenced(world, operation.step);
    if (chance(world, world->chances.fail)) {
        answer(world, operation, SKALD_EVENT_FAILED, may_be_lost);
        return;
    }
    if (undo && chance(world, 3)) {
        answer(world, operation, SKALD_EVENT_REFUSED, may_be_lost);
        return;
    }
    if (undo)
        undo_decide(world, operation, message->undoes);
    else
        run_decide(world, operation);
    answer(world, operation, undo ? SKALD_EVENT_DONE : said(world, operation), may_be_lost);
}

/* ---- children ---- */

static void child_start(sim_world *world, const sim_message *message)
{
    const skald_operation operation = message->operation;
    if (operation.direction == SKALD_UNDO) {
        undo_decide(world, operation, message->undoes);
        answer(world, operation, SKALD_EVENT_CHILD_COMPLETED, false);
        return;
    }
    const sim_book *book = sim_book_of(world, operation.step, operation.round);
    if (book->fenced || book->answer != SIM_UNDECIDED)
        return;
    const sim_message end = {
        .at_ms = world->now_ms + delay_draw(world), .kind = SIM_CHILD_ENDS, .operation = operation};
    sim_queue_add(world, end, false);
}

void sim_child_end(sim_world *world, const sim_message *message)
{
    const skald_operation run = message->operation;
    sim_book *book = sim_book_of(world, run.step, run.round);
    if (book->answer != SIM_UNDECIDED || book->fenced)
        return;
    if (chance(world, world->chances.child_fails))
        book->answer = SIM_REFUSED;
    else
        run_decide(world, run);
    answer(world, run,
           book->answer == SIM_DONE ? SKALD_EVENT_CHILD_COMPLETED : SKALD_EVENT_CHILD_COMPENSATED,
           false);
}

/* Cancelled before it has been started, it never will be; once it has completed it says nothing. */
static void child_cancel(sim_world *world, skald_operation run)
{
    sim_book *book = sim_book_of(world, run.step, run.round);
    if (book->answer != SIM_UNDECIDED)
        return;
    book->fenced = true;
    answer(world, run, SKALD_EVENT_CHILD_COMPENSATED, false);
}

static void child_take_back(sim_world *world, const sim_message *message)
{
    const skald_operation run = message->undoes;
    sim_book *book = sim_book_of(world, run.step, run.round);
    if (chance(world, 5)) {
        answer(world, message->operation, SKALD_EVENT_REFUSED, false);
        return;
    }
    book->fenced = true;
    if (book->applied)
        book->undone = true;
    answer(world, run, SKALD_EVENT_CHILD_COMPENSATED, false);
}

void sim_participant_take(sim_world *world, const sim_message *message)
{
    switch ((skald_saga_action_kind)message->action) {
    case SKALD_ACTION_RUN_ACTIVITY:
        provider_take(world, message);
        break;
    case SKALD_ACTION_SEND_COMMAND:
        participant_take(world, message);
        break;
    case SKALD_ACTION_START_CHILD:
        child_start(world, message);
        break;
    case SKALD_ACTION_CANCEL_CHILD:
        child_cancel(world, message->operation);
        break;
    case SKALD_ACTION_TAKE_BACK_CHILD:
        child_take_back(world, message);
        break;
    default:
        sim_fail(world, "an action was sent that no participant takes", message->operation.step);
        break;
    }
}

/* In the saga's own transaction: when that is rolled back, so are these books. */
skald_saga_event_kind sim_local_run(sim_world *world, const skald_saga_action *action)
{
    if (chance(world, world->chances.fail))
        return SKALD_EVENT_FAILED;
    if (action->operation.direction == SKALD_UNDO) {
        undo_decide(world, action->operation, action->undoes);
        return SKALD_EVENT_DONE;
    }
    run_decide(world, action->operation);
    return said(world, action->operation);
}

/* An event that tells of an undoing is a fact that happened once: a follower handles it once,
 * however often it is delivered. The others are doubled, to see that nothing comes of it. */
void sim_signal_send(sim_world *world, const char *name, uint32_t delay_ms, bool once)
{
    const sim_message message = {.at_ms = world->now_ms + delay_ms,
                                 .kind = SIM_TO_ENGINE,
                                 .event = SKALD_EVENT_SIGNAL,
                                 .operation = {.step = SKALD_STEP_NONE},
                                 .name = name};
    if (once)
        sim_queue_put(world, message);
    else
        sim_queue_add(world, message, false);
}
