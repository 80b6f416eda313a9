/* One process of a service keeps its house; another takes over when it stops, dies or freezes. */
#include "support/child.h"
#include "support/counting.h"
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include <signal.h>

static test_child *process(const char *database, const char *nats_url)
{
    const counting_child_options options = {
        .service = "shop", .stream = "shop", .database = database, .nats_url = nats_url};
    return counting_child(&options);
}

static bool leads(const char *database, const test_child *child)
{
    return database_integer(database, "SELECT o.pid FROM skald.position AS p JOIN skald.process AS"
                                      " o ON o.id = p.holder WHERE p.follower = '@keeper'"
                                      " AND o.expires_at > clock_timestamp()") == child_pid(child);
}

static void delayed_add(const char *database, int count)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT skald.enqueue('shop', '@publish', gen_random_uuid()::text, 1::smallint,"
             " 'test.v1.Ignored', 'k', '', 1::smallint, 0, NULL, NULL, NULL, NULL, NULL, NULL,"
             " NULL, NULL, NULL) FROM generate_series(1, %d)",
             count);
    database_run(database, sql);
}

static bool published(const char *database, int count)
{
    return database_integer(database, "SELECT count(*) FROM skald.outbox") == count;
}

static void child_end(test_child *child)
{
    child_signal(child, SIGTERM);
    assert_int_equal(child_wait(child), 0);
    child_free(child);
}

/* Which of the two leads: duties move when a process comes, so that all have a share. */
static test_child *leader_await(const char *database, test_child *one, test_child *other)
{
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.process"
                                          " WHERE expires_at > clock_timestamp()") == 2);
    WAIT_UNTIL(leads(database, one) || leads(database, other));
    return leads(database, one) ? one : other;
}

static void story(const char *database, const char *nats_url)
{
    counting_prepare(database);
    test_child *first = process(database, nats_url);
    WAIT_UNTIL(leads(database, first));
    test_child *second = process(database, nats_url);
    test_child *leader = leader_await(database, first, second);
    test_child *other = leader == first ? second : first;
    delayed_add(database, 10);
    WAIT_UNTIL(published(database, 10));

    /* It dies, the other takes over. */
    child_signal(leader, SIGKILL);
    child_wait(leader);
    child_free(leader);
    delayed_add(database, 10);
    WAIT_UNTIL(published(database, 20) && leads(database, other));

    /* One freezes for longer than its lease; when it wakes it does no harm. */
    test_child *third = process(database, nats_url);
    leader = leader_await(database, other, third);
    other = leader == other ? third : other;
    child_pause(leader);
    delayed_add(database, 10);
    WAIT_UNTIL(published(database, 30) && leads(database, other));
    child_resume(leader);
    delayed_add(database, 1000);
    WAIT_UNTIL(published(database, 1030));
    assert_int_equal(database_integer(database, "SELECT count(DISTINCT event_id)"
                                                " FROM skald.outbox"),
                     1030);

    /* One stops in order, the other has it. */
    first = leader_await(database, leader, other);
    second = first == leader ? other : leader;
    child_end(first);
    WAIT_UNTIL(leads(database, second));
    delayed_add(database, 10);
    WAIT_UNTIL(published(database, 1040));
    child_end(second);
}

static void test_one_process_leads_and_another_takes_over_without_nats(void **state)
{
    (void)state;
    story(database_new(), NULL);
}

static void test_one_process_leads_and_another_takes_over_with_nats(void **state)
{
    (void)state;
    story(database_new(), servers_nats_url());
}

static void test_it_goes_on_after_an_outage_of_the_database(void **state)
{
    (void)state;
    const char *database = database_new();
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    keeper_start(service);
    skald_counters counters = {0};
    WAIT_UNTIL((skald_service_counters(service, &counters), counters.keeper_leads));
    servers_kill(SKALD_SERVER_POSTGRES);
    servers_start(SKALD_SERVER_POSTGRES);
    delayed_add(database, 5);
    WAIT_UNTIL(published(database, 5));
    keeper_stop(service);
}

/* What cannot be done is said once, and the other duties go on. */
static void test_one_duty_that_fails_does_not_hold_up_the_others(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "ALTER TABLE skald.alert RENAME TO alert_away");
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    const unsigned before = keeper_log_count("KEEPER-WAITS");
    const unsigned gone_on = keeper_log_count("KEEPER-GOES-ON");
    keeper_start(service);
    WAIT_UNTIL(keeper_log_count("KEEPER-WAITS") > before);
    delayed_add(database, 5);
    WAIT_UNTIL(published(database, 5));
    keeper_turn_await(database);
    database_run(database, "ALTER TABLE skald.alert_away RENAME TO alert");
    /* Alerts, and what forgets them. */
    WAIT_UNTIL(keeper_log_count("KEEPER-GOES-ON") == gone_on + 2);
    keeper_stop(service);
}

int main(int argc, char **argv)
{
    counting_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_process_leads_and_another_takes_over_without_nats),
        cmocka_unit_test(test_one_process_leads_and_another_takes_over_with_nats),
        cmocka_unit_test(test_it_goes_on_after_an_outage_of_the_database),
        cmocka_unit_test(test_one_duty_that_fails_does_not_hold_up_the_others),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
