/* Bulk operations: a frozen set, worked off in order at a rate, stopped, and taken up after a kill.
 */
#include "support/child.h"
#include "support/counting.h"
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "pg/connection.h"

#include <signal.h>

/* Dead messages 1 to `count` of follower "orders", of two causes and two types. Nobody follows it,
 * so that what is replayed stays parked. */
static const char *prepared(int count)
{
    const char *database = database_new();
    char sql[1024];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.follower VALUES ('orders', 'orders', 16);"
             "INSERT INTO skald.job (follower, partition, position, state, type, key, body,"
             " error_class, sqlstate, fingerprint, reason, ended_at, attempts)"
             " SELECT 'orders', n %% 16, n, 'dead', CASE WHEN n %% 2 = 0 THEN 'even' ELSE 'odd'"
             " END, 'k' || n %% 10, '', CASE WHEN n %% 5 = 0 THEN 'parse' END, '23505',"
             " CASE WHEN n %% 5 = 0 THEN 'aaaa' ELSE 'bbbb' END, 'because',"
             " timestamptz '2026-05-01 12:00+00' + n * interval '1 s', 3"
             " FROM generate_series(1, %d) AS n",
             count);
    database_run(database, sql);
    return database;
}

static skald_service *started(const char *database)
{
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    keeper_start(service);
    return service;
}

static int64_t begin(const char *database, const char *action, const char *filter, const char *rate)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT skald.operation_begin('%s', '%s', 'ada', 'handler fixed', %s)", action, filter,
             rate);
    return database_integer(database, sql);
}

static const char *operation(const char *database)
{
    return database_text(database, "SELECT concat_ws('|', state, total, succeeded, refused,"
                                   " (ended_at IS NULL)::text) FROM skald.operation");
}

static int64_t selected(const char *database, const char *filter)
{
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM skald.job_select('%s')", filter);
    return database_integer(database, sql);
}

/* --- filters --------------------------------------------------------------------------------- */

static void test_a_filter_means_the_dead_jobs_that_fit_all_its_fields(void **state)
{
    (void)state;
    const char *database = prepared(100);
    database_run(database, "UPDATE skald.job SET state = 'parked' WHERE position = 100");
    assert_int_equal(selected(database, "{}"), 99);
    assert_int_equal(selected(database, "{\"subscription\": \"orders\"}"), 99);
    assert_int_equal(selected(database, "{\"subscription\": \"others\"}"), 0);
    assert_int_equal(selected(database, "{\"fingerprint\": \"aaaa\"}"), 19);
    assert_int_equal(selected(database, "{\"fingerprint\": \"aaaa\", \"type\": \"odd\"}"), 10);
    assert_int_equal(selected(database, "{\"key\": \"k3\"}"), 10);
    assert_int_equal(selected(database, "{\"error_class\": \"parse\"}"), 19);
    assert_int_equal(selected(database, "{\"sqlstate\": \"23505\"}"), 99);
    assert_int_equal(selected(database, "{\"since\": \"2026-05-01 12:00:10+00\","
                                        " \"until\": \"2026-05-01 12:00:20+00\"}"),
                     10);
    assert_int_equal(selected(database, "{\"ids\": [1, 2, 3, 100, 999]}"), 3);
    assert_int_equal(database_integer(database, "SELECT sum(jobs) FROM skald.operation_preview("
                                                "'{\"type\": \"odd\"}')"),
                     50);
    assert_string_equal(database_text(database, "SELECT concat_ws('|', subscription, fingerprint,"
                                                " type, error_class, reason, jobs, keys) FROM"
                                                " skald.operation_preview('{\"fingerprint\":"
                                                " \"aaaa\"}')"),
                        "orders|aaaa|odd|parse|because|10|1");
}

