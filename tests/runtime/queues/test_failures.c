/* What becomes of a job that fails, in every way in which one can. */
#include "support/database.h"
#include "support/errands.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

static const char *attempts(const errands *shop)
{
    return database_text(shop->database,
                         "SELECT coalesce(string_agg(outcome || coalesce(' ' || sqlstate, ''), ', '"
                         " ORDER BY job, number), '') FROM skald.attempt");
}

static const char *job(const errands *shop, const char *column)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT %s FROM skald.job ORDER BY id LIMIT 1", column);
    return database_text(shop->database, sql);
}

static const char *calls(const errands *shop)
{
    return database_text(shop->database, "SELECT string_agg(what, ' ' ORDER BY at) FROM called");
}

static void test_a_failed_job_is_tried_again_and_its_attempts_are_kept(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "fail 3", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);

    assert_int_equal(errands_look(&shop, id).attempts, 3);
    assert_string_equal(attempts(&shop), "failed, failed, failed");
    assert_int_equal(errands_done(&shop), 1);
    assert_int_equal(database_integer(shop.database, "SELECT attempt FROM errand"), 3);
    /* Each call was told the same key. */
    assert_int_equal(
        database_integer(shop.database, "SELECT count(DISTINCT idempotency_key) FROM called"), 1);
    assert_string_equal(database_text(shop.database, "SELECT DISTINCT idempotency_key FROM called"),
                        id);
    assert_int_equal(database_integer(shop.database,
                                      "SELECT count(*) FROM skald.attempt WHERE host IS NOT NULL"
                                      " AND pid > 0 AND process IS NOT NULL"
                                      " AND ended_at >= started_at"),
                     3);
    skald_counters counters;
    skald_service_counters(shop.service, &counters);
    assert_int_equal(counters.jobs_failed, 3);
    errands_end(&shop);
}

static void test_a_job_is_given_up_at_the_bound_of_its_policy_and_can_be_replayed(void **state)
{
    (void)state;
    static const skald_policy policy = {.retry = "1ms..5ms, 3 times"};
    const errands_options options = {.policy = &policy};
    errands shop = errands_begin(&options);
    char id[37];
    errands_add(&shop, "k", 1, "fail", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DEAD);

    assert_int_equal(errands_seen(&shop), 3);
    assert_string_equal(job(&shop, "reason"), "errand 1 failed");
    assert_int_equal(strlen(job(&shop, "fingerprint")), 16);
    skald_counters counters;
    skald_service_counters(shop.service, &counters);
    assert_int_equal(counters.dead, 1);

    assert_string_equal(
        database_text(shop.database, "SELECT skald.job_replay(id, 'test', '') FROM skald.job"),
        "ok");
    WAIT_UNTIL(errands_seen(&shop) == 6);
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DEAD);
    assert_string_equal(attempts(&shop),
                        "failed, failed, failed, replayed, failed, failed, failed");
    errands_end(&shop);
}

static void test_a_bound_in_time_is_that_of_the_database_s_clock(void **state)
{
    (void)state;
    static const skald_policy policy = {.retry = "1h..1h for 72h"};
    const errands_options options = {.policy = &policy};
    errands shop = errands_begin(&options);
    char id[37];
    errands_add(&shop, "k", 1, "fail", NULL, id);
    WAIT_UNTIL(errands_look(&shop, id).attempts == 1);

    for (int hour = 1; errands_state(&shop, id) != SKALD_JOB_DEAD; hour++) {
        assert_true(hour <= 80);
        char sql[256];
        snprintf(sql, sizeof sql,
                 "CREATE OR REPLACE FUNCTION skald.now() RETURNS timestamptz LANGUAGE sql"
                 " AS 'SELECT clock_timestamp() + interval ''%d hours'''",
                 hour);
        database_run(shop.database, sql);
        const uint32_t before = errands_look(&shop, id).attempts;
        skald_ring(shop.service);
        /* A wait drawn from 0 to one hour is over in every hour. */
        WAIT_UNTIL(errands_look(&shop, id).attempts > before ||
                   errands_state(&shop, id) == SKALD_JOB_DEAD);
    }

    assert_true(database_integer(shop.database,
                                 "SELECT extract(epoch FROM ended_at - first_failed_at)"
                                 " FROM skald.job") >= 72 * 3600 - 60);
    errands_end(&shop);
}

static void test_not_yet_is_no_failure(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "early 3", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);

    assert_string_equal(attempts(&shop), "not yet, not yet, not yet");
    assert_int_equal(errands_look(&shop, id).attempts, 0);
    errands_end(&shop);
}

static void test_a_time_that_the_outside_gave_is_honoured(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "later 3600000", NULL, id);

    WAIT_UNTIL(errands_look(&shop, id).attempts == 1);

    assert_true(database_integer(shop.database,
                                 "SELECT extract(epoch FROM due_at - now()) FROM skald.job") >
                3500);
    errands_end(&shop);
}

static void test_a_job_that_need_not_be_done_is_over_and_what_it_did_stays(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "skip", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_OVER);

    assert_int_equal(errands_done(&shop), 1);
    assert_string_equal(job(&shop, "state"), "skipped");
    assert_string_equal(attempts(&shop), "skipped");
    errands_end(&shop);
}

