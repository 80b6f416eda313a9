/* A model of the engine: one event, one transaction. It may crash before the transaction commits:
 * then nothing has happened, and the event comes again. It may crash between the commit and the
 * sending: then what was stored is sent after a while, some of it twice. */
#include "world.h"

#include <string.h>

#include "saga_future.h"
#include "simulator.h"
#include "transcript.h"
#include "words.h"

uint64_t sim_rows[256];
uint64_t sim_saga_rows[256];

/* ---- the queue ---- */

void sim_queue_put(sim_world *world, sim_message message)
{
    if (world->queue_count < SIM_QUEUE_MAX)
        world->queue[world->queue_count++] = message;
    else
        sim_fail(world, "the queue of the simulator is full", SKALD_STEP_NONE);
}

void sim_queue_add(sim_world *world, sim_message message, bool may_be_lost)
{
    if (may_be_lost && !world->calm && random_chance(&world->random, world->chances.lose))
        return;
    sim_queue_put(world, message);
    if (world->calm || !random_chance(&world->random, world->chances.twice))
        return;
    message.at_ms += 1 + random_below(&world->random, 6000);
    sim_queue_put(world, message);
}

bool sim_queue_holds_run(const sim_world *world, uint8_t step)
{
    for (size_t i = 0; i < world->queue_count; i++) {
        if (world->queue[i].operation.step == step && world->queue[i].kind != SIM_TO_ENGINE)
            return true;
    }
    return false;
}

/* ---- one transaction ---- */

static void saga_copy(skald_saga *to, const skald_saga *from)
{
    memcpy(to, from, offsetof(skald_saga, steps) + from->step_count * sizeof *from->steps);
}

static void transaction_begin(sim_world *world)
{
    saga_copy(&world->before, &world->saga);
    memcpy(world->steps_before, world->steps, world->plan.step_count * sizeof *world->steps);
    world->order_before = world->order;
    world->pivot_seen_done_before = world->pivot_seen_done;
    world->outbox_count = 0;
}

static void transaction_roll_back(sim_world *world)
{
    saga_copy(&world->saga, &world->before);
    memcpy(world->steps, world->steps_before, world->plan.step_count * sizeof *world->steps);
    world->order = world->order_before;
    world->pivot_seen_done = world->pivot_seen_done_before;
    world->outbox_count = 0;
}

static void story_tell(sim_world *world)
{
    char line[SKALD_TRANSCRIPT_LINE_SIZE];
    for (size_t i = 0; i < world->decision.change_count; i++) {
        skald_transcript_change(&world->plan, &world->saga, &world->decision.changes[i], line,
                                sizeof line);
        fprintf(world->story, "  %s\n", line);
    }
    for (size_t i = 0; i < world->decision.action_count; i++) {
        skald_transcript_action(&world->plan, &world->saga, &world->decision.actions[i], line,
                                sizeof line);
        fprintf(world->story, "  %s\n", line);
    }
}

static void event_tell(sim_world *world, const skald_saga_event *event)
{
    const uint8_t step = event->operation.step;
    fprintf(world->story, "%lld %s %s %s.%u %s\n", (long long)event->time_ms,
            skald_saga_event_words(event->kind),
            step < world->plan.step_count ? world->plan.steps[step].step->name : "-",
            event->operation.direction == SKALD_UNDO ? "undo" : "run", event->operation.round,
            event->name != NULL ? event->name : "");
}

static void rows_count(const skald_saga_decision *decision)
{
    for (size_t i = 0; i < decision->change_count; i++) {
        const skald_saga_change *change = &decision->changes[i];
        if (change->step == SKALD_STEP_NONE)
            sim_saga_rows[change->row]++;
        else
            sim_rows[change->row]++;
    }
}

/* The state of the user's answers nothing here: a condition holds by chance. */
static skald_saga_event_kind done_now(sim_world *world, const skald_saga_action *action)
{
    if (action->kind == SKALD_ACTION_RUN_LOCAL)
        return sim_local_run(world, action);
    return random_chance(&world->random, 60) ? SKALD_EVENT_NEEDED : SKALD_EVENT_NOT_NEEDED;
}

static bool is_done_now(const skald_saga_action *action)
{
    return action->kind == SKALD_ACTION_RUN_LOCAL || action->kind == SKALD_ACTION_ASK;
}

