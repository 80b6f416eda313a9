/* A running job and those who look at it: heartbeats, progress, cancellation, deadlines, drain. */
#include "support/database.h"
#include "support/errands.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static skald_error error;

static const char *attempts(const errands *shop)
{
    return database_text(shop->database,
                         "SELECT coalesce(string_agg(outcome, ', ' ORDER BY job, number), '')"
                         " FROM skald.attempt");
}

static errands with_timeout(uint32_t timeout_ms)
{
    errands_options options = {.queue = SKALD_QUEUE_OPTIONS_INIT};
    options.queue.unordered = true;
    options.queue.timeout_ms = timeout_ms;
    return errands_begin(&options);
}

static void test_progress_is_seen_while_it_runs(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "progress", NULL, id);

    WAIT_UNTIL(errands_look(&shop, id).progress > 0.49);

    const skald_job_view view = errands_look(&shop, id);
    assert_int_equal(view.state, SKALD_JOB_RUNNING);
    assert_true(view.progress < 0.51);
    assert_string_equal(view.note, "half of it");
    errands_open(&shop, "k");
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);
    errands_end(&shop);
}

static void test_a_heartbeat_extends_its_time(void **state)
{
    (void)state;
    errands shop = with_timeout(400);
    char id[37];
    errands_add(&shop, "k", 1, "wait", NULL, id);
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_RUNNING);

    /* Far beyond what one attempt may take without. */
    WAIT_UNTIL(database_integer(shop.database,
                                "SELECT count(*) FROM skald.job WHERE deadline_at - started_at"
                                " > interval '5 seconds'") == 1);

    errands_open(&shop, "k");
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);
    assert_string_equal(attempts(&shop), "");
    errands_end(&shop);
}

/* Its late end changes nothing: what it left behind belongs to an attempt that is over. */
static void test_a_job_past_its_deadline_is_taken_away_and_its_late_end_refused(void **state)
{
    (void)state;
    errands shop = with_timeout(200);
    char id[37];
    errands_add(&shop, "k", 1, "deaf", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);

    assert_string_equal(attempts(&shop), "timed out");
    /* Another runner has asked the outside, which had seen the call. */
    assert_string_equal(
        database_text(shop.database, "SELECT string_agg(what, ' ' ORDER BY at) FROM called"),
        "run verify");
    assert_int_equal(errands_done(&shop), 1);
    errands_open(&shop, "k");
    errands_end(&shop);
    assert_int_equal(errands_done(&shop), 1);
}

static void test_a_waiting_job_is_cancelled_at_once(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    skald_enqueue_options later = SKALD_ENQUEUE_OPTIONS_INIT;
    later.delay_ms = 3600 * 1000;
    char id[37];
    errands_add(&shop, "k", 1, "", &later, id);

    assert_ok(skald_cancel_on(shop.service, shop.connection, id, "no need", &error), &error);

    assert_int_equal(errands_state(&shop, id), SKALD_JOB_CANCELLED);
    assert_status(skald_cancel_on(shop.service, shop.connection, id, "again", &error),
                  SKALD_NOT_FOUND, &error);
    assert_contains(error.text, "cancelled already");
    assert_status(skald_cancel_on(shop.service, shop.connection, "nobody", "", &error),
                  SKALD_NOT_FOUND, &error);
    errands_end(&shop);
}

static void test_a_running_job_hears_that_it_is_cancelled(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "wait", NULL, id);
    WAIT_UNTIL(errands_seen(&shop) == 1);

    assert_ok(skald_cancel_on(shop.service, shop.connection, id, "no need", &error), &error);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_CANCELLED);
    assert_string_equal(attempts(&shop), "cancelled");
    assert_int_equal(errands_done(&shop), 0);
    errands_end(&shop);
}

/* Who has begun to cancel in an open transaction holds up this job's end, and nothing else. */
static void test_a_cancellation_that_is_not_committed_holds_up_its_job_alone(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "wait", NULL, id);
    WAIT_UNTIL(errands_seen(&shop) == 1);
    PGconn *canceller = PQconnectdb(shop.database);
    PQclear(PQexec(canceller, "BEGIN"));
    assert_ok(skald_cancel_on(shop.service, canceller, id, "no need", &error), &error);
    errands_open(&shop, "k");
    for (int i = 2; i < 10; i++)
        errands_add(&shop, "other", i, "", NULL, NULL);

    WAIT_UNTIL(errands_done(&shop) == 8);

    assert_int_equal(errands_state(&shop, id), SKALD_JOB_RUNNING);
    PQclear(PQexec(canceller, "ROLLBACK"));
    PQfinish(canceller);
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);
    errands_end(&shop);
}

static void test_what_is_cancelled_while_it_fails_is_not_tried_again(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "fail", NULL, id);
    WAIT_UNTIL(errands_look(&shop, id).attempts > 0);

    /* In whichever state it is at this moment. */
    assert_ok(skald_cancel_on(shop.service, shop.connection, id, "enough", &error), &error);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_CANCELLED);
    errands_end(&shop);
}

