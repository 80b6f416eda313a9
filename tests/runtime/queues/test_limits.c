/* Rate, concurrency, circuit breaker: rows, which hold over all processes and may change. */
#include "support/database.h"
#include "support/errands.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static void set(const errands *shop, const char *limits)
{
    char sql[256];
    snprintf(sql, sizeof sql, "UPDATE skald.queue SET %s WHERE name = 'errands'", limits);
    database_run(shop->database, sql);
}

static void add_many(errands *shop, int count, const char *note)
{
    PQclear(PQexec(shop->connection, "BEGIN"));
    for (int i = 0; i < count; i++)
        errands_add(shop, "k", i, note, NULL, NULL);
    PQclear(PQexec(shop->connection, "COMMIT"));
    skald_ring(shop->service);
}

/* Three processes with four threads each, this one among them, on a queue that has these limits.
 * Where nine jobs or more run at a time, each process runs one. */
typedef struct three {
    errands shop;
    test_child *children[2];
} three;

static void known(errands *shop, int processes)
{
    WAIT_UNTIL(database_integer(shop->database, "SELECT count(*) FROM skald.process") == processes);
}

static three three_begin(const char *limits)
{
    three all = {.shop = errands_begin(NULL)};
    set(&all.shop, limits);
    const errands_child_options child = {.threads = 4};
    for (int i = 0; i < 2; i++)
        all.children[i] = errands_child(all.shop.database, &child);
    known(&all.shop, 3);
    return all;
}

static void three_end(three *all)
{
    for (int i = 0; i < 2; i++)
        errands_child_stop(all->children[i]);
    errands_end(&all->shop);
}

static int64_t running(const errands *shop)
{
    return database_integer(shop->database,
                            "SELECT count(*) FROM skald.job WHERE state = 'running'");
}

static int64_t running_processes(const errands *shop)
{
    return database_integer(shop->database,
                            "SELECT count(DISTINCT holder) FROM skald.job WHERE state = 'running'");
}

/* So many run, in all three processes, and none begins beside them: since the last one began every
 * process has shown signs of life, with threads that are free. */
static void three_run(const three *all, int jobs)
{
    const errands *shop = &all->shop;
    WAIT_UNTIL(running(shop) == jobs && running_processes(shop) == 3);
    WAIT_UNTIL(database_integer(shop->database,
                                "SELECT count(*) FROM skald.process WHERE expires_at > (SELECT"
                                " max(started_at) + interval '2 seconds' FROM skald.job)") == 3);
    assert_true(running(shop) <= jobs);
}

/* Of all moments at which a job began: how many ran at most? */
static int64_t running_max(const errands *shop, const char *of)
{
    char sql[512];
    snprintf(
        sql, sizeof sql,
        "SELECT max(n) FROM (SELECT count(*) AS n FROM skald.job AS a JOIN skald.job AS b"
        " ON b.started_at <= a.started_at AND b.ended_at > a.started_at %s GROUP BY a.id) AS c",
        of);
    return database_integer(shop->database, sql);
}

static void test_concurrency_holds_across_three_processes(void **state)
{
    (void)state;
    three all = three_begin("concurrency = 9");
    add_many(&all.shop, 120, "wait");
    three_run(&all, 9);

    errands_open(&all.shop, "k");
    WAIT_UNTIL(errands_done(&all.shop) == 120);

    assert_int_equal(running_max(&all.shop, ""), 9);
    three_end(&all);
}

/* Over any stretch of time no more than burst + rate * stretch have begun. */
static int64_t rate_excess(const errands *shop, int rate, int burst, const char *of)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM (SELECT a.started_at AS f, b.started_at AS t,"
             " (SELECT count(*) FROM skald.job AS c WHERE c.started_at BETWEEN a.started_at AND"
             "  b.started_at %s) AS n FROM skald.job AS a JOIN skald.job AS b"
             " ON b.started_at >= a.started_at) AS s"
             " WHERE n > %d + %d * extract(epoch FROM t - f) + 0.001",
             of, burst, rate);
    return database_integer(shop->database, sql);
}

static void test_a_rate_holds_across_three_processes(void **state)
{
    (void)state;
    three all = three_begin("rate = 40, burst = 3");
    add_many(&all.shop, 150, "wait");
    three_run(&all, 12);

    errands_open(&all.shop, "k");
    WAIT_UNTIL(errands_done(&all.shop) == 150);

    assert_int_equal(rate_excess(&all.shop, 40, 3, ""), 0);
    three_end(&all);
}