static void expect_refused(const char *database, const char *sql, const char *words)
{
    skald_error error = {0};
    skald_pg *pg = NULL;
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    assert_status(skald_pg_run(pg, NULL, sql, 0, NULL, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "SK003");
    assert_contains(error.text, words);
    skald_pg_close(pg);
}

static void test_a_filter_that_could_mean_something_else_is_refused(void **state)
{
    (void)state;
    const char *database = prepared(1);
    expect_refused(database, "SELECT skald.job_select('{\"typ\": \"odd\"}')", "\"typ\"");
    expect_refused(database, "SELECT skald.job_select('{\"type\": null}')", "\"type\"");
    expect_refused(database, "SELECT skald.job_select('{\"ids\": 1}')", "\"ids\"");
    expect_refused(database, "SELECT skald.job_select('{\"ids\": [\"1\"]}')", "numbers");
    expect_refused(database, "SELECT skald.job_select('[]')", "object");
    expect_refused(database, "SELECT skald.job_select(NULL)", "object");
    expect_refused(database, "SELECT skald.operation_begin('replay', '{}', 'ada', ' ')", "why");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.operation"), 0);
}

/* --- working off ----------------------------------------------------------------------------- */

static void test_a_replay_touches_the_frozen_set_and_says_what_became_of_each(void **state)
{
    (void)state;
    const char *database = prepared(400);
    assert_int_equal(begin(database, "replay", "{\"type\": \"even\"}", "NULL"), 1);
    /* One died later, two are no longer dead, one is gone. */
    database_run(database,
                 "INSERT INTO skald.job (follower, partition, position, state, type, key, body)"
                 " VALUES ('orders', 0, 1000, 'dead', 'even', 'k', '');"
                 "UPDATE skald.job SET state = 'discarded' WHERE position = 2;"
                 "UPDATE skald.job SET state = 'parked' WHERE position = 4;"
                 "UPDATE skald.job SET type = NULL WHERE position = 8;"
                 "DELETE FROM skald.job WHERE position = 6");
    skald_service *service = started(database);
    WAIT_UNTIL(strcmp(operation(database), "done|200|196|4|false") == 0);
    WAIT_UNTIL(strstr(keeper_log_text("KEEPER-OPERATION-DONE"), "196") != NULL);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job WHERE"
                                                " state = 'parked' AND attempts = 0"
                                                " AND type = 'even'"),
                     196);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job WHERE"
                                                " state = 'dead' AND type = 'odd'"),
                     200);
    assert_string_equal(
        database_text(database,
                      "SELECT string_agg(result, '; ' ORDER BY job) FROM skald.operation_item"
                      " WHERE result <> 'ok'"),
        "job 2 is discarded by now; job 4 is parked by now; there is no job 6; "
        "job 8 has no readable headers: edit it");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit WHERE"
                                                " action = 'replay' AND actor = 'ada'"
                                                " AND reason = 'handler fixed (operation 1)'"),
                     196);
    assert_string_equal(database_text(database, "SELECT concat_ws('|', actor, action, object,"
                                                " reason, detail) FROM skald.audit ORDER BY id"
                                                " LIMIT 1"),
                        "ada|begin replay|operation 1|handler fixed|200 jobs, "
                        "{\"type\": \"even\"}");
    keeper_stop(service);
}

static void test_an_operation_on_nothing_is_done_at_once(void **state)
{
    (void)state;
    const char *database = prepared(1);
    begin(database, "discard", "{\"key\": \"nobody\"}", "NULL");
    assert_string_equal(operation(database), "done|0|0|0|false");
}

/* Sixty jobs at 20 per second: by the database's clock, which the test moves. */
static void test_the_rate_holds_and_the_order_is_that_of_the_ids(void **state)
{
    (void)state;
    const char *database = prepared(60);
    keeper_clock_set(database, "2026-05-01 13:00:00+00");
    begin(database, "discard", "{}", "20");
    skald_service *service = started(database);
    /* A tenth of a second's worth at once; then one per 50 ms. */
    WAIT_UNTIL(database_integer(database, "SELECT succeeded FROM skald.operation") == 1);
    for (int second = 1; second <= 3; second++) {
        char now[64];
        const int64_t before = database_integer(database, "SELECT succeeded FROM skald.operation");
        snprintf(now, sizeof now, "2026-05-01 13:00:%02d+00", second);
        keeper_clock_set(database, now);
        WAIT_UNTIL(database_integer(database, "SELECT succeeded FROM skald.operation") >=
                   before + 1);
        keeper_turn_await(database);
        const int64_t after = database_integer(database, "SELECT succeeded FROM skald.operation");
        /* No more than the bucket holds, however long nobody asked. */
        assert_true(after - before <= 2);
        assert_int_equal(database_integer(database, "SELECT max(job) FROM skald.operation_item"
                                                    " WHERE done_at IS NOT NULL"),
                         after);
    }
    keeper_clock_shift(database, "1 second");
    WAIT_UNTIL(strcmp(operation(database), "done|60|60|0|false") == 0);
    assert_int_equal(database_integer(database,
                                      "SELECT count(*) FROM skald.operation_item AS a JOIN"
                                      " skald.operation_item AS b ON b.job = a.job + 22"
                                      " WHERE a.job > 10 AND"
                                      " b.done_at - a.done_at < interval '800 ms'"),
                     0);
    keeper_stop(service);
}

