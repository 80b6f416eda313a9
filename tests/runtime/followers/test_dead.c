/* Dead messages: whether their key holds or goes on, and what people do about them with SQL. */
#include "support/database.h"
#include "support/following.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

enum { OTHERS = 10 };

static const skald_policy holding = {.retry = "never", .dead = SKALD_DEAD_HOLDS};
static const skald_policy going_on = {.retry = "never", .dead = SKALD_DEAD_GOES_ON};

static skald_status fail_by_note(skald_context *context, const Test__V1__Counted *event)
{
    return event->note[0] == '\0' ? SKALD_OK
                                  : skald_fail_as(context, event->note, "cannot: %s", event->note);
}

typedef struct given {
    const char *database;
    skald_service *service;
} given;

static given given_service(const skald_policy *policy)
{
    given shop = {.database = database_new()};
    shop.service = following_start(
        shop.database, &(following_options){.behaviour = fail_by_note, .policy = policy});
    return shop;
}

/* Key "k" gets the numbers 1 to 6, of which 2 fails. */
static given given_dead(const skald_policy *policy)
{
    const given shop = given_service(policy);
    for (int number = 1; number <= 6; number++)
        following_publish(shop.service, shop.database, "k", number == 2 ? "currency" : "");
    return shop;
}

static bool facts_are(const given *shop, const char *key, const char *facts)
{
    return strcmp(following_facts(shop->database, key), facts) == 0;
}

static bool jobs_are(const given *shop, const char *key, const char *jobs)
{
    return strcmp(following_jobs(shop->database, key), jobs) == 0;
}

/* Messages of other keys are handled although "k" stands still. */
static void expect_others_flow(const given *shop)
{
    char key[16];
    for (int i = 0; i < OTHERS; i++) {
        snprintf(key, sizeof key, "o%d", i);
        following_publish(shop->service, shop->database, key, "");
    }
    WAIT_UNTIL(database_integer(shop->database, "SELECT count(*) FROM counter WHERE key LIKE 'o%'"
                                                " AND number <> (SELECT count(*) FROM fact WHERE"
                                                " fact.key = counter.key)") == 0);
}

static void replay(const given *shop, const char *condition)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT string_agg(skald.job_replay(id, 'me', 'mended'), ' ') FROM skald.job WHERE %s",
             condition);
    assert_contains(database_text(shop->database, sql), "ok");
}

static void test_a_dead_message_holds_its_key_and_no_other(void **state)
{
    (void)state;
    const given shop = given_dead(&holding);
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/currency parked/0/ parked/0/ parked/0/ parked/0/"));
    expect_others_flow(&shop);
    assert_true(facts_are(&shop, "k", "1"));
    following_end(shop.service);
}

static void test_a_key_goes_on_without_its_dead_message(void **state)
{
    (void)state;
    const given shop = given_dead(&going_on);
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6"));
    assert_true(jobs_are(&shop, "k", "dead/1/currency"));
    following_end(shop.service);
}

/* It was parked first, and later ones queued behind it. */
static void test_a_job_that_dies_lets_its_key_go_on(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "300ms 3 times", .dead = SKALD_DEAD_GOES_ON};
    const given shop = given_dead(&policy);
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/3/currency"));
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6"));
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6 7"));
    following_end(shop.service);
}

static void test_a_replay_runs_the_key_in_order(void **state)
{
    (void)state;
    const given shop = given_dead(&holding);
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/currency parked/0/ parked/0/ parked/0/ parked/0/"));
    following_behave(NULL);
    replay(&shop, "state = 'dead'");
    WAIT_UNTIL(facts_are(&shop, "k", "1 2 3 4 5 6"));
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(facts_are(&shop, "k", "1 2 3 4 5 6 7"));
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.job"), 0);
    following_end(shop.service);
}

static void test_a_replay_that_fails_again_dies_again_and_keeps_every_attempt(void **state)
{
    (void)state;
    const given shop = given_dead(&holding);
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/currency parked/0/ parked/0/ parked/0/ parked/0/"));
    replay(&shop, "state = 'dead'");
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM skald.attempt") == 3);
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/currency parked/0/ parked/0/ parked/0/ parked/0/"));
    assert_string_equal(database_text(shop.database, "SELECT string_agg(outcome, ' ' ORDER BY"
                                                     " number) FROM skald.attempt"),
                        "failed replayed failed");
    expect_others_flow(&shop);
    following_end(shop.service);
}

