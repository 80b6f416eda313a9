/* Power cuts at every named point, and steps that end their process. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

static const skald_step part_steps[] = {
    {.name = "x", .run.local = voyage_local, .undo.local = voyage_local},
};
static const skald_definition part = {
    .name = "part", .version = 1, .steps = SKALD_STEPS(part_steps)};

static const skald_step whole_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b",
     .run = {.activity = voyage_activity, .verify = voyage_verify},
     .undo.local = voyage_local},
    {.name = "part", .run = {.child = &part, .compose = voyage_compose}},
    {.name = "z", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition whole = {
    .name = "whole", .version = 1, .steps = SKALD_STEPS(whole_steps)};

static const skald_definition *const all[] = {&whole, &part, NULL};

static int64_t open_count(const voyages *harbour)
{
    return database_integer(harbour->database,
                            "SELECT count(*) FROM skald.saga WHERE ended_at IS NULL");
}

/* Whatever was cut short, each step is done once, and nothing is left over. */
static void cut(const char *point, int pass)
{
    char crash[64];
    snprintf(crash, sizeof crash, "%s:%d", point, pass);
    voyages harbour = voyages_prepare();
    voyages_insert(&harbour, &whole, "there", "", 1);
    voyages_insert(&harbour, &whole, "back", "z.run=refuse", 1);
    test_child *first = voyages_child(harbour.database, crash);
    assert_int_equal(child_wait(first), 137);
    child_free(first);

    test_child *second = voyages_child(harbour.database, NULL);
    WAIT_UNTIL(strstr(child_err(second), "SERVICE-RUNS") != NULL);
    WAIT_UNTIL(open_count(&harbour) == 0 &&
               database_integer(harbour.database, "SELECT count(*) FROM skald.saga") == 4);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga_input") == 0);
    voyages_child_stop(second);

    assert_string_equal(voyages_column(&harbour, "there", "phase"), "completed");
    assert_string_equal(voyages_log(&harbour, "there"), "a.run b.run z.run");
    assert_string_equal(voyages_log(&harbour, "there/part/run.1"), "x.run");
    assert_string_equal(voyages_column(&harbour, "back", "phase"), "compensated");
    assert_string_equal(voyages_log(&harbour, "back"), "a.run b.run b.undo a.undo");
    assert_string_equal(voyages_log(&harbour, "back/part/run.1"), "x.run x.undo");
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.v_saga_stuck"),
                     0);
    voyages_end(&harbour);
}

static void test_a_cut_before_anything_is_read(void **state)
{
    (void)state;
    cut("engine-begun", 1);
    cut("engine-begun", 3);
}

static void test_a_cut_after_the_steps(void **state)
{
    (void)state;
    cut("engine-stepped", 1);
    cut("engine-stepped", 2);
}

static void test_a_cut_when_everything_was_sent(void **state)
{
    (void)state;
    cut("engine-sent", 1);
    cut("engine-sent", 3);
}

static void test_a_cut_behind_the_commit(void **state)
{
    (void)state;
    cut("engine-committed", 1);
    cut("engine-committed", 2);
}

static void test_a_cut_around_the_end_of_an_activity(void **state)
{
    (void)state;
    cut("job-run", 1);
    cut("job-end-sent", 1);
    cut("job-ended", 1);
}

/* A step that ends its process runs alone from then on; with the third time a person decides. The
 * others are not held up. */
static void test_a_step_that_ends_its_process_is_blocked(void **state)
{
    (void)state;
    voyages harbour = voyages_prepare();
    test_child *child = voyages_child_supervised(harbour.database);
    voyages_insert(&harbour, &whole, "bad", "a.run=crash", 1);
    voyages_insert(&harbour, &whole, "good", "", 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "bad", "blocked"));
    WAIT_UNTIL(voyages_is(&harbour, "good", "completed"));
    assert_contains(voyages_column(&harbour, "bad", "blocked"), "step \"a\" ended its process");
    assert_string_equal(voyages_column(&harbour, "bad", "crashes"), "3");
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.v_saga_task"
                                                        " WHERE step IS NULL"),
                     1);
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.v_saga_stuck"),
                     0);

    /* A retry that ends its process again is spent by that, and does not end the next one too. */
    voyages_ask(&harbour, "bad", "retry", "");
    WAIT_UNTIL(atoi(voyages_column(&harbour, "bad", "crashes")) == 4);
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.saga_input"),
                     0);
    assert_true(voyages_awaits(&harbour, "bad", "blocked"));

    /* It is mended, and a person lets it go on. */
    database_run(harbour.database, "UPDATE skald.saga SET state = (SELECT state FROM skald.saga"
                                   " WHERE id = 'good') WHERE id = 'bad'");
    voyages_ask(&harbour, "bad", "retry", "");

    WAIT_UNTIL(voyages_is(&harbour, "bad", "completed"));
    assert_string_equal(voyages_column(&harbour, "bad", "crashes"), "0");
    voyages_child_stop(child);
    voyages_end(&harbour);
}

int main(int argc, char **argv)
{
    voyages_child_become(argc, argv, all);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_cut_before_anything_is_read),
        cmocka_unit_test(test_a_cut_after_the_steps),
        cmocka_unit_test(test_a_cut_when_everything_was_sent),
        cmocka_unit_test(test_a_cut_behind_the_commit),
        cmocka_unit_test(test_a_cut_around_the_end_of_an_activity),
        cmocka_unit_test(test_a_step_that_ends_its_process_is_blocked),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
