/* The loop: the next thing in virtual time, be it a message, a due time or a person, first with
 * faults, then without, until nothing is on its way. */
#include "simulator.h"

#include <string.h>

#include "machine_inside.h"
#include "world.h"

enum { CALM_EVENTS_MAX = 600 };

static sim_world it;

static sim_chances chances_draw(test_random *random)
{
    static const uint32_t levels[] = {0, 0, 5, 15, 35};
    sim_chances drawn;
    uint32_t *each = &drawn.lose;
    for (size_t i = 0; i < sizeof drawn / sizeof *each; i++)
        each[i] = levels[random_below(random, sizeof levels / sizeof *levels)];
    return drawn;
}

static void event_bring(sim_world *world, const sim_message *message)
{
    const skald_saga_event event = {
        .kind = (skald_saga_event_kind)message->event,
        .time_ms = world->now_ms,
        .random = random_next(&world->random),
        .operation = message->operation,
        .name = message->name,
    };
    sim_engine_handle(world, &event);
}

static size_t message_first(const sim_world *world)
{
    size_t first = 0;
    for (size_t i = 1; i < world->queue_count; i++) {
        if (world->queue[i].at_ms < world->queue[first].at_ms)
            first = i;
    }
    return first;
}

static void message_take(sim_world *world, size_t at)
{
    const sim_message message = world->queue[at];
    world->queue[at] = world->queue[--world->queue_count];
    switch ((sim_message_kind)message.kind) {
    case SIM_TO_PARTICIPANT:
        sim_participant_take(world, &message);
        break;
    case SIM_CHILD_ENDS:
        sim_child_end(world, &message);
        break;
    case SIM_TO_ENGINE:
        if (message.event != SKALD_EVENT_SIGNAL)
            world->told[world->told_count++ % SIM_TOLD_MAX] = message;
        event_bring(world, &message);
        break;
    }
}

/* An answer of long ago comes once more, to a saga that has gone on since. */
static void told_again(sim_world *world)
{
    if (world->told_count == 0)
        return;
    const size_t kept = world->told_count < SIM_TOLD_MAX ? world->told_count : SIM_TOLD_MAX;
    event_bring(world, &world->told[random_below(&world->random, (uint32_t)kept)]);
}

static void tick(sim_world *world)
{
    const sim_message message = {.event = SKALD_EVENT_TICK};
    event_bring(world, &message);
}

static void time_move(sim_world *world, int64_t to_ms)
{
    if (to_ms > world->now_ms)
        world->now_ms = to_ms;
}

/* An engine that is busy or down comes to a due time late. */
static int64_t tick_time(sim_world *world)
{
    const bool late = !world->calm && random_chance(&world->random, world->chances.late);
    return world->saga.due_ms + (late ? random_below(&world->random, 5000) : 0);
}

/* False when nothing is left to happen. */
static bool next_happen(sim_world *world)
{
    const bool due = world->saga.due_ms != 0;
    if (world->queue_count == 0 && !due)
        return false;
    const size_t first = message_first(world);
    if (world->queue_count > 0 && (!due || world->queue[first].at_ms <= world->saga.due_ms)) {
        time_move(world, world->queue[first].at_ms);
        message_take(world, first);
    } else {
        time_move(world, tick_time(world));
        tick(world);
    }
    return true;
}

/* Early, in time, late, twice or never. */
static void signals_plan(sim_world *world)
{
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        const char *name = world->plan.steps[i].step->run.wait_for;
        if (name == NULL || random_chance(&world->random, 25))
            continue;
        sim_signal_send(world, name, random_below(&world->random, 9000), false);
    }
}

static void world_begin(sim_world *world, uint64_t seed, FILE *story)
{
    world->random.state = seed;
    world->story = story;
    sim_definition_make(&world->made, &world->random);
    skald_plan_make(&world->plan, &world->made.definition);
    memset(world->steps, 0, sizeof world->steps);
    world->chances = chances_draw(&world->random);
    world->calm = false;
    world->now_ms = SIM_START_MS;
    world->order = 0;
    world->queue_count = 0;
    world->told_count = 0;
    world->pivot_seen_done = false;
    world->event_count = 0;
    world->wrong = NULL;
    skald_saga_init(&world->saga, &world->plan);
    signals_plan(world);
    const sim_message start = {
        .at_ms = SIM_START_MS, .kind = SIM_TO_ENGINE, .event = SKALD_EVENT_STARTED};
    sim_queue_add(world, start, false);
}

static void wild_run(sim_world *world)
{
    const uint32_t events_max = 10 + random_below(&world->random, 60);
    while (world->wrong == NULL && world->event_count < events_max && next_happen(world)) {
        if (random_chance(&world->random, world->chances.request) &&
            random_chance(&world->random, 50))
            sim_person_asks(world);
        if (random_chance(&world->random, 3))
            tick(world);
        if (random_chance(&world->random, world->chances.twice / 4))
            told_again(world);
    }
}

static bool has_task(const sim_world *world)
{
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        const uint8_t state = world->saga.steps[i].state;
        if (state == SKALD_STEP_HANDED_OVER || state == SKALD_STEP_UNDO_HANDED_OVER)
            return true;
    }
    return false;
}

static void waits_answer(sim_world *world)
{
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        if (world->saga.steps[i].state == SKALD_STEP_WAITING)
            sim_signal_send(world, world->plan.steps[i].step->run.wait_for, 1, false);
    }
}

static void calm_run(sim_world *world)
{
    world->calm = true;
    const uint32_t events_max = world->event_count + CALM_EVENTS_MAX;
    while (world->wrong == NULL && world->event_count < events_max) {
        if (random_chance(&world->random, 10))
            waits_answer(world);
        if (has_task(world) && (world->queue_count == 0 || random_chance(&world->random, 30)))
            sim_person_works(world);
        if (!next_happen(world) && !has_task(world))
            break;
    }
}

static uint32_t undo_count(const sim_world *world)
{
    uint32_t count = 0;
    for (uint8_t i = 0; i < world->plan.step_count; i++)
        count += world->saga.steps[i].undo_round;
    return count;
}

sim_result sim_run(uint64_t seed, FILE *story)
{
    sim_world *world = &it;
    world_begin(world, seed, story);
    wild_run(world);
    calm_run(world);
    if (world->wrong == NULL)
        sim_check_end(world);
    return (sim_result){
        .wrong = world->wrong,
        .outcome = world->saga.phase,
        .event_count = world->event_count,
        .undo_count = undo_count(world),
    };
}
