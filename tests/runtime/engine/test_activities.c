/* Activities of sagas: jobs, one per attempt, whose ends are always told. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

#include <signal.h>

static const skald_step call_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b",
     .run = {.activity = voyage_activity,
             .verify = voyage_verify,
             .accept = voyage_accept,
             .retry = "1ms..5ms, 3 times"},
     .undo = {.activity = voyage_activity, .retry = "1ms..5ms, 3 times"}},
    {.name = "c", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition call = {
    .name = "call", .version = 1, .steps = SKALD_STEPS(call_steps)};

/* A short time, after which the saga turns back. */
static const skald_step hurry_steps[] = {
    {.name = "b",
     .run = {.activity = voyage_activity,
             .timeout_ms = 300,
             .on_timeout = SKALD_TIMEOUT_COMPENSATES},
     .undo = {.activity = voyage_activity, .retry = "1ms..5ms, 3 times"}},
};
static const skald_definition hurry = {
    .name = "hurry", .version = 1, .steps = SKALD_STEPS(hurry_steps)};

/* Nobody can be asked. */
static const skald_step blind_steps[] = {
    {.name = "b",
     .run = {.activity = voyage_activity, .retry = "1ms..5ms, 2 times"},
     .undo = {.activity = voyage_activity, .retry = "1ms..5ms, 3 times"}},
};
static const skald_definition blind = {
    .name = "blind", .version = 1, .steps = SKALD_STEPS(blind_steps)};

static const skald_definition *const all[] = {&call, &hurry, &blind, NULL};

static voyages begin(void)
{
    const voyages_options options = {.definitions = all};
    return voyages_begin(&options);
}

static void all_is_over(const voyages *harbour)
{
    assert_int_equal(database_integer(harbour->database, "SELECT count(*) FROM skald.v_saga_stuck"),
                     0);
    assert_int_equal(database_integer(harbour->database,
                                      "SELECT count(*) FROM skald.job WHERE state IN ('waiting',"
                                      " 'running', 'dead')"),
                     0);
}

static void test_its_result_is_accepted(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &call, "v", "b.run=result", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run");
    assert_string_equal(voyages_took(&harbour, "v"), "a b:7 c");
    assert_string_equal(
        database_text(harbour.database, "SELECT key || ' ' || undoes || '.' FROM called"),
        "harbour/v/b/run.1 .");
    all_is_over(&harbour);
    voyages_end(&harbour);
}

static void test_a_refusal_turns_back_and_an_undo_carries_both_keys(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &call, "no", "b.run=refuse-late", 1);
    voyages_start(&harbour, &call, "later", "c.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "no", "compensated"));
    WAIT_UNTIL(voyages_is(&harbour, "later", "compensated"));
    assert_string_equal(voyages_log(&harbour, "no"), "a.run a.undo");
    assert_string_equal(voyages_column(&harbour, "no", "reason"), "b says no");
    assert_string_equal(voyages_log(&harbour, "later"), "a.run b.run b.undo a.undo");
    assert_string_equal(database_text(harbour.database,
                                      "SELECT key || ' ' || undoes FROM called WHERE saga = 'later'"
                                      " AND direction = 'undo'"),
                        "harbour/later/b/undo.1 harbour/later/b/run.1");
    all_is_over(&harbour);
    voyages_end(&harbour);
}

/* The machine retries, with the same key; each attempt is a job of its own. A failed one may have
 * had its effect: the next one asks first. */
static void test_a_failure_is_tried_again_and_the_outside_is_asked_first(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &call, "v", "b.run=unknown 1", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_called(&harbour, "v"), "b.run.run b.run.verify");
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run");
    assert_int_equal(database_integer(harbour.database, "SELECT count(DISTINCT key) FROM called"),
                     1);
    assert_int_equal(
        database_integer(harbour.database, "SELECT count(*) FROM skald.job WHERE queue = '@sagas'"),
        2);
    all_is_over(&harbour);
    voyages_end(&harbour);
}

static void test_what_is_given_up_may_be_done_and_is_undone(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &blind, "v", "b.run=sql", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_called(&harbour, "v"), "b.run.run b.run.run b.undo.run");
    assert_string_equal(voyages_log(&harbour, "v"), "b.undo");
    all_is_over(&harbour);
    voyages_end(&harbour);
}

