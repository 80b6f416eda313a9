/* Definitions by chance: short enough to be many, wild enough to hold every kind of step in every
 * place where it may stand. */
#include "world.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static skald_status code(struct skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

static bool condition(const void *state, size_t state_size)
{
    (void)state;
    (void)state_size;
    return true;
}

static const skald_step child_steps[] = {{.name = "inside", .run.local = code}};
static const skald_definition child = {
    .name = "child", .version = 1, .steps = SKALD_STEPS(child_steps)};

typedef struct maker {
    sim_definition *made;
    test_random *random;
    bool after_pivot;
} maker;

static const char *retry_make(maker *m)
{
    static const char *const few[] = {"100ms..2s, 1 times", "100ms..2s, 2 times",
                                      "100ms..2s, 3 times", "100ms..2s, 4 times"};
    if (!random_chance(m->random, 80))
        return m->after_pivot ? "100ms..2s for 72h" : "100ms..2s, 10 times";
    return few[(m->after_pivot ? 1u : 0u) + random_below(m->random, 3)];
}

static skald_step_function *sometimes(maker *m)
{
    return random_chance(m->random, 30) ? code : NULL;
}

static void kind_set(maker *m, skald_work *work, size_t index, uint32_t kind)
{
    work->timeout_ms = 500 + random_below(m->random, 4000);
    work->retry = retry_make(m);
    work->accept = kind >= 1 && kind <= 4 ? sometimes(m) : NULL;
    switch (kind) {
    case 0:
        work->local = code;
        break;
    case 1:
        work->activity = code;
        break;
    case 2:
        work->command = "Do";
        work->participant = "other";
        break;
    case 3:
        work->child = &child;
        work->timeout_ms = random_chance(m->random, 50) ? work->timeout_ms : 0;
        break;
    case 4:
        work->wait_for = m->made->events[index];
        break;
    default:
        work->sleep_ms = 1 + random_below(m->random, 3000);
        work->timeout_ms = 0;
        break;
    }
}

static uint32_t run_kind(maker *m)
{
    static const uint8_t kinds[] = {0, 0, 1, 1, 1, 2, 2, 2, 3, 4, 5};
    return kinds[random_below(m->random, sizeof kinds)];
}

static skald_timeout_meaning meaning_make(maker *m, uint32_t kind)
{
    if (kind == 5 || kind == 0)
        return SKALD_TIMEOUT_DEFAULT;
    if (m->after_pivot)
        return random_chance(m->random, 70) ? SKALD_TIMEOUT_RETRIES : SKALD_TIMEOUT_CONTINUES;
    return (skald_timeout_meaning)random_below(m->random, 4);
}

/* Only a local run is undone by waiting: an event that tells of an undoing comes once, so what can
 * succeed late cannot be undone by one. */
static void undo_set(maker *m, skald_step *step, size_t index, uint32_t kind)
{
    if (m->after_pivot || random_chance(m->random, 15))
        return;
    if (kind == 0 && random_chance(m->random, 15)) {
        kind_set(m, &step->undo, index, 4);
        return;
    }
    if (kind == 3 && random_chance(m->random, 60))
        return;
    kind_set(m, &step->undo, index, random_below(m->random, 4));
}

static void leaf_set(maker *m, skald_step *step, size_t index)
{
    const uint32_t kind = run_kind(m);
    kind_set(m, &step->run, index, kind);
    step->run.on_timeout = meaning_make(m, kind);
    step->give_up =
        random_chance(m->random, 25) ? SKALD_GIVE_UP_ASKS_PERSON : SKALD_GIVE_UP_COMPENSATES;
    undo_set(m, step, index, kind);
    step->only_if = random_chance(m->random, 12) ? condition : NULL;
    step->repeatable = random_chance(m->random, 50);
}

static skald_step *steps_take(maker *m, size_t count)
{
    sim_definition *made = m->made;
    assert(made->step_count + count <= SIM_STEPS_MAX);
    skald_step *first = &made->steps[made->step_count];
    for (size_t i = 0; i < count; i++) {
        const size_t index = made->step_count + i;
        snprintf(made->names[index], SIM_NAME_SIZE, "s%zu", index);
        snprintf(made->events[index], SIM_NAME_SIZE, "E%zu", index);
        first[i].name = made->names[index];
    }
    made->step_count += count;
    return first;
}

static void sequence_set(maker *m, skald_step *step)
{
    skald_step *members = steps_take(m, 2);
    for (size_t i = 0; i < 2; i++)
        leaf_set(m, &members[i], (size_t)(&members[i] - m->made->steps));
    step->run.sequence = (skald_steps){members, 2};
}

static void parallel_set(maker *m, skald_step *step)
{
    const size_t count = 2 + random_below(m->random, 2);
    skald_step *members = steps_take(m, count);
    for (size_t i = 0; i < count; i++) {
        if (random_chance(m->random, 20))
            sequence_set(m, &members[i]);
        else
            leaf_set(m, &members[i], (size_t)(&members[i] - m->made->steps));
    }
    step->run.parallel = (skald_steps){members, count};
    step->only_if = random_chance(m->random, 12) ? condition : NULL;
}

static void pivot_set(maker *m, skald_step *step, size_t index)
{
    const uint32_t kind = random_below(m->random, 4);
    kind_set(m, &step->run, index, kind);
    if (kind != 0 && random_chance(m->random, 50))
        step->run.on_timeout = SKALD_TIMEOUT_COMPENSATES;
    else if (kind != 0)
        step->run.on_timeout = SKALD_TIMEOUT_RETRIES;
    step->pivot = true;
    step->only_if = random_chance(m->random, 10) ? condition : NULL;
    m->after_pivot = true;
}

void sim_definition_make(sim_definition *made, test_random *random)
{
    maker m = {made, random, false};
    memset(made, 0, sizeof *made);
    const size_t count = 1 + random_below(random, 6);
    const size_t pivot = random_chance(random, 50) ? random_below(random, (uint32_t)count) : count;
    skald_step *top = steps_take(&m, count);
    for (size_t i = 0; i < count; i++) {
        if (i == pivot)
            pivot_set(&m, &top[i], i);
        else if (random_chance(random, 25))
            parallel_set(&m, &top[i]);
        else
            leaf_set(&m, &top[i], i);
    }
    made->definition = (skald_definition){
        .name = "made",
        .version = 1,
        .deadline_ms = random_chance(random, 30) ? 10000 + random_below(random, 30000) : 0,
        .steps = {top, count},
    };
}
