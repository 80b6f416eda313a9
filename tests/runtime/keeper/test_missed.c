/* Schedules after an outage: what becomes of the runs that were due while no process ran. */
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

/* One service with a schedule of each kind, so that all share the outage. Each publishes under its
 * own name as key. */
static skald_service *service_with(const char *database, const char *cron)
{
    static const Test__V1__Ignored nothing = {
        PROTOBUF_C_MESSAGE_INIT(&test__v1__ignored__descriptor), .key = (char *)""};
    static const struct {
        const char *name;
        skald_missed missed;
    } kinds[] = {
        {"once", SKALD_MISSED_ONCE}, {"all", SKALD_MISSED_ALL}, {"skip", SKALD_MISSED_SKIP}};
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        skald_schedule_options schedule = SKALD_SCHEDULE_OPTIONS_INIT;
        schedule.missed = kinds[i].missed;
        assert_int_equal(skald_schedule(service, kinds[i].name, cron, &nothing.base, &schedule),
                         SKALD_OK);
    }
    return service;
}

/* Declared at 12:00:30, stopped, started again at `until`: "all 5, once 1" ran. */
static const char *ran_after_outage(const char *cron, const char *until)
{
    const char *database = database_new();
    keeper_clock_set(database, "2026-05-01 12:00:30+00");
    skald_service *service = service_with(database, cron);
    keeper_start(service);
    keeper_stop(service);

    keeper_clock_set(database, until);
    service = service_with(database, cron);
    keeper_start(service);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.schedule"
                                          " WHERE next_at > skald.now()") == 3);
    keeper_stop(service);
    return database_text(database, "SELECT string_agg(key || ' ' || count, ', ' ORDER BY key) FROM"
                                   " (SELECT key, count(*) FROM skald.outbox GROUP BY 1) AS k");
}

static void test_missed_runs_happen_once_all_or_not_as_declared(void **state)
{
    (void)state;
    assert_string_equal(ran_after_outage("0 * * * *", "2026-05-01 17:30+00"), "all 5, once 1");
    assert_string_equal(ran_after_outage("@every 1h", "2026-05-01 17:30+00"), "all 5, once 1");
}

/* A change of keepers takes a moment. */
static void test_a_run_that_is_late_by_less_than_a_minute_was_not_missed(void **state)
{
    (void)state;
    assert_string_equal(ran_after_outage("0 13 * * *", "2026-05-01 13:00:59+00"),
                        "all 1, once 1, skip 1");
    assert_string_equal(ran_after_outage("0 13 * * *", "2026-05-01 13:01:01+00"), "all 1, once 1");
}

/* 1,440 minutes. */
static void test_of_very_many_missed_runs_the_last_thousand_happen(void **state)
{
    (void)state;
    assert_string_equal(ran_after_outage("* * * * *", "2026-05-02 12:00:30+00"),
                        "all 1000, once 1");
    assert_string_equal(ran_after_outage("@every 1m", "2026-05-02 12:00:30+00"),
                        "all 1000, once 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_missed_runs_happen_once_all_or_not_as_declared),
        cmocka_unit_test(test_a_run_that_is_late_by_less_than_a_minute_was_not_missed),
        cmocka_unit_test(test_of_very_many_missed_runs_the_last_thousand_happen),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