static void test_a_key_has_a_rate_of_its_own(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    set(&shop, "key_rate = 20, key_burst = 2");
    PQclear(PQexec(shop.connection, "BEGIN"));
    for (int i = 0; i < 40; i++)
        errands_add(&shop, i % 2 == 0 ? "even" : "odd", i, "", NULL, NULL);
    for (int i = 0; i < 10; i++)
        errands_add(&shop, "", i, "", NULL, NULL);
    PQclear(PQexec(shop.connection, "COMMIT"));
    skald_ring(shop.service);

    WAIT_UNTIL(errands_done(&shop) == 50);

    assert_int_equal(
        database_integer(
            shop.database,
            "SELECT count(*) FROM (SELECT a.key, a.started_at AS f, b.started_at AS t,"
            " (SELECT count(*) FROM skald.job AS c WHERE c.key = a.key AND c.started_at"
            "  BETWEEN a.started_at AND b.started_at) AS n FROM skald.job AS a JOIN skald.job AS b"
            " ON b.key = a.key AND b.started_at >= a.started_at WHERE a.key <> '') AS s"
            " WHERE n > 2 + 20 * extract(epoch FROM t - f) + 0.001"),
        0);
    errands_end(&shop);
}

static void test_a_key_has_a_concurrency_of_its_own_across_three_processes(void **state)
{
    (void)state;
    static const char *const keys[] = {"a", "b", "c", "d", "e"};
    three all = three_begin("key_concurrency = 2");
    PQclear(PQexec(all.shop.connection, "BEGIN"));
    for (int i = 0; i < 90; i++)
        errands_add(&all.shop, keys[i % 5], i, "wait", NULL, NULL);
    PQclear(PQexec(all.shop.connection, "COMMIT"));
    skald_ring(all.shop.service);
    three_run(&all, 10);

    for (int i = 0; i < 5; i++)
        errands_open(&all.shop, keys[i]);
    WAIT_UNTIL(errands_done(&all.shop) == 90);

    assert_int_equal(running_max(&all.shop, "AND b.key = a.key"), 2);
    three_end(&all);
}

static void test_limits_are_changed_while_jobs_run(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    set(&shop, "concurrency = 1");
    known(&shop, 1);
    add_many(&shop, 8, "wait");
    WAIT_UNTIL(errands_seen(&shop) == 1);

    set(&shop, "concurrency = 3");
    WAIT_UNTIL(errands_seen(&shop) == 3);
    assert_int_equal(running(&shop), 3);
    set(&shop, "concurrency = NULL");
    WAIT_UNTIL(errands_seen(&shop) == 4);

    errands_open(&shop, "k");
    WAIT_UNTIL(errands_done(&shop) == 8);
    errands_end(&shop);
}

static void test_nothing_of_a_paused_queue_begins(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    set(&shop, "paused = true");
    add_many(&shop, 5, "");
    /* It has looked since: its heartbeat in skald.process is later than the jobs. */
    WAIT_UNTIL(database_integer(shop.database,
                                "SELECT count(*) FROM skald.process WHERE expires_at > (SELECT"
                                " max(created_at) + interval '2 seconds' FROM skald.job)") == 1);
    assert_int_equal(errands_seen(&shop), 0);
    assert_string_equal(database_text(shop.database, "SELECT DISTINCT waits_for FROM skald.v_job"),
                        "its queue to be resumed");

    set(&shop, "paused = false");

    WAIT_UNTIL(errands_done(&shop) == 5);
    errands_end(&shop);
}

/* --- declared and changed --------------------------------------------------------------------- */

static const char *rate(const errands *shop)
{
    return database_text(
        shop->database,
        "SELECT coalesce(rate::text, 'none') FROM skald.queue WHERE name = 'errands'");
}

static void restart(errands *shop, double declared)
{
    errands_options options = {.queue = SKALD_QUEUE_OPTIONS_INIT};
    options.queue.rate = declared;
    if (shop->service != NULL)
        errands_stop(shop);
    shop->service = errands_service(shop->database, &options);
}

static void test_a_full_queue_begins_nothing_new_and_goes_on_with_what_has_failed(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    /* By the keeper's hand, which would take it back: its own look says that there is room. */
    database_run(shop.database,
                 "CREATE FUNCTION stay_full() RETURNS trigger LANGUAGE plpgsql AS"
                 " 'BEGIN NEW.full_since := coalesce(NEW.full_since, OLD.full_since);"
                 " RETURN NEW; END';"
                 "CREATE TRIGGER stay_full BEFORE UPDATE ON skald.queue FOR EACH ROW"
                 " WHEN (current_setting('application_name') LIKE 'skald/%')"
                 " EXECUTE FUNCTION stay_full()");
    errands_add(&shop, "failing", 1, "fail", NULL, NULL);
    WAIT_UNTIL(errands_seen(&shop) >= 2);
    set(&shop, "full_since = skald.now()");
    errands_add(&shop, "new", 2, "", NULL, NULL);

    const int64_t seen = errands_seen(&shop);
    WAIT_UNTIL(errands_seen(&shop) >= seen + 20);
    assert_int_equal(errands_done(&shop), 0);

    set(&shop, "full_since = NULL");
    WAIT_UNTIL(errands_done(&shop) == 1);
    errands_end(&shop);
}

