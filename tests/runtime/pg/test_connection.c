/* Opening a connection, and statements that are waited for. */
#include "support/database.h"
#include "support/pooler.h"
#include "support/servers.h"
#include "support/test.h"

#include "pg/connection.h"

static const char sql_next[] = "SELECT id, more FROM thing WHERE id > $1 ORDER BY id LIMIT $2";

static skald_error error;

static skald_pg *open_to(const char *database)
{
    skald_pg *pg = NULL;
    assert_ok(skald_pg_open(&pg, database, "test-connection", &error), &error);
    return pg;
}

static const char *database_of_things(void)
{
    const char *database = database_new_empty();
    database_run(database, "CREATE TABLE thing (id bigint PRIMARY KEY, more text)");
    return database;
}

static int64_t next_after(skald_pg *pg, int64_t after)
{
    skald_rows *rows = NULL;
    const skald_param params[] = {skald_integer(after), skald_integer(1)};
    assert_ok(skald_pg_run_pinned(pg, &rows, sql_next, 2, params, &error), &error);
    const int64_t id = skald_rows_count(rows) == 0 ? 0 : skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return id;
}

static void things_add(const char *database)
{
    database_run(database,
                 "INSERT INTO thing SELECT i, 'more' FROM generate_series(1, 50000) AS i");
}

static void test_what_cannot_be_reached_or_read_is_told_apart(void **state)
{
    (void)state;
    skald_pg *pg = NULL;
    assert_status(skald_pg_open(&pg, "host=/nowhere dbname=none", "test", &error),
                  SKALD_UNAVAILABLE, &error);
    assert_status(skald_pg_open(&pg, "dbname=none colour=blue", "test", &error), SKALD_INVALID,
                  &error);
    assert_contains(error.text, "colour");
    assert_null(pg);
}

static void test_a_pooler_between_is_noticed(void **state)
{
    (void)state;
    const char *database = database_of_things();
    skald_pg *direct = open_to(database);
    skald_pg *pooled = open_to(pooler_of(database));
    assert_false(skald_pg_pooled(direct));
    assert_true(skald_pg_pooled(pooled));
    skald_pg_close(direct);
    skald_pg_close(pooled);
}

static void test_values_come_as_text_and_in_binary(void **state)
{
    (void)state;
    skald_pg *pg = open_to(database_of_things());
    skald_rows *rows = NULL;
    assert_ok(skald_pg_do(pg, &rows, &error, "SELECT $1::int + 1, NULL, $2, $3::boolean, now()", 41,
                          "text", true),
              &error);
    assert_int_equal(skald_rows_integer(rows, 0, 0), 42);
    assert_true(skald_rows_null(rows, 0, 1));
    assert_null(skald_rows_text(rows, 0, 1));
    assert_int_equal(skald_rows_integer(rows, 0, 1), 0);
    assert_string_equal(skald_rows_text(rows, 0, 2), "text");
    assert_true(skald_rows_boolean(rows, 0, 3));
    skald_rows_free(rows);
    assert_ok(skald_pg_run_binary(pg, &rows,
                                  "SELECT (-2)::smallint, (-3)::int, (-4)::bigint, true,"
                                  " '\\x0001'::bytea, '2024-02-29 12:00:00.000001+00'::timestamptz",
                                  0, NULL, &error),
              &error);
    for (int column = 0; column < 3; column++)
        assert_int_equal(skald_rows_integer(rows, 0, column), -2 - column);
    assert_true(skald_rows_boolean(rows, 0, 3));
    assert_int_equal(skald_rows_bytes(rows, 0, 4).size, 2);
    assert_int_equal(skald_rows_time_us(rows, 0, 5), INT64_C(1709208000000001));
    skald_rows_free(rows);
    skald_pg_close(pg);
}

static void test_a_refusal_names_the_statement_and_the_connection_goes_on(void **state)
{
    (void)state;
    skald_pg *pg = open_to(database_of_things());
    assert_status(skald_pg_do(pg, NULL, &error, "SELECT * FROM nowhere"), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "42P01");
    assert_contains(error.text, "SELECT * FROM nowhere");
    assert_true(skald_pg_alive(pg));
    assert_ok(skald_pg_script(pg, "SELECT 1; SELECT 2", &error), &error);
    skald_pg_close(pg);
}

