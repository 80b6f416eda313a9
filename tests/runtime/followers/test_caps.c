/* A follower that is above its cap takes nothing fresh; messages that are too old are kept without
 * being handled. */
#include "support/database.h"
#include "support/following.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static const skald_policy holding = {.retry = "never"};

static skald_status fail_by_note(skald_context *context, const Test__V1__Counted *event)
{
    return event->note[0] == '\0' ? SKALD_OK : skald_fail(context, "cannot: %s", event->note);
}

static bool facts_are(const char *database, const char *key, const char *facts)
{
    return strcmp(following_facts(database, key), facts) == 0;
}

static void test_a_full_follower_takes_nothing_fresh_until_there_is_room(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = following_start(
        database, &(following_options){.behaviour = fail_by_note, .policy = &holding});
    following_publish(service, database, "k", "broken");
    following_publish(service, database, "k", "");
    WAIT_UNTIL(strcmp(following_jobs(database, "k"), "dead/1/ parked/0/") == 0);

    following_fill(database, true);
    WAIT_UNTIL(following_log_count("FOLLOWER-FULL") == 1);
    following_publish(service, database, "other", "");
    /* Jobs still run. */
    following_behave(NULL);
    database_run(database, "SELECT skald.job_replay(id, 'me') FROM skald.job WHERE state = 'dead'");
    WAIT_UNTIL(facts_are(database, "k", "1 2"));
    assert_true(facts_are(database, "other", ""));
    assert_int_equal(following_log_count("FOLLOWER-FULL"), 1);

    following_fill(database, false);
    WAIT_UNTIL(facts_are(database, "other", "1"));
    assert_int_equal(following_log_count("FOLLOWER-GOES-ON"), 1);
    following_end(service);
}

static void test_a_follower_that_is_full_when_it_starts_waits(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = following_start(database, &(following_options){0});
    following_publish(service, database, "k", "");
    WAIT_UNTIL(facts_are(database, "k", "1"));
    following_end(service);
    following_fill(database, true);

    service = following_start(database, &(following_options){0});
    following_publish(service, database, "k", "");
    WAIT_UNTIL(following_log_count("FOLLOWER-FULL") == 1);
    /* It has its partitions, and still takes nothing. */
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.position AS p JOIN"
                                          " skald.process AS o ON o.id = p.holder"
                                          " WHERE p.follower = 'shop'") == 16);
    assert_true(facts_are(database, "k", "1"));
    following_fill(database, false);
    WAIT_UNTIL(facts_are(database, "k", "1 2"));
    following_end(service);
}

static void test_too_old_messages_are_kept_and_not_handled(void **state)
{
    (void)state;
    const char *database = database_new();
    following_clock_ahead(database, "0");
    const following_options options = {
        .behaviour = fail_by_note, .policy = &holding, .expire_ms = 3600 * 1000};
    skald_service *service = following_start(database, &options);
    following_publish(service, database, "k", "");
    WAIT_UNTIL(facts_are(database, "k", "1"));
    following_publish(service, database, "held", "broken");
    following_publish(service, database, "held", "");
    WAIT_UNTIL(strcmp(following_jobs(database, "held"), "dead/1/ parked/0/") == 0);
    following_end(service);

    /* Two hours later, by the database's clock. */
    following_clock_ahead(database, "2 h");
    service = following_start(database, &options);
    following_publish(service, database, "k", "");
    WAIT_UNTIL(strcmp(following_jobs(database, "k"), "expired/0/") == 0);
    assert_true(facts_are(database, "k", "1"));
    assert_string_equal(database_text(database, "SELECT ended_at IS NOT NULL AND reason <> '' FROM"
                                                " skald.job WHERE state = 'expired'"),
                        "t");
    skald_counters counters;
    skald_service_counters(service, &counters);
    assert_int_equal(counters.handled, 0);
    assert_int_equal(counters.skipped, 1);

    /* What is parked expires when its turn comes; what a person replays does not. */
    following_behave(NULL);
    database_run(database, "SELECT skald.job_replay(id, 'me') FROM skald.job WHERE state = 'dead'");
    WAIT_UNTIL(facts_are(database, "held", "1"));
    WAIT_UNTIL(strcmp(following_jobs(database, "held"), "expired/0/") == 0);
    database_run(database,
                 "SELECT skald.job_replay(id, 'me') FROM skald.job WHERE state = 'expired'");
    WAIT_UNTIL(facts_are(database, "held", "1 2"));
    WAIT_UNTIL(facts_are(database, "k", "1 2"));
    following_end(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_full_follower_takes_nothing_fresh_until_there_is_room),
        cmocka_unit_test(test_a_follower_that_is_full_when_it_starts_waits),
        cmocka_unit_test(test_too_old_messages_are_kept_and_not_handled),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
