/* What was in hand when a process crashed: it runs alone, its attempts are committed before they
 * begin, and after too many of them it is dead, with signal and backtrace. Crashes are noted here
 * as a service that starts would note them; real ones are in tests of the supervisor. */
#include "support/database.h"
#include "support/following.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "followers/suspects.h"

#include <stdatomic.h>

static const skald_policy crash_policy = {.retry = "1ms..10ms"};

/* What a handler sees of itself in the database: attempts and suspects that were begun. */
static atomic_int begun_seen;

static skald_status look_at_begun(skald_context *context, const Test__V1__Counted *event)
{
    if (strcmp(event->key, "k") != 0)
        return SKALD_OK;
    struct pg_result *rows = NULL;
    const skald_status status = skald_query(
        context, &rows,
        "SELECT (SELECT count(*) FROM skald.suspect WHERE started_at IS NOT NULL AND process ="
        " (SELECT id FROM skald.process ORDER BY started_at DESC LIMIT 1))"
        " + (SELECT count(*) FROM skald.attempt WHERE outcome = 'begun' AND process ="
        " (SELECT id FROM skald.process ORDER BY started_at DESC LIMIT 1))");
    if (status != SKALD_OK)
        return status;
    atomic_fetch_add(&begun_seen, (int)skald_rows_integer(rows, 0, 0));
    return strcmp(event->note, "fail") == 0 ? skald_fail(context, "it fails") : SKALD_OK;
}

typedef struct given {
    const char *database;
    skald_service *service; /* NULL: does not run */
    const skald_policy *policy;
} given;

static void given_start(given *shop)
{
    shop->service = following_start(
        shop->database, &(following_options){.behaviour = look_at_begun, .policy = shop->policy});
}

static void given_stop(given *shop)
{
    following_end(shop->service);
    shop->service = NULL;
}

/* Three messages of "k" and one of each of ten other keys wait in the outbox; nobody runs. */
static given given_waiting(const skald_policy *policy, const char *note)
{
    given shop = {.database = database_new(), .policy = policy};
    atomic_store(&begun_seen, 0);
    following_clock_ahead(shop.database, "0");
    given_start(&shop);
    following_publish(shop.service, shop.database, "first", "");
    WAIT_UNTIL(strcmp(following_facts(shop.database, "first"), "1") == 0);
    database_run(shop.database, "ALTER TABLE fact ADD xid xid8 DEFAULT pg_current_xact_id()");
    following_fill(shop.database, true);
    WAIT_UNTIL(following_log_count("FOLLOWER-FULL") == 1);
    char key[16];
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "o%d", i);
        following_publish(shop.service, shop.database, key, "");
    }
    following_publish(shop.service, shop.database, "k", note);
    following_publish(shop.service, shop.database, "k", "");
    following_publish(shop.service, shop.database, "k", "");
    given_stop(&shop);
    following_fill(shop.database, false);
    return shop;
}

static const char dead_process[] = "00000000-0000-7000-8000-0000000000aa";

/* The first message of "k" was in hand when a process crashed, as a fresh one. */
static skald_crash crash_of(const given *shop, bool sure)
{
    skald_crash crash = {.sure = sure, .pid = 4711, .started_us = 1};
    snprintf(crash.work.subscription, sizeof crash.work.subscription, "shop");
    crash.work.partition = (uint32_t)database_integer(
        shop->database, "SELECT partition FROM skald.outbox WHERE key = 'k' LIMIT 1");
    crash.work.position =
        database_integer(shop->database, "SELECT min(position) FROM skald.outbox WHERE key = 'k'");
    snprintf(crash.signal, sizeof crash.signal, "SIGSEGV");
    snprintf(crash.backtrace, sizeof crash.backtrace, "#0 parse_amount");
    snprintf(crash.process_id, sizeof crash.process_id, "%s", dead_process);
    return crash;
}

static void note(const given *shop, const skald_crash *crash)
{
    skald_pg *pg = NULL;
    skald_error error = {0};
    assert_ok(skald_pg_open(&pg, shop->database, "test", &error), &error);
    assert_ok(skald_suspects_note(pg, crash, &error), &error);
    skald_pg_close(pg);
}

