/* Local steps, conditions, refusals, failures and the way back, in the saga's own transaction. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

static const skald_step plain_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b",
     .run = {.local = voyage_local, .retry = "1ms..5ms, 3 times"},
     .undo.local = voyage_local},
    {.name = "c",
     .run = {.local = voyage_local, .retry = "1ms..5ms, 3 times"},
     .undo = {.local = voyage_local, .retry = "1ms..5ms, 3 times"}},
    {.name = "d", .run = {.local = voyage_local, .retry = "1ms..5ms, 3 times"}},
};
static const skald_definition plain = {
    .name = "plain", .version = 1, .steps = SKALD_STEPS(plain_steps)};

static const skald_step optional_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b", .run.local = voyage_local, .undo.local = voyage_local, .only_if = voyage_needed},
    {.name = "c", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition optional = {
    .name = "optional", .version = 1, .steps = SKALD_STEPS(optional_steps)};

static const skald_step pivot_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b", .run.local = voyage_local, .pivot = true},
    {.name = "c", .run = {.local = voyage_local, .retry = "1ms..5ms, 2 times"}},
};
static const skald_definition pivot = {
    .name = "pivot", .version = 1, .steps = SKALD_STEPS(pivot_steps)};

static const skald_step branch_steps[] = {
    {.name = "left", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "right", .run.local = voyage_local, .undo.local = voyage_local},
};
static const skald_step group_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "both", .run.parallel = SKALD_STEPS(branch_steps)},
    {.name = "z", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition group = {
    .name = "group", .version = 1, .steps = SKALD_STEPS(group_steps)};

static const skald_definition *const all[] = {&plain, &optional, &pivot, &group, NULL};

static voyages begin(void)
{
    const voyages_options options = {.definitions = all};
    return voyages_begin(&options);
}

static int64_t stuck(const voyages *harbour)
{
    return database_integer(harbour->database, "SELECT count(*) FROM skald.v_saga_stuck") +
           database_integer(harbour->database, "SELECT count(*) FROM skald.saga_input") +
           database_integer(harbour->database, "SELECT count(*) FROM skald.v_debts");
}

static void test_steps_run_in_order_in_one_transaction(void **state)
{
    (void)state;
    voyages harbour = begin();

    assert_true(voyages_start(&harbour, &plain, "v", "", 1));

    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run d.run");
    assert_string_equal(voyages_took(&harbour, "v"), "a b c d");
    assert_string_equal(voyages_column(&harbour, "v", "turns"), "1");
    assert_string_equal(voyages_column(&harbour, "v", "future"), "ended");
    assert_int_equal(stuck(&harbour), 0);
    voyages_end(&harbour);
}

static void test_starting_twice_starts_one(void **state)
{
    (void)state;
    voyages harbour = begin();
    assert_true(voyages_start(&harbour, &plain, "v", "", 1));
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));

    assert_false(voyages_start(&harbour, &plain, "v", "", 1));

    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run d.run");
    voyages_end(&harbour);
}

/* Eventuate: a failure in the first, a middle and the last step. */
static void test_a_refusal_undoes_what_was_done_in_reverse_order(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &plain, "first", "a.run=refuse", 1);
    voyages_start(&harbour, &plain, "middle", "c.run=refuse", 1);
    voyages_start(&harbour, &plain, "last", "d.run=refuse-late", 1);

    WAIT_UNTIL(voyages_is(&harbour, "first", "compensated"));
    WAIT_UNTIL(voyages_is(&harbour, "middle", "compensated"));
    WAIT_UNTIL(voyages_is(&harbour, "last", "compensated"));
    assert_string_equal(voyages_log(&harbour, "first"), "");
    assert_string_equal(voyages_log(&harbour, "middle"), "a.run b.run b.undo a.undo");
    /* What the refused step itself had written is gone. */
    assert_string_equal(voyages_log(&harbour, "last"), "a.run b.run c.run c.undo b.undo a.undo");
    assert_string_equal(voyages_column(&harbour, "last", "reason"), "d says no");
    assert_int_equal(stuck(&harbour), 0);
    voyages_end(&harbour);
}