static void test_a_discarded_message_releases_its_key(void **state)
{
    (void)state;
    const given shop = given_dead(&holding);
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/currency parked/0/ parked/0/ parked/0/ parked/0/"));
    database_run(shop.database, "SELECT skald.job_discard(id, 'me', 'worthless') FROM skald.job"
                                " WHERE state = 'dead'");
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6"));
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6 7"));
    assert_true(jobs_are(&shop, "k", "discarded/1/currency"));
    following_end(shop.service);
}

/* Nothing is parked behind it, so only its row says that the key is held. */
static void test_a_held_key_with_nothing_behind_is_free_when_its_row_goes(void **state)
{
    (void)state;
    const given shop = given_service(&holding);
    following_publish(shop.service, shop.database, "k", "currency");
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/currency"));
    database_run(shop.database, "DELETE FROM skald.job");
    for (int i = 0; i < 5; i++)
        following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(facts_are(&shop, "k", "2 3 4 5 6"));
    WAIT_UNTIL(jobs_are(&shop, "k", ""));
    following_end(shop.service);
}

static void test_what_waits_behind_a_deleted_row_has_its_turn(void **state)
{
    (void)state;
    const given shop = given_dead(&holding);
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/currency parked/0/ parked/0/ parked/0/ parked/0/"));
    database_run(shop.database, "DELETE FROM skald.job WHERE state = 'dead'");
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6"));
    following_end(shop.service);
}

/* The lane has no parked key in memory when somebody replays. */
static void test_a_replay_in_a_lane_without_parked_keys_is_found(void **state)
{
    (void)state;
    const given shop = given_dead(&going_on);
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6"));
    following_behave(NULL);
    replay(&shop, "state = 'dead'");
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6 2"));
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(facts_are(&shop, "k", "1 3 4 5 6 2 7"));
    WAIT_UNTIL(jobs_are(&shop, "k", ""));
    following_end(shop.service);
}

/* An earlier message is replayed while a later one of its key is parked: the later one waits, also
 * when its own time comes. */
static void test_a_replayed_message_comes_before_the_parked_ones_of_its_key(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {
        {.errors = "early", .retry = "never", .dead = SKALD_DEAD_GOES_ON},
        {.errors = "late", .retry = "2s"},
    };
    const skald_policy policy = {.retry = "1h..2h", .rules = rules, .rule_count = 2};
    const given shop = given_service(&policy);
    following_publish(shop.service, shop.database, "k", "early");
    following_publish(shop.service, shop.database, "k", "late");
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(strncmp(following_jobs(shop.database, "k"), "dead/1/early parked/", 20) == 0);
    database_run(shop.database, "SELECT skald.job_replay(id, 'me') FROM skald.job WHERE state ="
                                " 'dead'; UPDATE skald.job SET due_at = skald.now() + interval"
                                " '1 h' WHERE error_class = 'early'");
    /* Its turn is long past, and would be any moment. */
    const int64_t attempts = database_integer(
        shop.database, "SELECT attempts FROM skald.job WHERE error_class = 'late'");
    WAIT_UNTIL(database_integer(shop.database, "SELECT count(*) FROM skald.job WHERE error_class ="
                                               " 'late' AND due_at = 'infinity'") == 1);
    following_behave(NULL);
    expect_others_flow(&shop);
    assert_true(facts_are(&shop, "k", ""));
    assert_in_range(database_integer(shop.database, "SELECT attempts FROM skald.job WHERE"
                                                    " error_class = 'late'"),
                    attempts, attempts + 1);
    database_run(shop.database, "UPDATE skald.job SET due_at = skald.now() WHERE error_class ="
                                " 'early'");
    WAIT_UNTIL(facts_are(&shop, "k", "1 2 3"));
    following_end(shop.service);
}

/* --- undecodable ----------------------------------------------------------------------------- */

/* Publishes a message of key "k" with a body of another shape. */
static void publish_undecodable(const given *shop)
{
    database_run(shop->database,
                 "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.body ="
                 " ''\\xffffff''; RETURN NEW; END'");
    database_run(shop->database, "CREATE TRIGGER spoil BEFORE INSERT ON skald.outbox FOR EACH ROW"
                                 " WHEN (new.key = 'k') EXECUTE FUNCTION spoil()");
    following_publish(shop->service, shop->database, "k", "");
    database_run(shop->database, "DROP TRIGGER spoil ON skald.outbox; DROP FUNCTION spoil()");
}

