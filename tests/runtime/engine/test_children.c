/* Sagas that are steps of others. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

static const skald_step leg_steps[] = {
    {.name = "x", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "y",
     .run = {.activity = voyage_activity, .retry = "1ms..5ms, 2 times"},
     .undo.activity = voyage_activity},
};
static const skald_definition leg = {.name = "leg", .version = 1, .steps = SKALD_STEPS(leg_steps)};

static const skald_step trip_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "leg", .run = {.child = &leg, .compose = voyage_compose, .accept = voyage_accept}},
    {.name = "z", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition trip = {
    .name = "trip", .version = 1, .steps = SKALD_STEPS(trip_steps)};

static const skald_step tour_steps[] = {
    {.name = "trip", .run = {.child = &trip, .compose = voyage_compose}},
    {.name = "end", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition tour = {
    .name = "tour", .version = 1, .steps = SKALD_STEPS(tour_steps)};

static const skald_step last_steps[] = {
    {.name = "x", .run.local = voyage_local, .pivot = true},
    {.name = "y", .run.activity = voyage_activity},
};
static const skald_definition last = {
    .name = "last", .version = 1, .steps = SKALD_STEPS(last_steps)};

static const skald_step undone_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo = {.child = &leg, .compose = voyage_compose}},
    {.name = "z", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition undone = {
    .name = "undone", .version = 1, .steps = SKALD_STEPS(undone_steps)};

static const skald_definition *const all[] = {&trip, &leg, &tour, &last, &undone, NULL};

static voyages begin(void)
{
    const voyages_options options = {.definitions = all};
    return voyages_begin(&options);
}

static void nothing_is_left(const voyages *harbour)
{
    WAIT_UNTIL(database_integer(harbour->database, "SELECT count(*) FROM skald.saga_input") == 0);
    assert_int_equal(database_integer(harbour->database, "SELECT count(*) FROM skald.v_saga_stuck"),
                     0);
    assert_int_equal(database_integer(harbour->database,
                                      "SELECT count(*) FROM skald.saga WHERE ended_at IS NULL"),
                     0);
}

static void test_a_child_runs_and_its_state_is_accepted(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &trip, "v", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run z.run");
    assert_string_equal(voyages_log(&harbour, "v/leg/run.1"), "x.run y.run");
    assert_string_equal(voyages_took(&harbour, "v"), "a leg:1-took z");
    assert_string_equal(voyages_column(&harbour, "v/leg/run.1", "root || ' ' || parent"), "v v");
    nothing_is_left(&harbour);
    voyages_end(&harbour);
}

static void test_a_child_that_turns_back_turns_its_parent_back(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &trip, "v", "y.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    assert_string_equal(voyages_log(&harbour, "v/leg/run.1"), "x.run x.undo");
    nothing_is_left(&harbour);
    voyages_end(&harbour);
}

/* Nested: what has completed is taken back all the way down. */
static void test_a_completed_child_is_taken_back(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &tour, "v", "end.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v/trip/run.1"), "a.run z.run a.undo");
    assert_string_equal(voyages_log(&harbour, "v/trip/run.1/leg/run.1"),
                        "x.run y.run y.undo x.undo");
    nothing_is_left(&harbour);
    voyages_end(&harbour);
}

static void test_a_cancelled_parent_cancels_its_child(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &trip, "v", "y.run=wait", 1);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM called") == 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "v", "child"));
    voyages_cancel(&harbour, "v");
    WAIT_UNTIL(voyages_is(&harbour, "v/leg/run.1", "compensating"));
    voyages_open(&harbour, "v/leg/run.1");
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v/leg/run.1"), "x.run y.run y.undo x.undo");
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    nothing_is_left(&harbour);
    voyages_end(&harbour);
}

static void test_an_undo_may_be_a_child(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &undone, "v", "z.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v/a/undo.1"), "x.run y.run");
    nothing_is_left(&harbour);
    voyages_end(&harbour);
}

static void test_a_child_that_cannot_be_composed_is_a_failure(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &undone, "v", "z.run=refuse;a.undo=compose-fails", 1);
    WAIT_UNTIL(strcmp(voyages_column(&harbour, "v", "reason"), "nothing to compose") == 0);
    WAIT_UNTIL(voyages_awaits(&harbour, "v", "time"));
    voyages_end(&harbour);
}

static void test_a_definition_of_children_must_be_registered(void **state)
{
    (void)state;
    voyages harbour = voyages_prepare();
    static const skald_definition *const some[] = {&trip, NULL};
    const voyages_options options = {.definitions = some, .unstarted = true};
    harbour.service = voyages_service(harbour.database, &options);
    skald_error error = {0};
    assert_status(skald_service_start(harbour.service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "children of definition \"leg\"");
    skald_service_free(harbour.service);
    harbour.service = NULL;
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_child_runs_and_its_state_is_accepted),
        cmocka_unit_test(test_a_child_that_turns_back_turns_its_parent_back),
        cmocka_unit_test(test_a_completed_child_is_taken_back),
        cmocka_unit_test(test_a_cancelled_parent_cancels_its_child),
        cmocka_unit_test(test_an_undo_may_be_a_child),
        cmocka_unit_test(test_a_child_that_cannot_be_composed_is_a_failure),
        cmocka_unit_test(test_a_definition_of_children_must_be_registered),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