static const char *text_of(const given *shop, const char *sql)
{
    return database_text(shop->database, sql);
}

static void expect_all_handled(const given *shop)
{
    WAIT_UNTIL(strcmp(following_facts(shop->database, "k"), "1 2 3") == 0);
    WAIT_UNTIL(database_integer(shop->database, "SELECT count(*) FROM fact") == 14);
    assert_int_equal(database_integer(shop->database, "SELECT count(*) FROM skald.suspect"), 0);
    WAIT_UNTIL(database_integer(shop->database, "SELECT count(*) FROM skald.job") == 0);
}

/* In how many transactions' company was the first message of "k" written down? */
static void expect_alone(const given *shop)
{
    assert_string_equal(text_of(shop, "SELECT count(*) FROM fact WHERE xid = (SELECT xid FROM fact"
                                      " WHERE key = 'k' AND number = 1)"),
                        "1");
}

static void test_a_message_that_may_have_crashed_runs_alone_and_loses_its_row(void **state)
{
    (void)state;
    given shop = given_waiting(&crash_policy, "");
    const skald_crash crash = crash_of(&shop, false);
    note(&shop, &crash);
    assert_string_equal(text_of(&shop, "SELECT crashes || signal || backtrace || pid || process"
                                       " FROM skald.suspect"),
                        "0SIGSEGV#0 parse_amount471100000000-0000-7000-8000-0000000000aa");
    given_start(&shop);
    expect_all_handled(&shop);
    expect_alone(&shop);
    /* That it begins was committed before it ran. */
    assert_int_equal(atomic_load(&begun_seen), 1);
    given_stop(&shop);
}

static void test_a_message_that_has_crashed_is_a_job_whose_attempts_are_kept(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {{.errors = "crashed", .retry = "1h..2h"}};
    const skald_policy policy = {.retry = "1ms..10ms", .rules = rules, .rule_count = 1};
    given shop = given_waiting(&policy, "");
    const skald_crash crash = crash_of(&shop, true);
    note(&shop, &crash);
    given_start(&shop);

    /* Its key waits, all others flow. */
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "parked/1/ parked/0/ parked/0/") == 0);
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM fact") == 11);
    assert_string_equal(
        text_of(&shop, "SELECT number || ' ' || outcome || ' ' || signal || ' ' || backtrace"
                       " FROM skald.attempt"),
        "1 crashed SIGSEGV #0 parse_amount");
    assert_string_equal(text_of(&shop, "SELECT crashes || ' ' || reason FROM skald.job WHERE"
                                       " attempts > 0"),
                        "1 crashed its process 1 time: SIGSEGV");
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.suspect"), 0);

    database_run(shop.database, "UPDATE skald.job SET due_at = skald.now() WHERE attempts > 0");
    expect_all_handled(&shop);
    expect_alone(&shop);
    assert_int_equal(atomic_load(&begun_seen), 1);
    given_stop(&shop);
}

/* The message is a job by now; another process crashes under it. */
static void note_of_job(const given *shop, const char *process_id, const char *signal)
{
    skald_crash crash = crash_of(shop, true);
    crash.work.job_id =
        database_integer(shop->database, "SELECT id FROM skald.job WHERE attempts > 0");
    snprintf(crash.process_id, sizeof crash.process_id, "%s", process_id);
    snprintf(crash.signal, sizeof crash.signal, "%s", signal);
    note(shop, &crash);
}

