/* Schedules: in the time of their zone, once each, also through summer time, outages and changes.
 */
#include "keeper/civil.h"
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

static const Test__V1__Counted tick = {PROTOBUF_C_MESSAGE_INIT(&test__v1__counted__descriptor),
                                       .key = (char *)"", .number = 7, .note = (char *)"tick"};

static skald_service *service_with(const char *database, const char *name, const char *cron,
                                   const skald_schedule_options *options)
{
    const skald_options service_options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &service_options);
    (void)skald_schedule(service, name, cron, &tick.base, options);
    return service;
}

static skald_schedule_options in_zone(const char *zone, skald_missed missed)
{
    skald_schedule_options options = SKALD_SCHEDULE_OPTIONS_INIT;
    options.time_zone = zone;
    options.missed = missed;
    return options;
}

static int64_t runs(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM skald.outbox");
}

static const char *next_at(const char *database, const char *name)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT to_char(next_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')"
             " FROM skald.schedule WHERE name = '%s'",
             name);
    return database_text(database, sql);
}

/* --- what civil time means ------------------------------------------------------------------ */

/* Berlin: on 2026-03-29 02:00 becomes 03:00, at 01:00 UTC; on 2026-10-25 03:00 becomes 02:00, at
 * 01:00 UTC. Lord Howe moves its clocks by half an hour, Samoa left out a whole day. */
static const struct {
    const char *zone;
    const char *cron;
    const char *after; /* UTC */
    const char *next;  /* UTC */
} civil_cases[] = {
    {"UTC", "*/15 * * * *", "2026-01-01 00:00", "2026-01-01 00:15"},
    {"Europe/Berlin", "0 12 * * *", "2026-01-01 11:00", "2026-01-02 11:00"},
    {"Europe/Berlin", "0 12 * * *", "2026-07-01 10:00", "2026-07-02 10:00"},
    /* Put forward: what is left out happens at its end, once. */
    {"Europe/Berlin", "30 2 * * *", "2026-03-28 01:30", "2026-03-29 01:00"},
    {"Europe/Berlin", "30 2 * * *", "2026-03-29 01:00", "2026-03-30 00:30"},
    {"Europe/Berlin", "*/15 * * * *", "2026-03-29 00:45", "2026-03-29 01:00"},
    {"Europe/Berlin", "*/15 * * * *", "2026-03-29 01:00", "2026-03-29 01:15"},
    {"Europe/Berlin", "0 3 * * *", "2026-03-28 02:00", "2026-03-29 01:00"},
    {"Europe/Berlin", "59 1 * * *", "2026-03-28 00:59", "2026-03-29 00:59"},
    /* Put back: the first of the two, once. */
    {"Europe/Berlin", "30 2 * * *", "2026-10-24 00:30", "2026-10-25 00:30"},
    {"Europe/Berlin", "30 2 * * *", "2026-10-25 00:30", "2026-10-26 01:30"},
    {"Europe/Berlin", "30 2 * * *", "2026-10-25 01:10", "2026-10-26 01:30"},
    {"Europe/Berlin", "*/15 * * * *", "2026-10-25 00:45", "2026-10-25 02:00"},
    {"Europe/Berlin", "0 3 * * *", "2026-10-24 01:00", "2026-10-25 02:00"},
    {"Europe/Berlin", "0 2 * * *", "2026-10-24 00:00", "2026-10-25 00:00"},
    /* Other jumps. */
    {"Australia/Lord_Howe", "15 2 * * *", "2026-10-02 15:45", "2026-10-03 15:30"},
    {"Australia/Lord_Howe", "45 1 * * *", "2026-04-03 14:45", "2026-04-04 14:45"},
    {"Pacific/Apia", "0 12 30 12 *", "2011-12-01 00:00", "2011-12-30 10:00"},
    {"Asia/Kolkata", "0 0 * * *", "2026-05-05 18:29", "2026-05-05 18:30"},
};

static void test_a_run_is_due_once_also_when_clocks_are_put_forward_or_back(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_pg *pg = NULL;
    skald_error error = {0};
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    for (size_t i = 0; i < sizeof civil_cases / sizeof civil_cases[0]; i++) {
        char sql[256];
        skald_cron cron;
        int64_t next_us = 0;
        assert_ok(skald_cron_parse(&cron, civil_cases[i].cron, &error), &error);
        snprintf(sql, sizeof sql,
                 "SELECT (extract(epoch FROM timestamptz '%s+00') * 1000000)::bigint",
                 civil_cases[i].after);
        const int64_t after_us = database_integer(database, sql);
        assert_ok(skald_civil_next(&next_us, pg, &cron, civil_cases[i].zone, after_us, &error),
                  &error);
        snprintf(sql, sizeof sql,
                 "SELECT to_char(to_timestamp(%lld / 1e6) AT TIME ZONE 'UTC',"
                 " 'YYYY-MM-DD HH24:MI')",
                 (long long)next_us);
        print_message("%s in %s after %s\n", civil_cases[i].cron, civil_cases[i].zone,
                      civil_cases[i].after);
        assert_string_equal(database_text(database, sql), civil_cases[i].next);
    }
    skald_pg_close(pg);
}