/* DTM: a late action after its compensation. */
static void test_a_late_success_after_the_way_back_is_undone_again(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &hurry, "v", "b.run=wait", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "b.undo");
    /* The abandoned attempt was told to end, and told that it had failed; a provider that did it
     * all the same is heard late. */
    WAIT_UNTIL(database_integer(harbour.database,
                                "SELECT count(*) FROM skald.job WHERE state = 'running'") == 0);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga_input") == 0);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    const int64_t undone = database_integer(harbour.database, "SELECT count(*) FROM logbook");

    database_run(harbour.database,
                 "INSERT INTO skald.saga_input (partition, saga, event, operation)"
                 " SELECT partition, id, 'done', 'v/b/run.1' FROM skald.saga");
    skald_ring(harbour.service);

    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM logbook WHERE direction ="
                                                  " 'undo'") == undone + 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    all_is_over(&harbour);
    voyages_end(&harbour);
}

/* A duplicate of an answer counts once. */
static void test_an_answer_that_comes_twice_is_counted_as_stale(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &call, "v", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    const char *turns = voyages_column(&harbour, "v", "turns");
    for (int i = 0; i < 5; i++)
        database_run(harbour.database,
                     "INSERT INTO skald.saga_input (partition, saga, event, operation)"
                     " SELECT partition, id, 'done', 'v/b/run.1' FROM skald.saga");
    skald_ring(harbour.service);
    WAIT_UNTIL(strcmp(voyages_column(&harbour, "v", "stale"), "5") == 0);
    assert_string_equal(voyages_column(&harbour, "v", "turns"), turns);
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run");
    voyages_end(&harbour);
}

static void test_a_cancelled_saga_awaits_what_is_under_way_and_undoes_it(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &call, "v", "b.run=wait", 1);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM called") == 1);
    voyages_cancel(&harbour, "v");
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensating"));
    voyages_open(&harbour, "v");
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run b.undo a.undo");
    all_is_over(&harbour);
    voyages_end(&harbour);
}

/* Its process is killed while the call is out: the next one finds the job lost, tells it as a
 * failure, and the next attempt asks the outside. */
/* The saga has decided long ago what follows. */
static void test_an_attempt_is_not_replayed_behind_the_back_of_its_saga(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &call, "v", "b.run=fail 1", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run");
    assert_contains(database_text(harbour.database,
                                  "SELECT skald.job_replay(id, 'alice', 'again') FROM skald.job"
                                  " WHERE state = 'discarded'"),
                    "is an attempt of saga \"v\"");
    assert_contains(
        database_text(harbour.database,
                      "SELECT skald.job_edit(id, gen_random_uuid()::text, NULL, NULL,"
                      " '', 'alice', 'again') FROM skald.job WHERE state = 'discarded'"),
        "is an attempt of saga \"v\"");
    all_is_over(&harbour);
    voyages_end(&harbour);
}

static void test_a_lost_attempt_is_told_as_a_failure(void **state)
{
    (void)state;
    voyages harbour = voyages_prepare();
    test_child *first = voyages_child(harbour.database, NULL);
    WAIT_UNTIL(database_integer(harbour.database,
                                "SELECT count(*) FROM skald.position WHERE"
                                " follower = '@sagas' AND holder IS NOT NULL") == 16);
    const voyages_options unstarted = {.definitions = all, .lease_ms = 1000};
    harbour.service = voyages_service(harbour.database, &unstarted);
    voyages_start(&harbour, &call, "v", "b.run=wait", 1);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM called") == 1);
    child_signal(first, SIGKILL);
    voyages_stop(&harbour);
    child_free(first);

    voyages_open(&harbour, "v");
    harbour.service = voyages_service(harbour.database, &unstarted);

    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run b.run c.run");
    all_is_over(&harbour);
    voyages_end(&harbour);
}

int main(int argc, char **argv)
{
    voyages_child_become(argc, argv, all);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_its_result_is_accepted),
        cmocka_unit_test(test_a_refusal_turns_back_and_an_undo_carries_both_keys),
        cmocka_unit_test(test_a_failure_is_tried_again_and_the_outside_is_asked_first),
        cmocka_unit_test(test_what_is_given_up_may_be_done_and_is_undone),
        cmocka_unit_test(test_a_late_success_after_the_way_back_is_undone_again),
        cmocka_unit_test(test_an_answer_that_comes_twice_is_counted_as_stale),
        cmocka_unit_test(test_a_cancelled_saga_awaits_what_is_under_way_and_undoes_it),
        cmocka_unit_test(test_an_attempt_is_not_replayed_behind_the_back_of_its_saga),
        cmocka_unit_test(test_a_lost_attempt_is_told_as_a_failure),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