static void three_crashes(const skald_policy *policy, const char *jobs)
{
    given shop = given_waiting(policy, "");
    const skald_crash crash = crash_of(&shop, true);
    note(&shop, &crash);
    given_start(&shop);
    WAIT_UNTIL(strncmp(following_jobs(shop.database, "k"), "parked/1/", 9) == 0);
    given_stop(&shop);
    note_of_job(&shop, "00000000-0000-7000-8000-0000000000bb", "SIGABRT");
    note_of_job(&shop, "00000000-0000-7000-8000-0000000000cc", "SIGSEGV");
    database_run(shop.database, "UPDATE skald.job SET due_at = skald.now() - interval '1 min'"
                                " WHERE attempts > 0");
    given_start(&shop);

    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), jobs) == 0);
    assert_string_equal(text_of(&shop, "SELECT reason FROM skald.job WHERE state = 'dead'"),
                        "crashed its process 3 times: SIGSEGV");
    assert_string_equal(
        text_of(&shop, "SELECT string_agg(number || ' ' || outcome || ' ' || signal || ' ' ||"
                       " (backtrace <> ''), ', ' ORDER BY number) FROM skald.attempt"),
        "1 crashed SIGSEGV true, 2 crashed SIGABRT true, 3 crashed SIGSEGV true");
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM fact WHERE key LIKE 'o%'") ==
               10);
    assert_int_equal(atomic_load(&begun_seen), 0);
    assert_int_equal(following_log_count("MESSAGE-DEAD"), 1);
    given_stop(&shop);
}

static void test_three_crashes_are_the_end_and_its_key_waits(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {{.errors = "crashed", .retry = "1h..2h"}};
    const skald_policy policy = {.retry = "1ms..10ms", .rules = rules, .rule_count = 1};
    three_crashes(&policy, "dead/3/ parked/0/ parked/0/");
}

static void test_three_crashes_are_the_end_and_its_key_goes_on_where_the_policy_says_so(
    void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {
        {.errors = "crashed", .retry = "1h..2h", .dead = SKALD_DEAD_GOES_ON}};
    const skald_policy policy = {.retry = "1ms..10ms", .rules = rules, .rule_count = 1};
    three_crashes(&policy, "dead/3/");
}

static void test_a_message_past_its_time_is_told_apart(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {{.errors = "timed-out", .retry = "never"}};
    const skald_policy policy = {.retry = "1ms..10ms", .rules = rules, .rule_count = 1};
    given shop = given_waiting(&policy, "");
    skald_crash crash = crash_of(&shop, true);
    crash.timed_out = true;
    note(&shop, &crash);
    given_start(&shop);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "dead/1/ parked/0/ parked/0/") == 0);
    assert_string_equal(text_of(&shop, "SELECT outcome FROM skald.attempt"), "timed out");
    assert_contains(text_of(&shop, "SELECT reason FROM skald.job WHERE state = 'dead'"),
                    "past its time");
    given_stop(&shop);
}

/* Nobody has noted a crash: the host is gone, with the attempt begun. */
static void test_an_attempt_that_was_begun_and_never_ended_counts(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {{.errors = "crashed", .retry = "1h..2h"}};
    const skald_policy policy = {.retry = "1ms..10ms", .rules = rules, .rule_count = 1};
    given shop = given_waiting(&policy, "");
    const skald_crash crash = crash_of(&shop, false);
    note(&shop, &crash);
    database_run(shop.database, "UPDATE skald.suspect SET started_at = skald.now()");
    given_start(&shop);
    WAIT_UNTIL(strncmp(following_jobs(shop.database, "k"), "parked/1/", 9) == 0);
    assert_string_equal(text_of(&shop, "SELECT outcome || ' ' || crashes FROM skald.attempt,"
                                       " skald.job WHERE job.id = attempt.job"),
                        "lost 1");
    given_stop(&shop);

    /* And again, as a job. */
    database_run(shop.database,
                 "INSERT INTO skald.attempt (job, number, outcome, process) SELECT id, 2, 'begun',"
                 " '00000000-0000-7000-8000-0000000000bb' FROM skald.job WHERE attempts > 0;"
                 "UPDATE skald.job SET due_at = skald.now() - interval '1 min' WHERE attempts > 0");
    given_start(&shop);
    WAIT_UNTIL(
        database_integer(shop.database, "SELECT crashes FROM skald.job WHERE attempts = 2") == 2);
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM skald.job WHERE attempts = 2"
                                               " AND due_at > skald.now()") == 1);
    assert_string_equal(text_of(&shop, "SELECT string_agg(outcome, ' ') FROM skald.attempt"),
                        "lost lost");

    /* What became of that process is learned afterwards: it says how, and counts no more. */
    note_of_job(&shop, "00000000-0000-7000-8000-0000000000bb", "SIGKILL");
    assert_string_equal(text_of(&shop, "SELECT string_agg(outcome || coalesce(signal, ''), ' '"
                                       " ORDER BY number) FROM skald.attempt"),
                        "lost crashedSIGKILL");
    assert_int_equal(
        database_integer(shop.database, "SELECT crashes FROM skald.job WHERE attempts = 2"), 2);
    given_stop(&shop);
}

