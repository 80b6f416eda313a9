/* Many sagas that have nothing to do cost nothing, and are forgotten when their time has come. */
#include "support/database.h"
#include "support/keeper.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

static const skald_step part_steps[] = {
    {.name = "x", .run.local = voyage_local, .undo.local = voyage_local},
};
static const skald_definition part = {
    .name = "part", .version = 1, .steps = SKALD_STEPS(part_steps)};

static const skald_step whole_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "lock", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b", .run.activity = voyage_activity, .undo.local = voyage_local},
    {.name = "part", .run = {.child = &part, .compose = voyage_compose}},
    {.name = "tide", .run = {.wait_for = "tide", .timeout_ms = 3600 * 1000}},
};
static const skald_definition whole = {
    .name = "whole", .version = 1, .steps = SKALD_STEPS(whole_steps)};

static const skald_definition *const all[] = {&whole, &part, NULL};

/* Ended ones; parents that wait for their children, which wait for time; signals that wait for
 * sagas; operations that were answered. */
static void fill(const voyages *harbour)
{
    database_run(
        harbour->database,
        "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, phase, machine,"
        " state, state_type, future, root, ended_at) SELECT 'e' || g, g % 16, 'other', 1, 1,"
        " 'completed', '', '', 'x', 'ended', 'e' || g, now() FROM generate_series(1, 40000) AS g;"
        "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, phase, machine,"
        " state, state_type, due_at, future, root, parent, parent_operation)"
        " SELECT 'o' || g, g % 16, 'other', 1, 1, 'running', '', '', 'x',"
        " CASE g % 2 WHEN 0 THEN 'infinity' ELSE now() + interval '1 hour' END,"
        " CASE g % 2 WHEN 0 THEN 'child' ELSE 'message' END, 'o' || g - g % 2,"
        " CASE g % 2 WHEN 1 THEN 'o' || g - 1 END, CASE g % 2 WHEN 1 THEN 'p' END"
        " FROM generate_series(2, 10001) AS g;"
        "INSERT INTO skald.saga_history SELECT 'e' || g, 1, now(), 'x'"
        " FROM generate_series(1, 40000) AS g;"
        "INSERT INTO skald.saga_input (partition, saga, event, name, early)"
        " SELECT g % 16, 'n' || g, 'signal', 's', true FROM generate_series(1, 10000) AS g;"
        "INSERT INTO skald.fence (key, state, outcome)"
        " SELECT 'harbour/o' || g || '/a/run.1', 'done', 'done' FROM generate_series(1, 10000) AS "
        "g;"
        "ANALYZE skald.saga, skald.saga_history, skald.saga_input, skald.fence;"
        "SELECT pg_stat_reset()");
}

static void test_what_has_nothing_to_do_costs_nothing(void **state)
{
    (void)state;
    const voyages_options options = {.definitions = all};
    voyages harbour = voyages_begin(&options);
    fill(&harbour);
    for (int i = 0; i < 20; i++) {
        char id[16];
        snprintf(id, sizeof id, "v%d", i);
        voyages_start(&harbour, &whole, id, i % 4 == 0 ? "lock.run=lock pier" : "b.run=refuse", 1);
        voyages_signal(&harbour, id, "tide", 1);
    }
    WAIT_UNTIL(database_integer(harbour.database,
                                "SELECT count(*) FILTER (WHERE (SELECT ended_at FROM skald.saga"
                                " WHERE id = 'v' || g) IS NOT NULL) FROM generate_series(0, 19)"
                                " AS g") == 20);
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.v_saga_stuck"),
                     0);
    voyages_stop(&harbour);
    assert_string_equal(
        database_text(harbour.database,
                      "SELECT coalesce(string_agg(relname || ' ' || seq_scan || ' times', ', '"
                      "  ORDER BY relname), '') FROM pg_stat_user_tables WHERE schemaname = 'skald'"
                      " AND relname IN ('saga', 'saga_history', 'saga_input', 'fence')"
                      " AND seq_tup_read > 5000"),
        "");
    voyages_end(&harbour);
}

static int64_t left(const voyages *harbour)
{
    return database_integer(harbour->database, "SELECT count(*) FROM skald.saga");
}

static void test_what_ended_long_ago_is_forgotten(void **state)
{
    (void)state;
    voyages_options options = {.definitions = all, .options = SKALD_SAGA_OPTIONS_INIT};
    options.options.keep_ms = INT64_C(24) * 3600 * 1000;
    voyages harbour = voyages_begin(&options);
    voyages_start(&harbour, &whole, "over", "", 1);
    voyages_signal(&harbour, "over", "tide", 1);
    voyages_start(&harbour, &whole, "open", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "over", "completed"));
    WAIT_UNTIL(voyages_is(&harbour, "open/part/run.1", "completed"));
    WAIT_UNTIL(strstr(voyages_column(&harbour, "open", "waits_for"), "tide") != NULL);
    assert_int_equal(left(&harbour), 4);
    /* Old enough by now; the parent of one is open still, and could take it back. */
    database_run(harbour.database, "UPDATE skald.saga SET ended_at = ended_at - interval '2 days'"
                                   " WHERE ended_at IS NOT NULL");
    WAIT_UNTIL(left(&harbour) == 2);
    keeper_turn_await(harbour.database);
    assert_int_equal(left(&harbour), 2);
    assert_int_equal(database_integer(harbour.database,
                                      "SELECT count(*) FROM skald.saga_history WHERE saga LIKE"
                                      " 'over%'"),
                     0);
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_nothing_to_do_costs_nothing),
        cmocka_unit_test(test_what_ended_long_ago_is_forgotten),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
