/* A person who asks for things at all times, possible or not, but who never says what is not true.
 */
#include "world.h"

static void request(sim_world *world, skald_saga_event_kind kind, uint8_t step)
{
    const skald_saga_event event = {
        .kind = kind,
        .time_ms = world->now_ms,
        .random = random_next(&world->random),
        .operation = {.step = step},
    };
    sim_engine_handle(world, &event);
}

static bool is_done_outside(sim_world *world, uint8_t step)
{
    const sim_book *book = sim_book_of(world, step, world->saga.steps[step].run_round);
    return book->applied && !book->undone;
}

/* Looks outside before speaking, and says nothing while something is on its way there. */
static void resolve(sim_world *world, uint8_t step)
{
    const uint8_t state = world->saga.steps[step].state;
    if (sim_queue_holds_run(world, step) || state == SKALD_STEP_WAITING)
        return;
    if (state >= SKALD_STEP_UNDOING) {
        if (state != SKALD_STEP_UNDO_HANDED_OVER && state != SKALD_STEP_UNDO_RESTING)
            return;
        sim_book *book = sim_book_of(world, step, world->saga.steps[step].run_round);
        book->undone = book->applied;
        request(world, SKALD_EVENT_RESOLVE_DONE, step);
    } else if (is_done_outside(world, step)) {
        request(world, SKALD_EVENT_RESOLVE_DONE, step);
    } else {
        request(world, SKALD_EVENT_RESOLVE_NOT_DONE, step);
    }
}

void sim_person_asks(sim_world *world)
{
    static const skald_saga_event_kind kinds[] = {
        SKALD_EVENT_CANCEL, SKALD_EVENT_RETRY,      SKALD_EVENT_RETRY_NEW_INPUT,
        SKALD_EVENT_SKIP,   SKALD_EVENT_RETRY_FROM, SKALD_EVENT_COMPENSATE,
        SKALD_EVENT_RETRY,  SKALD_EVENT_RETRY_FROM, SKALD_EVENT_TAKE_BACK,
    };
    const uint8_t step = (uint8_t)random_below(&world->random, world->plan.step_count + 1u);
    const uint32_t which = random_below(&world->random, sizeof kinds / sizeof *kinds + 2);
    if (which < sizeof kinds / sizeof *kinds)
        request(world, kinds[which], step);
    else if (step < world->plan.step_count)
        resolve(world, step);
}

/* Once faults have stopped, every task is worked on until there is none. */
void sim_person_works(sim_world *world)
{
    for (uint8_t i = 0; i < world->plan.step_count; i++) {
        const uint8_t state = world->saga.steps[i].state;
        if (state != SKALD_STEP_HANDED_OVER && state != SKALD_STEP_UNDO_HANDED_OVER)
            continue;
        if (world->plan.steps[i].run.kind == SKALD_WORK_WAIT && state == SKALD_STEP_HANDED_OVER)
            request(world, SKALD_EVENT_SKIP, i);
        else if (random_chance(&world->random, 40))
            resolve(world, i);
        else if (random_chance(&world->random, 10))
            request(world, SKALD_EVENT_COMPENSATE, i);
        else
            request(world, SKALD_EVENT_RETRY, i);
        return;
    }
}