static void test_an_undo_carries_the_key_of_its_run(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &plain, "v", "b.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(database_text(harbour.database,
                                      "SELECT string_agg(key || ' ' || undoes, ', ' ORDER BY at)"
                                      " FROM logbook"),
                        "harbour/v/a/run.1 , harbour/v/a/undo.1 harbour/v/a/run.1");
    voyages_end(&harbour);
}

static void test_a_failure_is_tried_again_and_only_its_own_effects_are_rolled_back(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &plain, "clean", "b.run=fail 2", 1);
    voyages_start(&harbour, &plain, "dirty", "b.run=fail-late 2", 1);
    voyages_start(&harbour, &plain, "sql", "b.run=sql 2", 1);
    voyages_start(&harbour, &plain, "good", "", 1);

    WAIT_UNTIL(voyages_is(&harbour, "clean", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "dirty", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "sql", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "good", "completed"));
    assert_string_equal(voyages_log(&harbour, "clean"), "a.run b.run c.run d.run");
    assert_string_equal(voyages_log(&harbour, "dirty"), "a.run b.run c.run d.run");
    assert_string_equal(voyages_log(&harbour, "sql"), "a.run b.run c.run d.run");
    assert_string_equal(voyages_took(&harbour, "sql"), "a b c d");
    voyages_end(&harbour);
}

/* Refusal and unexpected error lead to the same end, by different ways. */
static void test_a_step_that_is_given_up_turns_the_saga_back(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &plain, "fail", "c.run=fail", 1);
    voyages_start(&harbour, &plain, "commit", "c.run=commit", 1);

    WAIT_UNTIL(voyages_is(&harbour, "fail", "compensated"));
    WAIT_UNTIL(voyages_is(&harbour, "commit", "compensated"));
    assert_string_equal(voyages_log(&harbour, "fail"), "a.run b.run b.undo a.undo");
    assert_string_equal(voyages_log(&harbour, "commit"), "a.run b.run b.undo a.undo");
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM strict"), 0);
    voyages_end(&harbour);
}

static void test_many_failing_sagas_do_not_hold_up_good_ones(void **state)
{
    (void)state;
    voyages harbour = begin();
    for (int i = 0; i < 60; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        voyages_start(&harbour, &plain, id,
                      i % 3 == 0   ? "d.run=refuse-late"
                      : i % 3 == 1 ? "c.run=sql 1"
                                   : "",
                      1);
    }
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga WHERE"
                                                  " phase = 'completed'") == 40);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga WHERE"
                                                  " phase = 'compensated'") == 20);
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM logbook"),
                     40 * 4 + 20 * 6);
    assert_int_equal(stuck(&harbour), 0);
    voyages_end(&harbour);
}

static void test_a_condition_leaves_a_step_out(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &optional, "with", "", 1);
    voyages_start(&harbour, &optional, "without", "", 0);
    voyages_start(&harbour, &optional, "back", "c.run=refuse", 0);

    WAIT_UNTIL(voyages_is(&harbour, "with", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "without", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "back", "compensated"));
    assert_string_equal(voyages_log(&harbour, "with"), "a.run b.run c.run");
    assert_string_equal(voyages_log(&harbour, "without"), "a.run c.run");
    assert_string_equal(voyages_log(&harbour, "back"), "a.run a.undo");
    voyages_end(&harbour);
}