static void test_what_is_unknown_is_verified_and_not_done_twice(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "unknown", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);

    assert_string_equal(calls(&shop), "run verify");
    assert_string_equal(attempts(&shop), "timed out");
    assert_int_equal(errands_done(&shop), 1);
    errands_end(&shop);
}

static void test_verify_that_finds_nothing_lets_it_run(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    skald_enqueue_options later = SKALD_ENQUEUE_OPTIONS_INIT;
    later.delay_ms = 3600 * 1000;
    errands_add(&shop, "k", 1, "", &later, id);
    database_run(shop.database, "UPDATE skald.job SET maybe_done = true, due_at = now()");
    skald_ring(shop.service);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);

    assert_string_equal(calls(&shop), "run");
    assert_string_equal(job(&shop, "maybe_done"), "f");
    errands_end(&shop);
}

/* The call went out; what it left behind cannot be carried out. */
static void test_a_statement_that_fails_fails_its_job_alone_and_leaves_nothing(void **state)
{
    (void)state;
    static const skald_policy policy = {.retry = "never"};
    const errands_options options = {.policy = &policy};
    errands shop = errands_begin(&options);
    PQclear(PQexec(shop.connection, "BEGIN"));
    char id[37];
    for (int i = 0; i < 20; i++)
        errands_add(&shop, "k", i, i == 7 ? "sql" : "", NULL, i == 7 ? id : NULL);
    PQclear(PQexec(shop.connection, "COMMIT"));
    skald_ring(shop.service);

    WAIT_UNTIL(errands_done(&shop) == 19);
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DEAD);

    assert_string_equal(attempts(&shop), "failed 22P02");
    assert_string_equal(database_text(shop.database, "SELECT sqlstate || maybe_done FROM skald.job"
                                                     " WHERE state = 'dead'"),
                        "22P02true");
    assert_int_equal(
        database_integer(shop.database, "SELECT count(*) FROM errand WHERE number = 7"), 0);
    errands_end(&shop);
}

static void test_a_body_that_cannot_be_decoded_is_kept_for_a_person(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    skald_enqueue_options later = SKALD_ENQUEUE_OPTIONS_INIT;
    later.delay_ms = 3600 * 1000;
    errands_add(&shop, "k", 1, "", &later, id);
    database_run(shop.database, "UPDATE skald.job SET body = '\\xff', due_at = now()");
    skald_ring(shop.service);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DEAD);

    assert_int_equal(errands_seen(&shop), 0);
    assert_string_equal(attempts(&shop), "failed");
    errands_end(&shop);
}

static void test_a_type_that_this_program_has_no_activity_for_waits_for_one_that_has(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    Test__V1__Ignored input = TEST__V1__IGNORED__INIT;
    char id[37];
    skald_error error = {0};
    assert_ok(
        skald_enqueue_on(shop.service, shop.connection, "errands", &input.base, NULL, id, &error),
        &error);
    skald_ring(shop.service);

    WAIT_UNTIL(errands_look(&shop, id).attempts > 1);

    assert_contains(job(&shop, "reason"), "no activity for type \"test.v1.Ignored\"");
    errands_end(&shop);
}

/* A row that somebody has locked holds up its own job, and no other. */
static void test_a_locked_row_of_the_user_s_does_not_hold_up_the_others(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    database_run(shop.database, "CREATE UNIQUE INDEX ON errand (key, number)");
    PQclear(PQexec(shop.connection, "BEGIN"));
    PQclear(PQexec(shop.connection, "INSERT INTO errand (key, number) VALUES ('k', 1)"));
    errands other = shop;
    other.connection = PQconnectdb(shop.database);
    errands_add(&other, "k", 1, "", NULL, NULL);
    WAIT_UNTIL(errands_seen(&other) == 1);
    for (int i = 2; i < 10; i++)
        errands_add(&other, "k", i, "", NULL, NULL);

    WAIT_UNTIL(errands_done(&other) == 8);

    PQclear(PQexec(shop.connection, "ROLLBACK"));
    WAIT_UNTIL(errands_done(&other) == 9);
    PQfinish(other.connection);
    errands_end(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_job_is_tried_again_and_its_attempts_are_kept),
        cmocka_unit_test(test_a_job_is_given_up_at_the_bound_of_its_policy_and_can_be_replayed),
        cmocka_unit_test(test_a_bound_in_time_is_that_of_the_database_s_clock),
        cmocka_unit_test(test_not_yet_is_no_failure),
        cmocka_unit_test(test_a_time_that_the_outside_gave_is_honoured),
        cmocka_unit_test(test_a_job_that_need_not_be_done_is_over_and_what_it_did_stays),
        cmocka_unit_test(test_what_is_unknown_is_verified_and_not_done_twice),
        cmocka_unit_test(test_verify_that_finds_nothing_lets_it_run),
        cmocka_unit_test(test_a_statement_that_fails_fails_its_job_alone_and_leaves_nothing),
        cmocka_unit_test(test_a_body_that_cannot_be_decoded_is_kept_for_a_person),
        cmocka_unit_test(test_a_type_that_this_program_has_no_activity_for_waits_for_one_that_has),
        cmocka_unit_test(test_a_locked_row_of_the_user_s_does_not_hold_up_the_others),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