static void test_a_script_is_one_transaction(void **state)
{
    (void)state;
    const char *database = database_of_things();
    skald_pg *pg = open_to(database);
    assert_status(skald_pg_script(pg, "INSERT INTO thing VALUES (1); SELECT 1/0", &error),
                  SKALD_DATABASE, &error);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM thing"), 0);
    skald_pg_close(pg);
}

/* Without statistics, on an empty table, PostgreSQL would rather read all of it and sort. */
static void test_a_pinned_plan_made_on_an_empty_table_is_good_on_a_full_one(void **state)
{
    (void)state;
    const char *database = database_of_things();
    database_run(database, "ALTER TABLE thing SET (autovacuum_enabled = off)");
    skald_pg *pg = open_to(database);
    assert_int_equal(next_after(pg, 0), 0);
    things_add(database);
    assert_int_equal(next_after(pg, 0), 1);
    assert_int_equal(next_after(pg, 49999), 50000);
    assert_int_equal(next_after(pg, 50000), 0);
    skald_rows *rows = NULL;
    assert_ok(skald_pg_do(pg, &rows, &error, "EXPLAIN EXECUTE skald_pinned(25000, 10)"), &error);
    assert_contains(skald_rows_text(rows, 0, 0), "Limit");
    assert_contains(skald_rows_text(rows, 1, 0), "Index Scan");
    skald_rows_free(rows);
    /* It was planned once, without the values. */
    assert_ok(skald_pg_do(pg, &rows, &error,
                          "SELECT generic_plans, custom_plans FROM pg_prepared_statements"
                          " WHERE name = 'skald_pinned'"),
              &error);
    assert_true(skald_rows_integer(rows, 0, 0) >= 4);
    assert_int_equal(skald_rows_integer(rows, 0, 1), 0);
    skald_rows_free(rows);
    skald_pg_close(pg);
}

static void test_behind_a_pooler_the_same_question_works_unprepared(void **state)
{
    (void)state;
    const char *database = database_of_things();
    things_add(database);
    skald_pg *pg = open_to(pooler_of(database));
    for (int64_t id = 0; id < 20; id++)
        assert_int_equal(next_after(pg, id), id + 1);
    skald_rows *rows = NULL;
    assert_ok(skald_pg_do(pg, &rows, &error, "SHOW enable_seqscan"), &error);
    assert_string_equal(skald_rows_text(rows, 0, 0), "on");
    skald_rows_free(rows);
    skald_pg_close(pg);
}

static void test_a_lost_connection_is_unavailable_and_no_longer_alive(void **state)
{
    (void)state;
    const char *database = database_of_things();
    skald_pg *pg = open_to(database);
    assert_int_equal(next_after(pg, 0), 0);
    database_run(database, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                           " WHERE application_name = 'test-connection'"
                           " AND datname = current_database()");
    const skald_param params[] = {skald_integer(0), skald_integer(1)};
    skald_rows *rows = NULL;
    assert_status(skald_pg_run_pinned(pg, &rows, sql_next, 2, params, &error), SKALD_UNAVAILABLE,
                  &error);
    assert_null(rows);
    assert_false(skald_pg_alive(pg));
    assert_status(skald_pg_do(pg, NULL, &error, "SELECT 1"), SKALD_UNAVAILABLE, &error);
    skald_pg_close(pg);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_cannot_be_reached_or_read_is_told_apart),
        cmocka_unit_test(test_a_pooler_between_is_noticed),
        cmocka_unit_test(test_values_come_as_text_and_in_binary),
        cmocka_unit_test(test_a_refusal_names_the_statement_and_the_connection_goes_on),
        cmocka_unit_test(test_a_script_is_one_transaction),
        cmocka_unit_test(test_a_pinned_plan_made_on_an_empty_table_is_good_on_a_full_one),
        cmocka_unit_test(test_behind_a_pooler_the_same_question_works_unprepared),
        cmocka_unit_test(test_a_lost_connection_is_unavailable_and_no_longer_alive),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