static void test_behind_the_pivot_a_failure_becomes_a_persons_task(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &pivot, "v", "c.run=fail 3", 1);

    WAIT_UNTIL(voyages_awaits(&harbour, "v", "person"));
    assert_string_equal(
        database_text(harbour.database, "SELECT saga || ' ' || step FROM skald.v_saga_task"),
        "v c");
    voyages_cancel(&harbour, "v");
    voyages_ask(&harbour, "v", "retry", "c");

    WAIT_UNTIL(voyages_awaits(&harbour, "v", "person") || voyages_is(&harbour, "v", "completed"));
    voyages_ask(&harbour, "v", "skip", "c");
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.v_saga_task"),
                     0);
    assert_contains(
        database_text(harbour.database, "SELECT string_agg(lines, E'\n') FROM skald.saga_history"),
        "too late: the pivot is done");
    assert_int_equal(database_integer(harbour.database,
                                      "SELECT count(*) FROM skald.saga_history WHERE actor ="
                                      " 'alice' AND lines LIKE 'alice asks: %'") > 0,
                     1);
    voyages_end(&harbour);
}

static void test_an_undo_that_fails_is_owed_until_a_person_decides(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &plain, "v", "d.run=refuse;c.undo=fail", 1);

    WAIT_UNTIL(voyages_awaits(&harbour, "v", "person"));
    assert_string_equal(database_text(harbour.database,
                                      "SELECT string_agg(step, ' ' ORDER BY step) FROM"
                                      " skald.v_debts WHERE saga = 'v'"),
                        "a b c");
    voyages_ask(&harbour, "v", "resolve-done", "c");

    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run b.undo a.undo");
    assert_int_equal(stuck(&harbour), 0);
    voyages_end(&harbour);
}

static void test_a_parallel_group_is_undone_in_reverse(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &group, "there", "", 1);
    voyages_start(&harbour, &group, "back", "z.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "there", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "back", "compensated"));
    assert_string_equal(voyages_log(&harbour, "there"), "a.run left.run right.run z.run");
    assert_string_equal(voyages_log(&harbour, "back"),
                        "a.run left.run right.run right.undo left.undo a.undo");
    voyages_end(&harbour);
}

static void test_each_step_commits_by_itself_when_asked_to(void **state)
{
    (void)state;
    voyages_options options = {.definitions = all, .options = SKALD_SAGA_OPTIONS_INIT};
    options.options.commit_each = true;
    voyages harbour = voyages_begin(&options);
    voyages_start(&harbour, &plain, "v", "", 1);
    voyages_start(&harbour, &plain, "w", "d.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "w", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run d.run");
    assert_string_equal(voyages_log(&harbour, "w"), "a.run b.run c.run c.undo b.undo a.undo");
    assert_int_equal(atoi(voyages_column(&harbour, "v", "turns")), 4);
    voyages_end(&harbour);
}

/* A zombie's turn is refused by the epoch. */
static void test_an_owner_that_was_fenced_changes_nothing(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &plain, "before", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "before", "completed"));
    database_run(harbour.database,
                 "UPDATE skald.position SET epoch = epoch + 1 WHERE follower = '@sagas'");

    voyages_start(&harbour, &plain, "v", "", 1);

    /* It takes the partitions anew, and goes on under the right epoch. */
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run d.run");
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_run_in_order_in_one_transaction),
        cmocka_unit_test(test_starting_twice_starts_one),
        cmocka_unit_test(test_a_refusal_undoes_what_was_done_in_reverse_order),
        cmocka_unit_test(test_an_undo_carries_the_key_of_its_run),
        cmocka_unit_test(test_a_failure_is_tried_again_and_only_its_own_effects_are_rolled_back),
        cmocka_unit_test(test_a_step_that_is_given_up_turns_the_saga_back),
        cmocka_unit_test(test_many_failing_sagas_do_not_hold_up_good_ones),
        cmocka_unit_test(test_a_condition_leaves_a_step_out),
        cmocka_unit_test(test_behind_the_pivot_a_failure_becomes_a_persons_task),
        cmocka_unit_test(test_an_undo_that_fails_is_owed_until_a_person_decides),
        cmocka_unit_test(test_a_parallel_group_is_undone_in_reverse),
        cmocka_unit_test(test_each_step_commits_by_itself_when_asked_to),
        cmocka_unit_test(test_an_owner_that_was_fenced_changes_nothing),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