static void acquit(const given *shop, const char *process_id)
{
    skald_pg *pg = NULL;
    skald_error error = {0};
    assert_ok(skald_pg_open(&pg, shop->database, "test", &error), &error);
    assert_ok(skald_suspects_acquit(pg, process_id, &error), &error);
    skald_pg_close(pg);
}

/* It had begun when something else surely ended its process: as a fresh suspect, and as a job. */
static void test_what_ran_beside_the_cause_is_not_counted(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {{.errors = "crashed", .retry = "1h..2h"}};
    const skald_policy policy = {.retry = "1ms..10ms", .rules = rules, .rule_count = 1};
    given shop = given_waiting(&policy, "");
    const skald_crash crash = crash_of(&shop, false);
    note(&shop, &crash);
    database_run(shop.database, "UPDATE skald.suspect SET started_at = skald.now()");
    acquit(&shop, "00000000-0000-7000-8000-0000000000ff");
    assert_string_equal(text_of(&shop, "SELECT (started_at IS NULL)::text FROM skald.suspect"),
                        "false");
    acquit(&shop, dead_process);
    given_start(&shop);
    expect_all_handled(&shop);
    given_stop(&shop);

    shop = given_waiting(&policy, "");
    const skald_crash sure = crash_of(&shop, true);
    note(&shop, &sure);
    given_start(&shop);
    WAIT_UNTIL(strncmp(following_jobs(shop.database, "k"), "parked/1/", 9) == 0);
    given_stop(&shop);
    database_run(shop.database,
                 "INSERT INTO skald.attempt (job, number, outcome, process) SELECT id, 2, 'begun',"
                 " '00000000-0000-7000-8000-0000000000bb' FROM skald.job WHERE attempts > 0;"
                 "UPDATE skald.job SET due_at = skald.now() WHERE attempts > 0");
    acquit(&shop, "00000000-0000-7000-8000-0000000000bb");
    assert_string_equal(text_of(&shop,
                                "SELECT crashes || ' ' || (SELECT count(*) FROM skald.attempt)"
                                " FROM skald.job WHERE attempts > 0"),
                        "1 1");
    given_start(&shop);
    expect_all_handled(&shop);
    given_stop(&shop);
}

static void test_a_crash_counts_once_and_never_for_what_is_done(void **state)
{
    (void)state;
    given shop = given_waiting(&crash_policy, "");
    const skald_crash crash = crash_of(&shop, true);
    note(&shop, &crash);
    note(&shop, &crash);
    assert_string_equal(text_of(&shop, "SELECT crashes FROM skald.suspect"), "1");
    /* The next owner has counted it as lost, and then it is noted. */
    database_run(shop.database, "UPDATE skald.suspect SET signal = NULL, crashes = 2,"
                                " process = '00000000-0000-7000-8000-0000000000bb'");
    skald_crash late = crash;
    snprintf(late.process_id, sizeof late.process_id, "00000000-0000-7000-8000-0000000000bb");
    note(&shop, &late);
    assert_string_equal(text_of(&shop, "SELECT crashes || signal FROM skald.suspect"), "2SIGSEGV");
    /* It ran as a suspect, so it counts although nobody is sure. */
    database_run(shop.database, "UPDATE skald.suspect SET started_at = skald.now(),"
                                " process = '00000000-0000-7000-8000-0000000000cc'");
    late.sure = false;
    snprintf(late.process_id, sizeof late.process_id, "00000000-0000-7000-8000-0000000000cc");
    note(&shop, &late);
    assert_string_equal(
        text_of(&shop, "SELECT crashes || (started_at IS NULL)::text FROM skald.suspect"), "3true");

    database_run(shop.database, "DELETE FROM skald.suspect");
    given_start(&shop);
    expect_all_handled(&shop);
    note(&shop, &crash);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.suspect"), 0);
    given_stop(&shop);
}