/* --- running -------------------------------------------------------------------------------- */

static void test_a_schedule_publishes_its_message_through_both_changes_of_the_clock(void **state)
{
    (void)state;
    const char *database = database_new();
    const skald_schedule_options options = in_zone("Europe/Berlin", SKALD_MISSED_ONCE);
    keeper_clock_set(database, "2026-03-28 12:00+00");
    skald_service *service = service_with(database, "nightly", "30 2 * * *", &options);
    keeper_start(service);
    assert_string_equal(next_at(database, "nightly"), "2026-03-29 01:00:00");

    keeper_turn_await(database);
    assert_int_equal(runs(database), 0);
    keeper_clock_set(database, "2026-03-29 01:00+00");
    WAIT_UNTIL(runs(database) == 1);
    assert_string_equal(next_at(database, "nightly"), "2026-03-30 00:30:00");
    keeper_turn_await(database);
    assert_int_equal(runs(database), 1);
    /* Across summer, one for all that were missed; then the hour that comes twice. */
    keeper_clock_set(database, "2026-10-24 12:00+00");
    WAIT_UNTIL(runs(database) == 2);
    assert_string_equal(next_at(database, "nightly"), "2026-10-25 00:30:00");
    keeper_clock_set(database, "2026-10-25 00:30+00");
    WAIT_UNTIL(runs(database) == 3);
    keeper_clock_set(database, "2026-10-25 01:30+00");
    keeper_turn_await(database);
    assert_int_equal(runs(database), 3);
    assert_string_equal(next_at(database, "nightly"), "2026-10-26 01:30:00");

    assert_string_equal(
        database_text(database, "SELECT concat_ws('|', type, key, encode(body, 'hex'),"
                                " correlation_id = event_id::text) FROM skald.outbox LIMIT 1"),
        "test.v1.Counted|nightly|10071a047469636b|t");
    keeper_stop(service);
}

static void test_every_is_counted_from_the_last_run_and_goes_on_after_a_restart(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, "2026-05-01 12:00:00+00");
    skald_service *service = service_with(database, "pulse", "@every 90s", NULL);
    keeper_start(service);
    assert_string_equal(next_at(database, "pulse"), "2026-05-01 12:01:30");
    keeper_clock_set(database, "2026-05-01 12:01:31+00");
    WAIT_UNTIL(runs(database) == 1);
    assert_string_equal(next_at(database, "pulse"), "2026-05-01 12:03:00");
    keeper_stop(service);

    keeper_clock_set(database, "2026-05-01 12:02:59+00");
    service = service_with(database, "pulse", "@every 90s", NULL);
    keeper_start(service);
    assert_string_equal(next_at(database, "pulse"), "2026-05-01 12:03:00");
    /* Late: the next is counted from when it ran. */
    keeper_clock_set(database, "2026-05-01 12:10:00+00");
    WAIT_UNTIL(runs(database) == 2);
    assert_string_equal(next_at(database, "pulse"), "2026-05-01 12:11:30");
    keeper_stop(service);
}

static void test_runs_come_every_second_by_the_real_clock(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = service_with(database, "pulse", "@every 1s", NULL);
    keeper_start(service);
    WAIT_UNTIL(runs(database) >= 4);
    keeper_stop(service);
}

/* --- declarations --------------------------------------------------------------------------- */

static void start_and_stop(const char *database, const char *cron,
                           const skald_schedule_options *options)
{
    skald_service *service = service_with(database, "job", cron, options);
    keeper_start(service);
    keeper_stop(service);
}

static void test_what_a_person_changed_stays_until_the_program_declares_something_else(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, "2026-05-01 12:30+00");
    start_and_stop(database, "0 * * * *", NULL);
    database_run(database, "UPDATE skald.schedule SET cron = '0 0 * * *', paused = true,"
                           " next_at = '2026-05-02 00:00+00'");
    start_and_stop(database, "0 * * * *", NULL);
    assert_string_equal(next_at(database, "job"), "2026-05-02 00:00:00");
    assert_string_equal(database_text(database, "SELECT cron FROM skald.schedule"), "0 0 * * *");

    skald_schedule_options options = in_zone("Asia/Tokyo", SKALD_MISSED_ALL);
    options.key = "other";
    start_and_stop(database, "30 8 * * *", &options);
    assert_string_equal(next_at(database, "job"), "2026-05-01 23:30:00");
    assert_string_equal(database_text(database,
                                      "SELECT concat_ws('|', cron, time_zone, missed, key,"
                                      " paused) FROM skald.schedule"),
                        "30 8 * * *|Asia/Tokyo|all|other|t");
    /* Another key, the same times: what is due stays due. */
    database_run(database, "UPDATE skald.schedule SET next_at = '2026-05-01 12:00+00'");
    options.key = "third";
    start_and_stop(database, "30 8 * * *", &options);
    assert_string_equal(next_at(database, "job"), "2026-05-01 12:00:00");
}

