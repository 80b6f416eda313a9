/* What no single story shows: the machine depends on nothing but what it is given, the widest
 * definition fits into one decision, and time never goes back. */
#include "support/test.h"

#include "machine.h"
#include "saga_future.h"
#include "scenario/definitions.h"
#include "support/random.h"

enum { WIDE = SKALD_STEPS_MAX - 1 };

static skald_status code(struct skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

static skald_saga_decision decision;

static void bring(const skald_plan *plan, skald_saga *saga, skald_saga_event_kind kind,
                  int64_t time_ms, skald_operation operation)
{
    const skald_saga_event event = {.kind = kind, .time_ms = time_ms, .operation = operation};
    skald_machine_step(plan, saga, &event, &decision);
    assert_true(skald_saga_future_of(plan, saga).kind != SKALD_FUTURE_NOTHING);
}

static size_t count(skald_saga_action_kind kind)
{
    size_t found = 0;
    for (size_t i = 0; i < decision.action_count; i++)
        found += decision.actions[i].kind == kind ? 1 : 0;
    return found;
}

static const skald_operation NOBODY = {.step = SKALD_STEP_NONE};

static void test_widest_definition_fits_into_one_decision(void **state)
{
    (void)state;
    static skald_step members[WIDE];
    static char names[WIDE][8];
    for (size_t i = 0; i < WIDE; i++) {
        snprintf(names[i], sizeof names[i], "s%zu", i);
        members[i] = (skald_step){.name = names[i],
                                  .run = {.activity = code, .timeout_ms = 1000},
                                  .undo = {.activity = code}};
    }
    const skald_step steps[] = {{.name = "all", .run.parallel = {members, WIDE}}};
    const skald_definition definition = {
        .name = "wide", .version = 1, .deadline_ms = 60000, .steps = SKALD_STEPS(steps)};
    assert_int_equal(skald_definition_check(&definition, NULL, NULL), 0);
    skald_plan plan;
    skald_plan_make(&plan, &definition);
    skald_saga saga;
    skald_saga_init(&saga, &plan);
    bring(&plan, &saga, SKALD_EVENT_STARTED, 1000, NOBODY);
    assert_int_equal(count(SKALD_ACTION_RUN_ACTIVITY), WIDE);
    bring(&plan, &saga, SKALD_EVENT_TICK, 2000, NOBODY);
    assert_int_equal(count(SKALD_ACTION_ABANDON), WIDE);
    bring(&plan, &saga, SKALD_EVENT_TICK, 50000, NOBODY);
    assert_int_equal(count(SKALD_ACTION_RUN_ACTIVITY), WIDE);
    /* The deadline and every timeout at once. */
    bring(&plan, &saga, SKALD_EVENT_TICK, 61000, NOBODY);
    assert_int_equal(saga.phase, SKALD_SAGA_COMPENSATING);
    assert_int_equal(count(SKALD_ACTION_ABANDON), WIDE);
    assert_int_equal(count(SKALD_ACTION_RUN_ACTIVITY), 1);
    /* Undone one at a time, in the reverse of the order in which they were given up. */
    for (uint8_t i = WIDE; i > 0; i--) {
        assert_int_equal(saga.steps[i].state, SKALD_STEP_UNDOING);
        bring(&plan, &saga, SKALD_EVENT_DONE, 62000, (skald_operation){i, SKALD_UNDO, 1});
    }
    assert_int_equal(saga.phase, SKALD_SAGA_COMPENSATED);
}

/* Two callers with other rubbish in their memory decide the same, whatever is brought. */
static void test_same_saga_and_event_give_the_same_decision(void **state)
{
    (void)state;
    test_random random = random_begin();
    static skald_saga_decision first;
    static skald_saga_decision second;
    for (int round = 0; round < 20000; round++) {
        skald_plan plan;
        skald_plan_make(&plan, scenario_definition_at(random_below(&random, 7)));
        skald_saga saga;
        skald_saga_init(&saga, &plan);
        for (int i = 0; i < 30; i++) {
            const skald_saga_event event = {
                .kind = i == 0 ? SKALD_EVENT_STARTED
                               : (skald_saga_event_kind)random_below(&random, SKALD_EVENT_COUNT),
                .time_ms = 1000 + i * (int64_t)random_below(&random, 40000),
                .random = random_next(&random),
                .operation = {(uint8_t)random_below(&random, plan.step_count + 2u),
                              (uint8_t)random_below(&random, 2), (uint8_t)random_below(&random, 3)},
                .name = "Approved",
            };
            skald_saga twin = saga;
            memset(&first, round & 0xFF, sizeof first);
            memset(&second, ~round & 0xFF, sizeof second);
            skald_machine_step(&plan, &saga, &event, &first);
            skald_machine_step(&plan, &twin, &event, &second);
            assert_memory_equal(&saga, &twin, sizeof saga);
            assert_int_equal(first.action_count, second.action_count);
            assert_int_equal(first.change_count, second.change_count);
            for (size_t k = 0; k < first.action_count; k++) {
                assert_int_equal(first.actions[k].kind, second.actions[k].kind);
                assert_int_equal(first.actions[k].operation.step, second.actions[k].operation.step);
                assert_true(first.actions[k].due_ms == second.actions[k].due_ms);
            }
            assert_true(skald_saga_future_of(&plan, &saga).kind != SKALD_FUTURE_NOTHING);
        }
    }
}

static void test_time_never_goes_back_for_a_saga(void **state)
{
    (void)state;
    skald_plan plan;
    skald_plan_make(&plan, scenario_definition("checkout"));
    skald_saga saga;
    skald_saga_init(&saga, &plan);
    bring(&plan, &saga, SKALD_EVENT_STARTED, 100000, NOBODY);
    const int64_t due_ms = saga.due_ms;
    /* A process whose clock is behind brings a tick and an answer. */
    bring(&plan, &saga, SKALD_EVENT_TICK, 50000, NOBODY);
    assert_int_equal(saga.due_ms, due_ms);
    bring(&plan, &saga, SKALD_EVENT_DONE, 50000, (skald_operation){0, SKALD_RUN, 1});
    assert_int_equal(saga.last_ms, 100000);
    assert_int_equal(saga.steps[1].due_ms, 130000);
}

static void test_tick_before_its_time_changes_nothing(void **state)
{
    (void)state;
    skald_plan plan;
    skald_plan_make(&plan, scenario_definition("checkout"));
    skald_saga saga;
    skald_saga_init(&saga, &plan);
    bring(&plan, &saga, SKALD_EVENT_STARTED, 1000, NOBODY);
    skald_saga before = saga;
    bring(&plan, &saga, SKALD_EVENT_TICK, saga.due_ms - 1, NOBODY);
    before.last_ms = saga.last_ms;
    assert_memory_equal(&saga, &before, sizeof saga);
    assert_int_equal(decision.action_count, 0);
    assert_int_equal(decision.change_count, 0);
}

static void test_plan_fills_in_what_a_definition_leaves_out(void **state)
{
    (void)state;
    const skald_step steps[] = {
        {.name = "before", .run.activity = code, .undo.activity = code},
        {.name = "few", .run = {.activity = code, .retry = "50ms..30s, 2 times"}},
        {.name = "pivot", .run.local = code, .pivot = true},
        {.name = "behind", .run = {.activity = code, .timeout_ms = 5000}},
    };
    const skald_definition definition = {
        .name = "defaults", .version = 1, .steps = SKALD_STEPS(steps)};
    skald_plan plan;
    skald_plan_make(&plan, &definition);
    assert_int_equal(plan.pivot, 2);
    assert_int_equal(plan.steps[0].run.timeout_ms, 60000);
    assert_int_equal(plan.steps[0].run.retry.attempts_max, 10);
    assert_int_equal(plan.steps[0].undo.retry.for_ms, 72 * 3600 * 1000);
    assert_int_equal(plan.steps[0].undo.retry.attempts_max, 0);
    assert_int_equal(plan.steps[0].undo.retry.delay_ms_max, 3600 * 1000);
    assert_int_equal(plan.steps[1].run.retry.attempts_max, 2);
    assert_int_equal(plan.steps[1].run.retry.for_ms, 0);
    assert_false(plan.steps[2].after_pivot);
    assert_true(plan.steps[3].after_pivot);
    assert_int_equal(plan.steps[3].run.timeout_ms, 5000);
    assert_int_equal(plan.steps[3].run.retry.for_ms, 72 * 3600 * 1000);
    assert_int_equal(plan.steps[3].undo.kind, SKALD_WORK_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_widest_definition_fits_into_one_decision),
        cmocka_unit_test(test_same_saga_and_event_give_the_same_decision),
        cmocka_unit_test(test_plan_fills_in_what_a_definition_leaves_out),
        cmocka_unit_test(test_time_never_goes_back_for_a_saga),
        cmocka_unit_test(test_tick_before_its_time_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
