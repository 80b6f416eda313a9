/* A process that dies at any moment: each job is done once, as far as the database can tell, and
 * the outside is asked before it is called again. */
#include "support/database.h"
#include "support/errands.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/crash_point.h"
#include "pg/connection.h"
#include "queues/queues.h"

#include <signal.h>

static skald_error error;

enum { JOBS = 24 };

static void jobs_add(errands *shop, const char *note)
{
    PQclear(PQexec(shop->connection, "BEGIN"));
    for (int i = 0; i < JOBS; i++)
        errands_add(shop, "k", i, note, NULL, NULL);
    PQclear(PQexec(shop->connection, "COMMIT"));
    skald_ring(shop->service);
}

/* A database with jobs in it, and nobody at work. */
static errands shop_with_jobs(const char *note)
{
    errands shop = errands_begin(NULL);
    database_run(shop.database, "UPDATE skald.queue SET paused = true");
    jobs_add(&shop, note);
    errands_stop(&shop);
    database_run(shop.database, "UPDATE skald.queue SET paused = false");
    return shop;
}

/* Every job has its effect, its event and its end, once; the outside was called once for each. */
static void expect_books(const errands *shop)
{
    assert_int_equal(errands_done(shop), JOBS);
    assert_int_equal(database_integer(shop->database, "SELECT count(DISTINCT number) FROM errand"),
                     JOBS);
    assert_int_equal(
        database_integer(shop->database, "SELECT count(*) FROM skald.job WHERE state = 'done'"),
        JOBS);
    assert_int_equal(database_integer(shop->database,
                                      "SELECT count(*) FROM (SELECT idempotency_key FROM called"
                                      " WHERE what = 'run' GROUP BY 1 HAVING count(*) > 1) AS c"),
                     0);
}

static void crash_at(const char *point, int hit)
{
    char crash[64];
    snprintf(crash, sizeof crash, "%s:%d", point, hit);
    errands shop = shop_with_jobs("result");
    const errands_child_options options = {.crash = crash};
    test_child *child = errands_child(shop.database, &options);
    if (child_wait(child) != 137)
        fail_msg("%s: the process did not pass this point: %s", crash, child_err(child));
    child_free(child);

    shop.service = errands_service(shop.database, NULL);
    WAIT_UNTIL(errands_done(&shop) == JOBS);
    WAIT_UNTIL(database_integer(shop.database,
                                "SELECT count(*) FROM skald.job WHERE state = 'done'") == JOBS);
    expect_books(&shop);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.outbox"), JOBS);
    assert_int_equal(
        database_integer(shop.database, "SELECT count(*) FROM skald.job WHERE result IS NULL"), 0);
    errands_end(&shop);
}

static void test_a_process_killed_at_every_point_loses_and_doubles_nothing(void **state)
{
    (void)state;
    static const struct {
        skald_crash_point point;
        int hit;
    } crashes[] = {
        {SKALD_CRASH_JOB_CLAIMED, 1},  {SKALD_CRASH_JOB_RUN, 1},
        {SKALD_CRASH_JOB_RUN, 3},      {SKALD_CRASH_JOB_END_SENT, 1},
        {SKALD_CRASH_JOB_END_SENT, 2}, {SKALD_CRASH_BATCH_COMMIT_SENT, 2},
        {SKALD_CRASH_JOB_ENDED, 1},
    };
    for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
        crash_at(skald_crash_point_name(crashes[i].point), crashes[i].hit);
}

static void test_what_a_killed_process_had_called_is_verified(void **state)
{
    (void)state;
    errands shop = shop_with_jobs("deaf");
    const errands_child_options options = {.threads = 6};
    test_child *child = errands_child(shop.database, &options);
    WAIT_UNTIL(errands_seen(&shop) == 6);

    child_signal(child, SIGKILL);
    child_wait(child);
    child_free(child);
    errands_open(&shop, "k");
    shop.service = errands_service(shop.database, NULL);

    WAIT_UNTIL(errands_done(&shop) == JOBS);
    expect_books(&shop);
    assert_int_equal(
        database_integer(shop.database, "SELECT count(*) FROM called WHERE what = 'verify'"), 6);
    assert_int_equal(database_integer(shop.database,
                                      "SELECT count(*) FROM skald.attempt WHERE outcome = 'lost'"),
                     6);
    errands_end(&shop);
}

/* --- as a supervisor tells it ------------------------------------------------------------------
 */

