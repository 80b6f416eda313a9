/* Several versions side by side, definitions that are gone, sagas that are stuck. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

static const skald_step old_steps[] = {
    {.name = "a", .run.local = voyage_local},
    {.name = "hold", .run = {.wait_for = "go", .timeout_ms = 3600 * 1000}},
    {.name = "b", .run.local = voyage_local},
};
static const skald_definition old = {
    .name = "route", .version = 1, .steps = SKALD_STEPS(old_steps)};

static const skald_step new_steps[] = {
    {.name = "a", .run.local = voyage_local},
    {.name = "hold", .run = {.wait_for = "go", .timeout_ms = 3600 * 1000}},
    {.name = "c", .run.local = voyage_local},
};
static const skald_definition newer = {
    .name = "route", .version = 2, .steps = SKALD_STEPS(new_steps)};

static const skald_definition changed = {
    .name = "route", .version = 1, .steps = SKALD_STEPS(new_steps)};

static const skald_definition *const only_old[] = {&old, NULL};
static const skald_definition *const only_new[] = {&newer, NULL};
static const skald_definition *const both[] = {&newer, &old, NULL};
static const skald_definition *const only_changed[] = {&changed, NULL};

/* One saga of the old version waits; its service is gone. */
static voyages waiting(void)
{
    const voyages_options options = {.definitions = only_old};
    voyages harbour = voyages_begin(&options);
    voyages_start(&harbour, &old, "v", "", 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "v", "message"));
    voyages_stop(&harbour);
    return harbour;
}

static void refused(voyages *harbour, const skald_definition *const *definitions, const char *part)
{
    const voyages_options options = {.definitions = definitions, .unstarted = true};
    harbour->service = voyages_service(harbour->database, &options);
    skald_error error = {0};
    assert_status(skald_service_start(harbour->service, &error), SKALD_SCHEMA, &error);
    assert_contains(error.text, part);
    skald_service_free(harbour->service);
    harbour->service = NULL;
}

static void test_old_sagas_stay_with_their_version(void **state)
{
    (void)state;
    voyages harbour = waiting();
    const voyages_options options = {.definitions = both};
    harbour.service = voyages_service(harbour.database, &options);
    voyages_start(&harbour, &newer, "w", "", 1);
    voyages_signal(&harbour, "v", "go", 1);
    voyages_signal(&harbour, "w", "go", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "w", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run");
    assert_string_equal(voyages_log(&harbour, "w"), "a.run c.run");
    voyages_end(&harbour);
}

static void test_a_start_without_the_definition_of_open_sagas_is_refused(void **state)
{
    (void)state;
    voyages harbour = waiting();
    refused(&harbour, only_new, "1 sagas of definition \"route\" version 1 are open");
    refused(&harbour, only_changed, "route");
    voyages_end(&harbour);
}

static void test_they_are_parked_when_that_is_wanted_and_go_on_when_it_is_back(void **state)
{
    (void)state;
    voyages harbour = waiting();
    voyages_options options = {.definitions = only_new, .options = SKALD_SAGA_OPTIONS_INIT};
    options.options.gone = SKALD_GONE_PARKS;
    harbour.service = voyages_service(harbour.database, &options);
    WAIT_UNTIL(voyages_awaits(&harbour, "v", "blocked"));
    voyages_signal(&harbour, "v", "go", 1);
    WAIT_UNTIL(database_integer(harbour.database,
                                "SELECT count(*) FROM skald.saga_input WHERE early") == 1);
    voyages_stop(&harbour);

    options.definitions = both;
    harbour.service = voyages_service(harbour.database, &options);

    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run");
    voyages_end(&harbour);
}

static void test_a_saga_that_nothing_would_move_is_found_and_looked_at(void **state)
{
    (void)state;
    const voyages_options options = {.definitions = only_old};
    voyages harbour = voyages_begin(&options);
    voyages_start(&harbour, &old, "v", "", 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "v", "message"));
    database_run(harbour.database, "UPDATE skald.saga SET due_at = 'infinity', future = 'nothing'");
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.v_saga_stuck") == 0);
    /* Its time is there again. */
    WAIT_UNTIL(voyages_awaits(&harbour, "v", "message"));
    voyages_signal(&harbour, "v", "go", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_old_sagas_stay_with_their_version),
        cmocka_unit_test(test_a_start_without_the_definition_of_open_sagas_is_refused),
        cmocka_unit_test(test_they_are_parked_when_that_is_wanted_and_go_on_when_it_is_back),
        cmocka_unit_test(test_a_saga_that_nothing_would_move_is_found_and_looked_at),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