static void test_what_a_person_changed_stays_until_the_program_declares_something_else(void **state)
{
    (void)state;
    errands shop = errands_prepare();
    restart(&shop, 50.0);
    assert_string_equal(rate(&shop), "50");
    set(&shop, "rate = 10");
    restart(&shop, 50.0);
    assert_string_equal(rate(&shop), "10");
    restart(&shop, 60.0);
    assert_string_equal(rate(&shop), "60");
    restart(&shop, 0.0);
    assert_string_equal(rate(&shop), "none");
    errands_end(&shop);
}

/* --- the circuit breaker ---------------------------------------------------------------------- */

static const char *circuit(const errands *shop)
{
    return database_text(shop->database,
                         "SELECT CASE WHEN breaker_since IS NULL THEN 'closed' ELSE 'open' END"
                         " FROM skald.queue WHERE name = 'errands'");
}

static void test_failures_in_a_row_open_the_circuit_and_a_probe_closes_it(void **state)
{
    (void)state;
    errands_options options = {.queue = SKALD_QUEUE_OPTIONS_INIT};
    options.queue.unordered = true;
    options.queue.threads = 1;
    options.queue.breaker_failures = 3;
    options.queue.breaker_open_ms = 1000;
    errands shop = errands_begin(&options);
    char first[37];
    errands_add(&shop, "k", 1, "fail 5", NULL, first);

    WAIT_UNTIL(strcmp(circuit(&shop), "open") == 0);
    assert_int_equal(errands_seen(&shop), 3);
    add_many(&shop, 5, "");

    /* Two probes fail and open it anew; then one succeeds. None but they begin until then. */
    WAIT_UNTIL(errands_done(&shop) == 6);
    assert_string_equal(circuit(&shop), "closed");
    assert_string_equal(
        database_text(shop.database,
                      "SELECT coalesce(breaker_probe::text, 'none') || failures_in_row"
                      " FROM skald.queue WHERE name = 'errands'"),
        "none0");
    /* While it was open a second passed between one call and the next. */
    assert_true(database_integer(shop.database,
                                 "SELECT count(*) FROM (SELECT called_at - lag(called_at) OVER"
                                 " (ORDER BY at) AS since FROM called) AS c"
                                 " WHERE since >= interval '0.99 seconds'") >= 1);
    errands_end(&shop);
}

static void test_what_is_declined_or_too_early_does_not_open_the_circuit(void **state)
{
    (void)state;
    errands_options options = {.queue = SKALD_QUEUE_OPTIONS_INIT};
    options.queue.unordered = true;
    options.queue.breaker_failures = 2;
    errands shop = errands_begin(&options);
    add_many(&shop, 5, "refuse");
    add_many(&shop, 5, "early 3");
    add_many(&shop, 5, "later 1");

    WAIT_UNTIL(errands_done(&shop) == 10);

    assert_string_equal(circuit(&shop), "closed");
    errands_end(&shop);
}

static void test_a_probe_whose_process_is_gone_gives_way_to_another(void **state)
{
    (void)state;
    errands_options options = {.queue = SKALD_QUEUE_OPTIONS_INIT};
    options.queue.unordered = true;
    options.queue.breaker_failures = 1;
    options.queue.breaker_open_ms = 50;
    errands shop = errands_begin(&options);
    /* As a process leaves it that was killed while its probe ran. */
    set(&shop, "failures_in_row = 1, breaker_since = now() - interval '1 hour',"
               " breaker_probe = 4711");
    add_many(&shop, 3, "");

    WAIT_UNTIL(errands_done(&shop) == 3);

    assert_string_equal(circuit(&shop), "closed");
    errands_end(&shop);
}

int main(int argc, char **argv)
{
    errands_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_concurrency_holds_across_three_processes),
        cmocka_unit_test(test_a_rate_holds_across_three_processes),
        cmocka_unit_test(test_a_key_has_a_rate_of_its_own),
        cmocka_unit_test(test_a_key_has_a_concurrency_of_its_own_across_three_processes),
        cmocka_unit_test(test_limits_are_changed_while_jobs_run),
        cmocka_unit_test(test_nothing_of_a_paused_queue_begins),
        cmocka_unit_test(test_a_full_queue_begins_nothing_new_and_goes_on_with_what_has_failed),
        cmocka_unit_test(
            test_what_a_person_changed_stays_until_the_program_declares_something_else),
        cmocka_unit_test(test_failures_in_a_row_open_the_circuit_and_a_probe_closes_it),
        cmocka_unit_test(test_what_is_declined_or_too_early_does_not_open_the_circuit),
        cmocka_unit_test(test_a_probe_whose_process_is_gone_gives_way_to_another),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