static void test_a_suspect_waits_behind_the_parked_message_of_its_key(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "1h"};
    given shop = given_waiting(&policy, "fail");
    skald_crash crash = crash_of(&shop, true);
    crash.work.position =
        database_integer(shop.database, "SELECT max(position) FROM skald.outbox WHERE key = 'k'");
    note(&shop, &crash);
    given_start(&shop);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "parked/1/ parked/0/ parked/0/") == 0);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.suspect"), 0);
    assert_string_equal(text_of(&shop, "SELECT crashes || outcome FROM skald.job JOIN"
                                       " skald.attempt ON job = id WHERE outcome = 'crashed'"),
                        "1crashed");
    following_behave(NULL);
    database_run(shop.database, "UPDATE skald.job SET due_at = skald.now() WHERE attempts > 0");
    expect_all_handled(&shop);
    given_stop(&shop);
}

/* An ordinary failure of a suspect is one: the attempt that was begun becomes it. */
static void test_a_suspect_that_fails_is_parked_like_others(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "1h"};
    given shop = given_waiting(&policy, "fail");
    const skald_crash crash = crash_of(&shop, false);
    note(&shop, &crash);
    given_start(&shop);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "parked/1/ parked/0/ parked/0/") == 0);
    assert_string_equal(text_of(&shop, "SELECT string_agg(outcome, ', ' ORDER BY number) FROM"
                                       " skald.attempt"),
                        "lost, failed");
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.suspect"), 0);

    /* A crash of it in company of others makes its next attempt one of its own. */
    given_stop(&shop);
    skald_crash again = crash_of(&shop, false);
    again.work.job_id =
        database_integer(shop.database, "SELECT id FROM skald.job WHERE attempts > 0");
    snprintf(again.process_id, sizeof again.process_id, "00000000-0000-7000-8000-0000000000bb");
    note(&shop, &again);
    assert_string_equal(text_of(&shop, "SELECT crashes FROM skald.job WHERE attempts = 1"), "0");
    atomic_store(&begun_seen, 0);
    database_run(shop.database, "UPDATE skald.job SET due_at = skald.now() WHERE attempts > 0");
    given_start(&shop);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "parked/2/ parked/0/ parked/0/") == 0);
    assert_int_equal(atomic_load(&begun_seen), 1);
    assert_string_equal(text_of(&shop, "SELECT string_agg(outcome, ', ' ORDER BY number) FROM"
                                       " skald.attempt"),
                        "lost, failed, lost, failed");
    given_stop(&shop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_message_that_may_have_crashed_runs_alone_and_loses_its_row),
        cmocka_unit_test(test_a_message_that_has_crashed_is_a_job_whose_attempts_are_kept),
        cmocka_unit_test(test_three_crashes_are_the_end_and_its_key_waits),
        cmocka_unit_test(
            test_three_crashes_are_the_end_and_its_key_goes_on_where_the_policy_says_so),
        cmocka_unit_test(test_a_message_past_its_time_is_told_apart),
        cmocka_unit_test(test_an_attempt_that_was_begun_and_never_ended_counts),
        cmocka_unit_test(test_what_ran_beside_the_cause_is_not_counted),
        cmocka_unit_test(test_a_crash_counts_once_and_never_for_what_is_done),
        cmocka_unit_test(test_a_suspect_waits_behind_the_parked_message_of_its_key),
        cmocka_unit_test(test_a_suspect_that_fails_is_parked_like_others),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