static void expect_mistake(const char *database, const char *cron,
                           const skald_schedule_options *options, const char *words)
{
    skald_error error = {0};
    skald_service *service = service_with(database, "job", cron, options);
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "job");
    assert_contains(error.text, words);
    skald_service_free(service);
}

static void test_a_declaration_that_cannot_work_stops_the_start_with_a_sentence(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_schedule_options options = in_zone("Europe/Atlantis", SKALD_MISSED_ONCE);
    expect_mistake(database, "0 * * * *", &options, "Europe/Atlantis");
    expect_mistake(database, "61 * * * *", NULL, "minute");
    expect_mistake(database, "@every 1ms", NULL, "1");
    options = in_zone("UTC", (skald_missed)7);
    expect_mistake(database, "0 * * * *", &options, "missed");
    options = in_zone("UTC", SKALD_MISSED_ONCE);
    options.queue = "nobodys";
    expect_mistake(database, "0 * * * *", &options, "nobodys");
    skald_error error = {0};
    skald_service *service = service_with(database, "job", "0 * * * *", NULL);
    assert_int_equal(skald_schedule(service, "job", "0 * * * *", &tick.base, NULL), SKALD_INVALID);
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "twice");
    skald_service_free(service);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.schedule"), 0);
}

/* --- queues and troubles --------------------------------------------------------------------- */

static void test_a_schedule_of_a_queue_enqueues_a_job(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "INSERT INTO skald.queue (name) VALUES ('mail')");
    keeper_clock_set(database, "2026-05-01 12:30+00");
    skald_schedule_options options = in_zone("UTC", SKALD_MISSED_ONCE);
    options.queue = "mail";
    options.key = "digest";
    skald_service *service = service_with(database, "job", "0 * * * *", &options);
    keeper_start(service);
    keeper_clock_set(database, "2026-05-01 13:00+00");
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job WHERE queue = 'mail'") ==
               1);
    assert_string_equal(database_text(database, "SELECT concat_ws('|', state, type, key, source,"
                                                " due_at = skald.now()) FROM skald.job"),
                        "waiting|test.v1.Counted|digest|/shop|t");
    assert_int_equal(runs(database), 0);
    keeper_stop(service);
}

static void test_a_schedule_that_cannot_run_holds_up_no_other_and_recovers(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, "2026-05-01 12:30+00");
    skald_service *service = service_with(database, "broken", "0 * * * *", NULL);
    assert_int_equal(skald_schedule(service, "sound", "0 * * * *", &tick.base, NULL), SKALD_OK);
    keeper_start(service);
    database_run(database, "UPDATE skald.schedule SET time_zone = 'Europe/Atlantis'"
                           " WHERE name = 'broken'");

    keeper_clock_set(database, "2026-05-01 13:00+00");
    WAIT_UNTIL(runs(database) == 1);
    WAIT_UNTIL(keeper_log_count("KEEPER-SCHEDULE-FAILED") == 1);
    assert_contains(database_text(database, "SELECT failure FROM skald.schedule"
                                            " WHERE name = 'broken'"),
                    "Europe/Atlantis");
    keeper_turn_await(database);
    assert_int_equal(keeper_log_count("KEEPER-SCHEDULE-FAILED"), 1);

    database_run(database, "UPDATE skald.schedule SET time_zone = 'UTC' WHERE name = 'broken'");
    keeper_clock_set(database, "2026-05-01 13:01+00");
    WAIT_UNTIL(runs(database) == 2);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.schedule"
                                                " WHERE failure IS NOT NULL"),
                     0);
    keeper_stop(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_is_due_once_also_when_clocks_are_put_forward_or_back),
        cmocka_unit_test(test_a_schedule_publishes_its_message_through_both_changes_of_the_clock),
        cmocka_unit_test(test_every_is_counted_from_the_last_run_and_goes_on_after_a_restart),
        cmocka_unit_test(test_runs_come_every_second_by_the_real_clock),
        cmocka_unit_test(
            test_what_a_person_changed_stays_until_the_program_declares_something_else),
        cmocka_unit_test(test_a_declaration_that_cannot_work_stops_the_start_with_a_sentence),
        cmocka_unit_test(test_a_schedule_of_a_queue_enqueues_a_job),
        cmocka_unit_test(test_a_schedule_that_cannot_run_holds_up_no_other_and_recovers),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