static void test_a_stop_is_heard_and_the_job_given_back(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "wait", NULL, id);
    WAIT_UNTIL(errands_seen(&shop) == 1);

    errands_stop(&shop);

    assert_string_equal(database_text(shop.database, "SELECT state || attempts FROM skald.job"),
                        "waiting0");
    assert_string_equal(attempts(&shop), "");
    errands_open(&shop, "k");
    shop.service = errands_service(shop.database, NULL);
    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);
    errands_end(&shop);
}

static void test_a_stop_waits_for_what_is_in_hand_and_begins_nothing(void **state)
{
    (void)state;
    errands_options options = {.queue = SKALD_QUEUE_OPTIONS_INIT};
    options.queue.unordered = true;
    options.queue.threads = 1;
    errands shop = errands_begin(&options);
    errands_add(&shop, "k", 1, "sleep 500", NULL, NULL);
    WAIT_UNTIL(errands_seen(&shop) == 1);
    errands_add(&shop, "k", 2, "", NULL, NULL);

    errands_stop(&shop);

    assert_int_equal(errands_done(&shop), 1);
    assert_int_equal(
        database_integer(shop.database, "SELECT count(*) FROM skald.job WHERE state = 'waiting'"),
        1);
    errands_end(&shop);
}

static void test_what_does_not_end_in_time_is_found_lost_by_the_next(void **state)
{
    (void)state;
    errands shop = errands_prepare();
    const errands_child_options deaf = {.drain_ms = 200};
    test_child *child = errands_child(shop.database, &deaf);
    shop.service = errands_service(shop.database, NULL);
    /* Until the child has one: ours sleep, too. */
    for (int i = 0; i < 16; i++)
        errands_add(&shop, "k", i, "deaf", NULL, NULL);
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM called WHERE process = %d",
             (int)child_pid(child));
    WAIT_UNTIL(database_integer(shop.database, sql) > 0);

    child_signal(child, 15);

    assert_int_equal(child_wait(child), 75);
    assert_contains(child_err(child), "JOB-LEFT");
    child_free(child);
    errands_open(&shop, "k");
    WAIT_UNTIL(errands_done(&shop) == 16);
    assert_true(database_integer(shop.database,
                                 "SELECT count(*) FROM skald.attempt WHERE outcome = 'lost'") > 0);
    /* Those that were lost have been called, and are not called again. */
    assert_int_equal(errands_seen(&shop), 16);
    errands_end(&shop);
}

static void test_an_outage_of_the_database_is_waited_out(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 1, "sleep 300", NULL, id);
    WAIT_UNTIL(errands_seen(&shop) == 1);

    servers_kill(SKALD_SERVER_POSTGRES);
    servers_start(SKALD_SERVER_POSTGRES);
    PQreset(shop.connection);

    WAIT_UNTIL(errands_done(&shop) == 1);
    errands_add(&shop, "k", 2, "", NULL, NULL);
    WAIT_UNTIL(errands_done(&shop) == 2);
    errands_end(&shop);
}

/* As after a claim whose commit was not heard of: ours by name, and in nobody's hand. */
static void test_a_claim_that_nobody_heard_of_is_given_back(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    skald_enqueue_options later = SKALD_ENQUEUE_OPTIONS_INIT;
    later.delay_ms = 3600 * 1000;
    char id[37];
    errands_add(&shop, "k", 1, "", &later, id);
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM skald.process") == 1);
    database_run(
        shop.database,
        "UPDATE skald.job SET state = 'running', starts = 1,"
        " deadline_at = now() + interval '1 hour', holder = (SELECT id FROM skald.process)");

    database_run(shop.database,
                 "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                 " WHERE pid <> pg_backend_pid() AND application_name LIKE 'skald/shop/%'");

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);
    assert_string_equal(attempts(&shop), "");
    errands_end(&shop);
}

int main(int argc, char **argv)
{
    errands_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_progress_is_seen_while_it_runs),
        cmocka_unit_test(test_a_heartbeat_extends_its_time),
        cmocka_unit_test(test_a_job_past_its_deadline_is_taken_away_and_its_late_end_refused),
        cmocka_unit_test(test_a_waiting_job_is_cancelled_at_once),
        cmocka_unit_test(test_a_running_job_hears_that_it_is_cancelled),
        cmocka_unit_test(test_a_cancellation_that_is_not_committed_holds_up_its_job_alone),
        cmocka_unit_test(test_what_is_cancelled_while_it_fails_is_not_tried_again),
        cmocka_unit_test(test_a_stop_is_heard_and_the_job_given_back),
        cmocka_unit_test(test_a_stop_waits_for_what_is_in_hand_and_begins_nothing),
        cmocka_unit_test(test_what_does_not_end_in_time_is_found_lost_by_the_next),
        cmocka_unit_test(test_a_claim_that_nobody_heard_of_is_given_back),
        cmocka_unit_test(test_an_outage_of_the_database_is_waited_out),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
