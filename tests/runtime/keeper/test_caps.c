/* Caps: a subscription that keeps too much is full until there is room, or gives up its oldest. */
#include "support/counting.h"
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static const char noon[] = "2026-05-01 12:00+00";

/* Follower "orders" of a service that cannot feed it (there is no such stream), so that its jobs
 * are what the test makes of them. */
static skald_service *started(const char *database, skald_caps caps)
{
    const skald_options options = keeper_options(database, servers_nats_url());
    skald_service *service = keeper_service("shop", &options);
    skald_follow_options follow = SKALD_FOLLOW_OPTIONS_INIT;
    follow.caps = caps;
    assert_int_equal(skald_follow_with(service, "orders", counting_handler, &follow), SKALD_OK);
    keeper_start(service);
    return service;
}

static const char *prepared(void)
{
    const char *database = database_new();
    keeper_clock_set(database, noon);
    database_run(database, "INSERT INTO skald.follower VALUES ('orders', 'orders', 16)");
    return database;
}

/* Jobs from `first` to `last` of ten bytes each; job n died n minutes before noon, or is parked. */
static void jobs_add(const char *database, const char *state, int first, int last)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.job (follower, partition, position, state, key, body, due_at,"
             " ended_at) SELECT 'orders', n %% 16, n, '%s', 'k' || n, 'ten bytes.', 'infinity',"
             " CASE '%s' WHEN 'dead' THEN timestamptz '%s' - n * interval '1 min' END"
             " FROM generate_series(%d, %d) AS n",
             state, state, noon, first, last);
    database_run(database, sql);
}

static bool is_full(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM skald.follower WHERE name = 'orders'"
                                      " AND full_since = skald.now()") == 1;
}

static int64_t count_of(const char *database, const char *state)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM skald.job WHERE state = '%s'", state);
    return database_integer(database, sql);
}

/* --- full ----------------------------------------------------------------------------------- */

static void test_a_follower_is_full_above_its_rows_and_has_room_again(void **state)
{
    (void)state;
    const char *database = prepared();
    jobs_add(database, "dead", 1, 6);
    jobs_add(database, "parked", 7, 10);
    const unsigned said = keeper_log_count("KEEPER-FULL");
    skald_service *service = started(database, (skald_caps){.rows = 10});
    keeper_turn_await(database);
    assert_false(is_full(database));

    jobs_add(database, "parked", 11, 11);
    WAIT_UNTIL(is_full(database));
    keeper_turn_await(database);
    WAIT_UNTIL(keeper_log_count("KEEPER-FULL") == said + 1);
    assert_contains(keeper_log_text("KEEPER-FULL"), "orders");
    /* Nothing is lost, and what ended does not count. */
    assert_int_equal(count_of(database, "dead"), 6);
    database_run(database, "UPDATE skald.job SET state = 'discarded' WHERE position = 1");
    WAIT_UNTIL(database_integer(database, "SELECT count(full_since) FROM skald.follower") == 0);
    keeper_stop(service);
}

static void test_bytes_and_age_make_it_full_too(void **state)
{
    (void)state;
    const char *database = prepared();
    jobs_add(database, "dead", 1, 10);
    skald_service *service = started(database, (skald_caps){.bytes = 99});
    WAIT_UNTIL(is_full(database));
    keeper_stop(service);

    service = started(database, (skald_caps){.bytes = 100});
    WAIT_UNTIL(!is_full(database));
    keeper_stop(service);

    service = started(database, (skald_caps){.age_ms = 9 * 60 * 1000});
    WAIT_UNTIL(is_full(database));
    keeper_stop(service);

    service = started(database, (skald_caps){.age_ms = 10 * 60 * 1000});
    WAIT_UNTIL(!is_full(database));
    keeper_stop(service);
}

/* --- discarding ------------------------------------------------------------------------------ */

static void test_with_discard_the_oldest_dead_are_given_up_and_it_is_written_down(void **state)
{
    (void)state;
    const char *database = prepared();
    jobs_add(database, "dead", 1, 3500);
    jobs_add(database, "parked", 3501, 3510);
    skald_service *service = started(database, (skald_caps){.rows = 100, .discard = true});
    WAIT_UNTIL(count_of(database, "dead") == 90);
    keeper_turn_await(database);
    assert_int_equal(count_of(database, "dead"), 90);
    assert_int_equal(count_of(database, "parked"), 10);
    /* The youngest are left. */
    assert_int_equal(database_integer(database, "SELECT max(position) FROM skald.job"
                                                " WHERE state = 'dead'"),
                     90);
    assert_false(is_full(database));
    assert_int_equal(database_integer(database, "SELECT sum(split_part(detail, ' ', 1)::integer)"
                                                " FROM skald.audit WHERE actor = 'keeper'"
                                                " AND action = 'discard'"
                                                " AND object = 'follower orders'"),
                     3410);
    assert_true(database_integer(database, "SELECT count(*) FROM skald.audit") < 10);
    keeper_stop(service);
}

static void test_discarding_by_bytes_and_age_gives_up_no_more_than_it_must(void **state)
{
    (void)state;
    const char *database = prepared();
    jobs_add(database, "dead", 1, 20);
    skald_service *service = started(database, (skald_caps){.bytes = 155, .discard = true});
    WAIT_UNTIL(count_of(database, "dead") == 15);
    keeper_turn_await(database);
    assert_int_equal(count_of(database, "dead"), 15);
    keeper_stop(service);

    service = started(database, (skald_caps){.age_ms = 10 * 60 * 1000, .discard = true});
    WAIT_UNTIL(count_of(database, "dead") == 10);
    keeper_turn_await(database);
    assert_int_equal(count_of(database, "dead"), 10);
    keeper_stop(service);
}

/* The key of a dead message that held it goes on when that is given up. */
static void test_a_key_that_was_held_goes_on_when_its_dead_message_is_given_up(void **state)
{
    (void)state;
    const char *database = prepared();
    jobs_add(database, "dead", 1, 2);
    jobs_add(database, "parked", 3, 3);
    database_run(database, "UPDATE skald.job SET key = 'held', partition = 1, holds = true"
                           " WHERE position IN (2, 3);"
                           "UPDATE skald.job SET holds = false WHERE position <> 2");
    skald_service *service = started(database, (skald_caps){.rows = 2, .discard = true});
    WAIT_UNTIL(count_of(database, "discarded") == 1);
    assert_string_equal(database_text(database, "SELECT concat_ws('|', state, due_at = skald.now())"
                                                " FROM skald.job WHERE position = 3"),
                        "parked|t");
    keeper_stop(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_follower_is_full_above_its_rows_and_has_room_again),
        cmocka_unit_test(test_bytes_and_age_make_it_full_too),
        cmocka_unit_test(test_with_discard_the_oldest_dead_are_given_up_and_it_is_written_down),
        cmocka_unit_test(test_discarding_by_bytes_and_age_gives_up_no_more_than_it_must),
        cmocka_unit_test(test_a_key_that_was_held_goes_on_when_its_dead_message_is_given_up),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
