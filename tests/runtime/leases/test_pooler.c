/* Between the followers and PostgreSQL stands PgBouncer in transaction mode, configured with its
 * defaults: no session of a process lasts longer than a transaction. */
#include "support/counting_pair.h"
#include "support/database.h"
#include "support/pooler.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "pg/connection.h"

/* A pair whose followers go through the pooler. */
static counting_pair given_pooled(void)
{
    counting_pair pair = pair_begin();
    pair.child.database = pooler_of(pair.following);
    return pair;
}

static void test_a_connection_through_a_pooler_is_known_for_one(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_pg *direct = NULL;
    skald_pg *pooled = NULL;
    skald_error error = {0};

    assert_ok(skald_pg_open(&direct, database, "test", &error), &error);
    assert_ok(skald_pg_open(&pooled, pooler_of(database), "test", &error), &error);

    assert_false(skald_pg_pooled(direct));
    assert_true(skald_pg_pooled(pooled));
    /* By its name a successor finds the sessions of a process that is gone. */
    skald_rows *rows = NULL;
    assert_ok(skald_pg_do(pooled, &rows, &error,
                          "SELECT application_name FROM pg_stat_activity"
                          " WHERE pid = pg_backend_pid()"),
              &error);
    assert_string_equal(skald_rows_text(rows, 0, 0), "test");
    skald_rows_free(rows);
    skald_pg_close(direct);
    skald_pg_close(pooled);
}

static void test_two_processes_share_and_one_that_is_killed_is_followed(void **state)
{
    (void)state;
    counting_pair pair = given_pooled();
    pair_outlives_kill(&pair);
    pair_end(&pair);
}

static void test_a_process_that_freezes_and_wakes_changes_nothing(void **state)
{
    (void)state;
    counting_pair pair = given_pooled();
    pair_outlives_freeze(&pair);
    pair_end(&pair);
}

/* The relay and direct followers, too. */
static void test_a_service_publishes_and_follows_itself_through_a_pooler(void **state)
{
    (void)state;
    const char *database = database_new();
    counting_prepare(database);
    counting_child_options options = {.service = "pooled",
                                      .stream = "pooled",
                                      .database = pooler_of(database),
                                      .nats_url = servers_nats_url()};
    skald_service *publisher = counting_publisher("pooled", pooler_of(database), NULL);
    for (int round = 1; round <= 4; round++) {
        /* In turn through the stream and straight from the outbox. */
        test_child *child = counting_child(&options);
        counting_publish(publisher, pooler_of(database), PAIR_KEYS, PAIR_KEYS * 10, 7);
        WAIT_UNTIL(counting_facts(database) >= PAIR_KEYS * 10 * round);
        pair_child_stop(child);
        options.nats_url = options.nats_url == NULL ? servers_nats_url() : NULL;
    }
    counting_expect(database, PAIR_KEYS, PAIR_KEYS * 40);
    skald_error error = {0};
    assert_ok(skald_service_stop(publisher, &error), &error);
    skald_service_free(publisher);
}

int main(int argc, char **argv)
{
    counting_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_connection_through_a_pooler_is_known_for_one),
        cmocka_unit_test(test_two_processes_share_and_one_that_is_killed_is_followed),
        cmocka_unit_test(test_a_process_that_freezes_and_wakes_changes_nothing),
        cmocka_unit_test(test_a_service_publishes_and_follows_itself_through_a_pooler),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