static void decide(sim_world *world, const skald_saga_event *event)
{
    if (world->story != NULL)
        event_tell(world, event);
    world->event_count++;
    sim_note_signal(world, event);
    skald_machine_step(&world->plan, &world->saga, event, &world->decision);
    rows_count(&world->decision);
    if (world->story != NULL)
        story_tell(world);
    sim_check_changes(world);
    for (size_t i = 0; i < world->decision.action_count; i++) {
        sim_check_action(world, &world->decision.actions[i]);
        if (world->outbox_count < sizeof world->outbox / sizeof *world->outbox)
            world->outbox[world->outbox_count++] = world->decision.actions[i];
        else
            sim_fail(world, "a transaction does not end", SKALD_STEP_NONE);
    }
}

/* Local steps and conditions are carried out as the actions come up, each followed by its answer.
 */
static void transaction_run(sim_world *world, const skald_saga_event *event)
{
    decide(world, event);
    for (size_t i = 0; i < world->outbox_count && world->wrong == NULL; i++) {
        const skald_saga_action action = world->outbox[i];
        if (!is_done_now(&action))
            continue;
        const skald_saga_event next = {
            .kind = done_now(world, &action),
            .time_ms = world->now_ms,
            .random = random_next(&world->random),
            .operation = action.operation,
        };
        decide(world, &next);
    }
}

/* ---- after the commit ---- */

static bool is_sent(skald_saga_action_kind kind)
{
    return kind == SKALD_ACTION_RUN_ACTIVITY || kind == SKALD_ACTION_SEND_COMMAND ||
           kind == SKALD_ACTION_START_CHILD || kind == SKALD_ACTION_CANCEL_CHILD ||
           kind == SKALD_ACTION_TAKE_BACK_CHILD;
}

static void action_send(sim_world *world, const skald_saga_action *action, uint32_t delay_ms)
{
    const sim_message message = {
        .at_ms = world->now_ms + delay_ms,
        .kind = SIM_TO_PARTICIPANT,
        .action = (uint8_t)action->kind,
        .operation = action->operation,
        .undoes = action->undoes,
    };
    sim_queue_add(world, message, action->kind == SKALD_ACTION_SEND_COMMAND);
}

/* What undoes by an event tells that event to somebody, who sends it once it has undone. */
static void undo_waits_send(sim_world *world)
{
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        const skald_saga_step *now = &world->saga.steps[i];
        const bool begun = now->state == SKALD_STEP_UNDOING &&
                           now->undo_round != world->before.steps[i].undo_round;
        if (!begun || world->plan.steps[i].undo.kind != SKALD_WORK_WAIT)
            continue;
        sim_book *book = sim_book_of(world, i, world->saga.steps[i].run_round);
        book->undone = book->applied;
        sim_signal_send(world, world->made.events[world->plan.steps[i].step - world->made.steps],
                        1 + random_below(&world->random, 2000), true);
    }
}

static void outbox_send(sim_world *world)
{
    const bool crashed = !world->calm && random_chance(&world->random, world->chances.crash);
    for (size_t i = 0; i < world->outbox_count; i++) {
        const skald_saga_action *action = &world->outbox[i];
        if (!is_sent(action->kind))
            continue;
        const uint32_t pause = crashed ? 1000 + random_below(&world->random, 4000) : 0;
        const uint32_t way =
            1 + random_below(&world->random, world->calm ? 40 : 600) +
            (!world->calm && random_chance(&world->random, world->chances.late) ? 7000 : 0);
        action_send(world, action, pause + way);
        if (crashed && random_chance(&world->random, 50))
            action_send(world, action, pause + way);
    }
    undo_waits_send(world);
}

/* A person sees that it did not work, and looks again before asking again. */
static void again_later(sim_world *world, const skald_saga_event *event)
{
    if (event->kind >= SKALD_EVENT_RETRY)
        return;
    const sim_message message = {
        .at_ms = world->now_ms + 1 + random_below(&world->random, 3000),
        .kind = SIM_TO_ENGINE,
        .event = (uint8_t)event->kind,
        .operation = event->operation,
        .name = event->name,
    };
    sim_queue_put(world, message);
}

void sim_engine_handle(sim_world *world, const skald_saga_event *event)
{
    transaction_begin(world);
    transaction_run(world, event);
    if (!world->calm && random_chance(&world->random, world->chances.crash)) {
        if (world->story != NULL)
            fprintf(world->story, "  -- the engine crashes before it commits\n");
        transaction_roll_back(world);
        again_later(world, event);
        return;
    }
    sim_check_stored(world);
    outbox_send(world);
}