/* Slower than the keeper turns: what a turn finds too little must still be there at the next. */
static void test_a_rate_below_one_per_second_gets_on(void **state)
{
    (void)state;
    const char *database = prepared(3);
    keeper_clock_set(database, "2026-05-01 13:00:00+00");
    begin(database, "discard", "{}", "0.5");
    skald_service *service = started(database);
    WAIT_UNTIL(database_integer(database, "SELECT succeeded FROM skald.operation") == 1);
    for (int second = 1; second <= 4; second++) {
        char now[64];
        snprintf(now, sizeof now, "2026-05-01 13:00:%02d+00", second);
        keeper_clock_set(database, now);
        keeper_turn_await(database);
        WAIT_UNTIL(database_integer(database, "SELECT succeeded FROM skald.operation") ==
                   1 + second / 2);
    }
    assert_contains(operation(database), "done|3|3|");
    keeper_stop(service);
}

static void test_a_stop_leaves_the_rest_as_it_was(void **state)
{
    (void)state;
    const char *database = prepared(1000);
    begin(database, "discard", "{}", "50");
    skald_service *service = started(database);
    WAIT_UNTIL(database_integer(database, "SELECT succeeded FROM skald.operation") > 5);
    assert_string_equal(
        database_text(database, "SELECT skald.operation_stop(1, 'ada', 'wrong filter')"), "ok");
    const int64_t succeeded = database_integer(database, "SELECT succeeded FROM skald.operation");
    keeper_turn_await(database);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job"
                                                " WHERE state = 'discarded'"),
                     succeeded);
    assert_contains(operation(database), "stopped|1000|");
    assert_string_equal(database_text(database, "SELECT skald.operation_stop(1, 'ada', 'again')"),
                        "operation 1 is stopped already");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit WHERE"
                                                " action = 'stop' AND object = 'operation 1'"),
                     1);
    keeper_stop(service);
}

/* --- kill -9 --------------------------------------------------------------------------------- */

static test_child *keeper_child(const char *database)
{
    const counting_child_options options = {
        .service = "shop", .stream = "shop", .database = database};
    return counting_child(&options);
}

/* Each job is replayed once: a second time would be a second attempt "replayed". */
static void test_an_operation_goes_on_after_every_kill_and_touches_each_job_once(void **state)
{
    (void)state;
    enum { JOBS = 3000, KILLS = 6 };
    const char *database = prepared(JOBS);
    counting_prepare(database);
    begin(database, "replay", "{}", "1000");
    int64_t before = 0;
    for (int i = 1; i <= KILLS; i++) {
        test_child *child = keeper_child(database);
        int64_t now = before;
        WAIT_UNTIL((now = database_integer(database, "SELECT succeeded FROM skald.operation")) >=
                   before + 100);
        child_signal(child, SIGKILL);
        assert_int_equal(child_wait(child), 128 + SIGKILL);
        child_free(child);
        before = now;
        /* Counters and items agree at every moment. */
        assert_int_equal(database_integer(database,
                                          "SELECT (SELECT succeeded FROM skald.operation) -"
                                          " (SELECT count(*) FROM skald.operation_item WHERE"
                                          " result = 'ok') + (SELECT count(*) FROM"
                                          " skald.operation_item WHERE result <> 'ok')"),
                         0);
    }
    assert_contains(operation(database), "running");
    test_child *child = keeper_child(database);
    WAIT_UNTIL(strcmp(operation(database), "done|3000|3000|0|false") == 0);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.attempt WHERE"
                                                " outcome = 'replayed'"),
                     JOBS);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job WHERE"
                                                " state = 'parked'"),
                     JOBS);
    child_signal(child, SIGTERM);
    assert_int_equal(child_wait(child), 0);
    child_free(child);
}

int main(int argc, char **argv)
{
    counting_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_filter_means_the_dead_jobs_that_fit_all_its_fields),
        cmocka_unit_test(test_a_filter_that_could_mean_something_else_is_refused),
        cmocka_unit_test(test_a_replay_touches_the_frozen_set_and_says_what_became_of_each),
        cmocka_unit_test(test_an_operation_on_nothing_is_done_at_once),
        cmocka_unit_test(test_the_rate_holds_and_the_order_is_that_of_the_ids),
        cmocka_unit_test(test_a_rate_below_one_per_second_gets_on),
        cmocka_unit_test(test_a_stop_leaves_the_rest_as_it_was),
        cmocka_unit_test(test_an_operation_goes_on_after_every_kill_and_touches_each_job_once),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