static void test_what_cannot_be_decoded_is_dead_and_its_key_goes_on(void **state)
{
    (void)state;
    const given shop = given_service(&holding);
    publish_undecodable(&shop);
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(facts_are(&shop, "k", "2"));
    assert_true(jobs_are(&shop, "k", "dead/1/"));
    assert_string_equal(database_text(shop.database, "SELECT outcome FROM skald.attempt"),
                        "failed");
    skald_counters counters;
    skald_service_counters(shop.service, &counters);
    assert_int_equal(counters.dead, 1);
    assert_int_equal(counters.set_aside, 1);
    following_end(shop.service);
}

static void test_a_rule_makes_the_undecodable_hold_its_key(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {{.errors = "undecodable", .dead = SKALD_DEAD_HOLDS}};
    const skald_policy policy = {.rules = rules, .rule_count = 1};
    const given shop = given_service(&policy);
    publish_undecodable(&shop);
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(jobs_are(&shop, "k", "dead/1/ parked/0/"));
    expect_others_flow(&shop);
    assert_true(facts_are(&shop, "k", ""));
    following_end(shop.service);
}

/* --- the story ------------------------------------------------------------------------------- */

/* A currency code that the parser of the first version cannot take. */
static skald_status parse_currency(skald_context *context, const Test__V1__Counted *event)
{
    return strcmp(event->note, "XAF") == 0
               ? skald_fail_as(context, "currency", "unknown currency \"%s\"", event->note)
               : SKALD_OK;
}

static void test_a_currency_that_the_parser_cannot_take(void **state)
{
    (void)state;
    const char *database = database_new();
    given shop = {.database = database};
    shop.service = following_start(
        database, &(following_options){.behaviour = parse_currency, .policy = &holding});
    static const char *const currencies[] = {"EUR", "XAF", "EUR", "USD"};
    for (size_t i = 0; i < 4; i++) {
        following_publish(shop.service, database, "douala", currencies[i]);
        following_publish(shop.service, database, "lagos", i == 2 ? "XAF" : "NGN");
        following_publish(shop.service, database, "paris", "EUR");
    }
    /* Two keys stand, grouped by one cause; the others are never delayed. */
    WAIT_UNTIL(jobs_are(&shop, "douala", "dead/1/currency parked/0/ parked/0/"));
    WAIT_UNTIL(jobs_are(&shop, "lagos", "dead/1/currency parked/0/"));
    WAIT_UNTIL(facts_are(&shop, "paris", "1 2 3 4"));
    assert_string_equal(database_text(database, "SELECT string_agg(jobs || ' ' || keys || ' ' ||"
                                                " holding, ';') FROM skald.v_dead_group"),
                        "2 2 2");
    expect_others_flow(&shop);
    following_end(shop.service);

    /* The handler is fixed and the service restarted: what is dead stays dead until it is replayed.
     */
    shop.service = following_start(database, &(following_options){.policy = &holding});
    following_publish(shop.service, database, "douala", "XAF");
    expect_others_flow(&shop);
    WAIT_UNTIL(jobs_are(&shop, "douala", "dead/1/currency parked/0/ parked/0/ parked/0/"));
    replay(&shop, "state = 'dead'");
    WAIT_UNTIL(facts_are(&shop, "douala", "1 2 3 4 5"));
    WAIT_UNTIL(facts_are(&shop, "lagos", "1 2 3 4"));
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job"), 0);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit"), 2);
    following_end(shop.service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_dead_message_holds_its_key_and_no_other),
        cmocka_unit_test(test_a_key_goes_on_without_its_dead_message),
        cmocka_unit_test(test_a_job_that_dies_lets_its_key_go_on),
        cmocka_unit_test(test_a_replay_runs_the_key_in_order),
        cmocka_unit_test(test_a_replay_that_fails_again_dies_again_and_keeps_every_attempt),
        cmocka_unit_test(test_a_discarded_message_releases_its_key),
        cmocka_unit_test(test_a_held_key_with_nothing_behind_is_free_when_its_row_goes),
        cmocka_unit_test(test_what_waits_behind_a_deleted_row_has_its_turn),
        cmocka_unit_test(test_a_replay_in_a_lane_without_parked_keys_is_found),
        cmocka_unit_test(test_a_replayed_message_comes_before_the_parked_ones_of_its_key),
        cmocka_unit_test(test_what_cannot_be_decoded_is_dead_and_its_key_goes_on),
        cmocka_unit_test(test_a_rule_makes_the_undecodable_hold_its_key),
        cmocka_unit_test(test_a_currency_that_the_parser_cannot_take),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