/* One job that runs in a process which is gone, and the crash that its successor is told. */
static skald_crash crashed_job(errands *shop)
{
    database_run(shop->database,
                 "UPDATE skald.job SET state = 'running', starts = starts + 1, started_at = now(),"
                 " deadline_at = now() + interval '1 hour',"
                 " holder = '018f0000-0000-7000-8000-000000000001' WHERE number(body) = 0");
    skald_crash crash = {.sure = true,
                         .signal = "SIGSEGV",
                         .backtrace = "#0 errand_run",
                         .process_id = "018f0000-0000-7000-8000-000000000001",
                         .pid = 4711,
                         .started_us = INT64_C(1700000000000000)};
    crash.work.job_id =
        database_integer(shop->database, "SELECT id FROM skald.job WHERE number(body) = 0");
    crash.work.starts = (uint32_t)database_integer(
        shop->database, "SELECT starts FROM skald.job WHERE number(body) = 0");
    return crash;
}

static void note(const errands *shop, const skald_crash *crash)
{
    skald_pg *pg = NULL;
    assert_ok(skald_pg_open(&pg, shop->database, "test", &error), &error);
    assert_ok(skald_queue_crash_note(pg, crash, &error), &error);
    skald_pg_close(pg);
}

/* The number in a body without key: field 2, a varint of one byte; 0 is not written. */
static errands shop_numbered(void)
{
    errands shop = shop_with_jobs("result");
    database_run(shop.database,
                 "CREATE FUNCTION number(body bytea) RETURNS int LANGUAGE sql IMMUTABLE AS"
                 " 'SELECT CASE WHEN get_byte(body, 3) = 16 THEN get_byte(body, 4) ELSE 0 END'");
    return shop;
}

static void test_a_crash_is_an_attempt_with_signal_and_backtrace(void **state)
{
    (void)state;
    errands shop = shop_numbered();
    const skald_crash crash = crashed_job(&shop);

    note(&shop, &crash);
    /* Told twice, it is one. */
    note(&shop, &crash);

    assert_string_equal(
        database_text(shop.database,
                      "SELECT string_agg(format('%s %s %s %s', outcome, signal, backtrace, pid),"
                      " ', ') FROM skald.attempt"),
        "crashed SIGSEGV #0 errand_run 4711");
    assert_string_equal(database_text(shop.database,
                                      "SELECT format('%s %s %s %s', state, crashes, attempts,"
                                      " maybe_done) FROM skald.job WHERE crashes > 0"),
                        "waiting 1 1 t");
    shop.service = errands_service(shop.database, NULL);
    WAIT_UNTIL(errands_done(&shop) == JOBS);
    expect_books(&shop);
    errands_end(&shop);
}

static void test_a_job_that_crashes_too_often_is_given_up(void **state)
{
    (void)state;
    errands shop = shop_numbered();
    for (int i = 0; i < 3; i++) {
        const skald_crash crash = crashed_job(&shop);
        note(&shop, &crash);
    }

    shop.service = errands_service(shop.database, NULL);

    WAIT_UNTIL(database_integer(shop.database,
                                "SELECT count(*) FROM skald.job WHERE state = 'dead'") == 1);
    WAIT_UNTIL(errands_done(&shop) == JOBS - 1);
    assert_int_equal(
        database_integer(shop.database, "SELECT count(*) FROM called WHERE number = 0"), 0);
    assert_contains(
        database_text(shop.database, "SELECT reason FROM skald.job WHERE state = 'dead'"),
        "ended its process 3 times");
    errands_end(&shop);
}

static void test_its_neighbours_wait_again_without_blame(void **state)
{
    (void)state;
    errands shop = shop_numbered();
    skald_crash crash = crashed_job(&shop);
    crash.sure = false;
    database_run(shop.database,
                 "UPDATE skald.job SET state = 'running', starts = starts + 1,"
                 " holder = '018f0000-0000-7000-8000-000000000001' WHERE number(body) = 1");

    note(&shop, &crash);
    skald_pg *pg = NULL;
    assert_ok(skald_pg_open(&pg, shop.database, "test", &error), &error);
    assert_ok(skald_queue_crash_rest(pg, crash.process_id, &error), &error);
    skald_pg_close(pg);

    assert_string_equal(
        database_text(shop.database,
                      "SELECT string_agg(format('%s %s %s %s %s', state, crashes, attempts, starts,"
                      " maybe_done), ', ' ORDER BY number(body)) FROM skald.job"
                      " WHERE number(body) IN (0, 1)"),
        "waiting 0 0 1 t, waiting 0 0 0 f");
    shop.service = errands_service(shop.database, NULL);
    WAIT_UNTIL(errands_done(&shop) == JOBS);
    expect_books(&shop);
    errands_end(&shop);
}

int main(int argc, char **argv)
{
    errands_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_process_killed_at_every_point_loses_and_doubles_nothing),
        cmocka_unit_test(test_what_a_killed_process_had_called_is_verified),
        cmocka_unit_test(test_a_crash_is_an_attempt_with_signal_and_backtrace),
        cmocka_unit_test(test_a_job_that_crashes_too_often_is_given_up),
        cmocka_unit_test(test_its_neighbours_wait_again_without_blame),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
