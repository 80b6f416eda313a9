/* One transaction in libpq's pipeline mode: what commits, what does not, and whose fault it was. */
#include "support/database.h"
#include "support/pooler.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "pg/pipeline.h"

enum { IDLE_MS = 60000 };

static const char insert[] = "INSERT INTO number VALUES ($1)";

static const char *database;
static skald_pg *pg;
static skald_pipeline *pipeline;
static skald_error error;

static void open_to(const char *where)
{
    assert_ok(skald_pg_open(&pg, where, "test-pipeline", &error), &error);
    assert_int_equal(skald_pipeline_open(&pipeline, pg), SKALD_OK);
}

static int setup(void **state)
{
    (void)state;
    database = database_new_empty();
    database_run(database, "CREATE TABLE number (value int PRIMARY KEY DEFERRABLE,"
                           " CHECK (value >= 0));"
                           "CREATE TABLE strict (value int PRIMARY KEY)");
    open_to(database);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    skald_pipeline_close(pipeline);
    skald_pg_close(pg);
    return 0;
}

static void begin(void)
{
    assert_ok(skald_pipeline_begin(pipeline, IDLE_MS, &error), &error);
}

static skald_status send(uint32_t owner, const char *sql, int64_t value)
{
    const skald_param param = skald_integer(value);
    return skald_pipeline_send(pipeline, owner, sql, 1, &param, &error);
}

static skald_status query(uint32_t owner, skald_rows **rows, const char *sql)
{
    return skald_pipeline_query(pipeline, owner, rows, sql, 0, NULL, &error);
}

static void expect_numbers(int64_t count)
{
    assert_int_equal(database_integer(database, "SELECT count(*) FROM number"), count);
}

/* Everything works as on the first day. */
static void expect_usable(void)
{
    const int64_t before = database_integer(database, "SELECT count(*) FROM number");
    begin();
    assert_ok(send(0, insert, 1000000 + before), &error);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    expect_numbers(before + 1);
}

static void test_all_statements_commit_together(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 1000; i++)
        assert_ok(send((uint32_t)i, insert, i), &error);
    expect_numbers(0);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    expect_numbers(1000);
}

static void test_a_rollback_leaves_nothing(void **state)
{
    (void)state;
    begin();
    assert_ok(send(0, insert, 1), &error);
    assert_ok(skald_pipeline_rollback(pipeline, &error), &error);
    expect_numbers(0);
    expect_usable();
}

static void test_a_query_sees_what_was_queued_before_it(void **state)
{
    (void)state;
    begin();
    assert_ok(send(0, insert, 1), &error);
    assert_ok(send(0, insert, 2), &error);
    skald_rows *rows = NULL;
    assert_ok(query(0, &rows, "SELECT sum(value) FROM number"), &error);
    assert_int_equal(skald_rows_integer(rows, 0, 0), 3);
    skald_rows_free(rows);
    assert_ok(send(0, insert, 3), &error);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    expect_numbers(3);
}

static void test_the_owner_of_the_first_failure_is_known_at_commit(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 10; i++)
        assert_ok(send((uint32_t)i, insert, i == 6 ? -1 : i), &error);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "23514");
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 6);
    assert_int_equal(skald_pipeline_failure(pipeline, NULL), SKALD_DATABASE);
    expect_numbers(0);
    expect_usable();
    assert_int_equal(skald_pipeline_failure(pipeline, NULL), SKALD_OK);
}

static void test_of_two_failures_the_first_one_counts(void **state)
{
    (void)state;
    begin();
    assert_ok(send(3, "SELECT 1 / $1", 0), &error);
    assert_ok(send(4, insert, -1), &error);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "22012");
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 3);
}

static void test_the_owner_is_known_when_the_failure_is_met_by_anothers_query(void **state)
{
    (void)state;
    begin();
    assert_ok(send(1, insert, 5), &error);
    assert_ok(send(2, insert, -5), &error);
    skald_rows *rows = NULL;
    assert_status(query(3, &rows, "SELECT 1"), SKALD_DATABASE, &error);
    assert_null(rows);
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 2);
    /* From now on everything answers that failure, and nothing commits. */
    assert_status(send(4, insert, 6), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "23514");
    assert_status(query(4, &rows, "SELECT 1"), SKALD_DATABASE, &error);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 2);
    expect_numbers(0);
    expect_usable();
}

static void test_a_statement_that_cannot_be_parsed_belongs_to_its_sender(void **state)
{
    (void)state;
    begin();
    assert_ok(send(1, insert, 1), &error);
    assert_ok(send(2, "INSERT INTO nowhere VALUES ($1)", 1), &error);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "42P01");
    assert_contains(error.text, "nowhere");
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 2);
}

/* What is checked at COMMIT is nobody's in particular. */
static void test_a_failure_of_commit_itself_is_nobodys(void **state)
{
    (void)state;
    begin();
    skald_rows *rows = NULL;
    assert_ok(query(0, &rows, "SET CONSTRAINTS ALL DEFERRED"), &error);
    skald_rows_free(rows);
    assert_ok(send(1, insert, 1), &error);
    assert_ok(send(2, insert, 1), &error);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "23505");
    assert_int_equal(skald_pipeline_failed_owner(pipeline), SKALD_PIPELINE_NOBODY);
    expect_numbers(0);
    expect_usable();
}

static void test_a_rollback_after_a_failure_keeps_its_reason(void **state)
{
    (void)state;
    begin();
    assert_ok(send(7, insert, -1), &error);
    skald_rows *rows = NULL;
    assert_status(query(8, &rows, "SELECT 1"), SKALD_DATABASE, &error);
    assert_ok(skald_pipeline_rollback(pipeline, &error), &error);
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 7);
    assert_status(skald_pipeline_failure(pipeline, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "23514");
    expect_usable();
}

/* ---- Prepared statements ---- */

static int64_t prepared(const char *like)
{
    skald_rows *rows = NULL;
    char sql[160];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%s'", like);
    assert_ok(skald_pg_run(pg, &rows, sql, 0, NULL, &error), &error);
    const int64_t count = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return count;
}

static void test_a_text_is_prepared_once(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        begin();
        assert_ok(send(0, insert, 2 * i), &error);
        assert_ok(send(1, insert, 2 * i + 1), &error);
        assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    }
    expect_numbers(10);
    assert_int_equal(prepared("INSERT INTO number%"), 1);
}

/* A PREPARE behind an error is not executed, one before it is. */
static void test_prepared_statements_survive_failures_wherever_they_come(void **state)
{
    (void)state;
    static const char before[] = "INSERT INTO strict VALUES ($1)";
    static const char after[] = "INSERT INTO number SELECT $1::int";
    for (int round = 0; round < 3; round++) {
        begin();
        assert_ok(send(0, before, 1), &error);
        assert_ok(send(1, "SELECT 1 / $1", 0), &error);
        assert_ok(send(2, after, 1), &error);
        assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
        assert_int_equal(skald_pipeline_failed_owner(pipeline), 1);
    }
    begin();
    assert_ok(send(0, before, 1), &error);
    assert_ok(send(1, after, 1), &error);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    expect_numbers(1);
    assert_int_equal(prepared("INSERT INTO strict%"), 1);
    assert_int_equal(prepared("INSERT INTO number SELECT%"), 1);
}

static void test_prepared_statements_survive_a_rollback_before_their_answer(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        begin();
        assert_ok(send(0, insert, 1), &error);
        assert_ok(skald_pipeline_rollback(pipeline, &error), &error);
    }
    expect_usable();
    assert_int_equal(prepared("INSERT INTO number%"), 1);
}

static void test_more_texts_than_can_be_prepared_work_all_the_same(void **state)
{
    (void)state;
    enum { TEXTS = 600 };
    char sql[TEXTS][64];
    begin();
    for (int i = 0; i < TEXTS; i++) {
        snprintf(sql[i], sizeof sql[i], "INSERT INTO number VALUES ($1 + %d)", i);
        assert_ok(send((uint32_t)i, sql[i], 0), &error);
    }
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    expect_numbers(TEXTS);
    assert_in_range(prepared("INSERT INTO number%"), 1, 300);
}

/* The columns a prepared "SELECT *" answered have changed: PostgreSQL refuses the old plan. */
static void test_a_schema_change_under_a_prepared_statement_fails_only_once(void **state)
{
    (void)state;
    skald_rows *rows = NULL;
    begin();
    assert_ok(query(0, &rows, "SELECT * FROM strict"), &error);
    skald_rows_free(rows);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    database_run(database, "ALTER TABLE strict ADD COLUMN more int");

    skald_status status = SKALD_DATABASE;
    int attempts = 0;
    while (status != SKALD_OK && attempts++ < 3) {
        begin();
        rows = NULL;
        status = query(0, &rows, "SELECT * FROM strict");
        skald_rows_free(rows);
        const skald_status ended = skald_pipeline_commit(pipeline, &error);
        assert_int_equal(ended, status);
    }
    assert_int_equal(status, SKALD_OK);
}

static void test_behind_a_pooler_nothing_is_prepared(void **state)
{
    (void)state;
    skald_pipeline_close(pipeline);
    skald_pg_close(pg);
    open_to(pooler_of(database));
    assert_true(skald_pg_pooled(pg));
    for (int i = 0; i < 10; i++) {
        begin();
        assert_ok(send(0, insert, i), &error);
        assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    }
    begin();
    assert_ok(send(3, insert, -1), &error);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 3);
    expect_numbers(10);
    expect_usable();
}

/* ---- What a handler may not do ---- */

static void test_transaction_control_is_refused_however_it_is_written(void **state)
{
    (void)state;
    const char *const texts[] = {"COMMIT",
                                 "commit",
                                 "  \n\tRollback",
                                 ";;COMMIT",
                                 "BEGIN",
                                 "START TRANSACTION",
                                 "END",
                                 "ABORT",
                                 "SAVEPOINT a",
                                 "RELEASE a",
                                 "PREPARE TRANSACTION 'x'",
                                 "/* quietly */ COMMIT",
                                 "/* nested /* comment */ */COMMIT",
                                 "-- quietly\nCOMMIT",
                                 NULL};
    begin();
    assert_ok(send(0, insert, 1), &error);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_status(skald_pipeline_send(pipeline, 1, texts[i], 0, NULL, &error), SKALD_INVALID,
                      &error);
    }
    /* What was refused was not sent, so the transaction is as it was. */
    assert_ok(skald_pipeline_failure(pipeline, &error), &error);
    assert_ok(skald_pipeline_rollback(pipeline, &error), &error);
    expect_numbers(0);
}

static void test_words_that_only_look_like_transaction_control_pass(void **state)
{
    (void)state;
    database_run(database, "CREATE TABLE commit_log (value int)");
    begin();
    assert_ok(
        send(0, "WITH ended AS (SELECT $1::int) INSERT INTO commit_log SELECT * FROM ended", 1),
        &error);
    assert_ok(send(0, "/* COMMIT */ INSERT INTO commit_log VALUES ($1)", 2), &error);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM commit_log"), 2);
}

static void test_two_statements_in_one_text_are_refused_by_postgresql(void **state)
{
    (void)state;
    begin();
    assert_ok(skald_pipeline_send(pipeline, 5, "SELECT 1; COMMIT", 0, NULL, &error), &error);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "42601");
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 5);
}

static void test_too_many_parameters_are_refused_before_they_are_sent(void **state)
{
    (void)state;
    skald_param params[65];
    for (int i = 0; i < 65; i++)
        params[i] = skald_null();
    begin();
    assert_status(skald_pipeline_send(pipeline, 1, "SELECT $65", 65, params, &error), SKALD_INVALID,
                  &error);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
}

/* ---- Statuses and lost connections ---- */

static void expect_raised(const char *sqlstate, skald_status expected)
{
    char sql[160];
    snprintf(sql, sizeof sql, "DO $$ BEGIN RAISE 'on purpose' USING ERRCODE = '%s'; END $$",
             sqlstate);
    begin();
    assert_ok(skald_pipeline_send(pipeline, 9, sql, 0, NULL, &error), &error);
    assert_status(skald_pipeline_commit(pipeline, &error), expected, &error);
    assert_string_equal(error.sqlstate, sqlstate);
    assert_contains(error.text, "on purpose");
    assert_int_equal(skald_pipeline_failed_owner(pipeline), 9);
}

static void test_sqlstates_become_statuses(void **state)
{
    (void)state;
    expect_raised("40001", SKALD_CONFLICT);
    expect_raised("40P01", SKALD_CONFLICT);
    expect_raised("57014", SKALD_TIMEOUT);
    expect_raised("55P03", SKALD_TIMEOUT);
    expect_raised("SK001", SKALD_FENCED);
    expect_raised("57P01", SKALD_UNAVAILABLE);
    expect_raised("53300", SKALD_UNAVAILABLE);
    expect_raised("08006", SKALD_UNAVAILABLE);
    expect_raised("P0001", SKALD_DATABASE);
    expect_raised("XX000", SKALD_DATABASE);
    expect_usable();
}

static void terminate(void)
{
    database_run(database, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                           " WHERE application_name = 'test-pipeline'"
                           " AND datname = current_database()");
}

static void reopen(void)
{
    skald_pipeline_close(pipeline);
    skald_pg_close(pg);
    open_to(database);
}

static void test_a_connection_lost_before_commit_is_unavailable_and_leaves_nothing(void **state)
{
    (void)state;
    begin();
    assert_ok(send(0, insert, 1), &error);
    skald_rows *rows = NULL;
    assert_ok(query(0, &rows, "SELECT 1"), &error);
    skald_rows_free(rows);
    terminate();
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_UNAVAILABLE, &error);
    assert_false(skald_pg_alive(pg));
    expect_numbers(0);
    reopen();
    expect_usable();
}

static void test_a_connection_lost_in_the_midst_is_seen_by_the_next_query(void **state)
{
    (void)state;
    begin();
    assert_ok(send(0, insert, 1), &error);
    terminate();
    skald_rows *rows = NULL;
    assert_status(query(1, &rows, "SELECT 1"), SKALD_UNAVAILABLE, &error);
    assert_null(rows);
    assert_status(send(2, insert, 2), SKALD_UNAVAILABLE, &error);
    assert_int_equal(skald_pipeline_failed_owner(pipeline), SKALD_PIPELINE_NOBODY);
    assert_status(skald_pipeline_rollback(pipeline, &error), SKALD_UNAVAILABLE, &error);
    expect_numbers(0);
    reopen();
    expect_usable();
}

static void test_a_connection_lost_between_transactions_is_unavailable(void **state)
{
    (void)state;
    expect_usable();
    terminate();
    skald_status status = skald_pipeline_begin(pipeline, IDLE_MS, &error);
    if (status == SKALD_OK)
        status = skald_pipeline_commit(pipeline, &error);
    assert_status(status, SKALD_UNAVAILABLE, &error);
    reopen();
    expect_usable();
}

/* A frozen process cannot keep its locks for ever. */
static void test_postgresql_ends_a_transaction_that_waits_too_long_for_us(void **state)
{
    (void)state;
    assert_ok(skald_pipeline_begin(pipeline, 50, &error), &error);
    assert_ok(send(0, insert, 1), &error);
    skald_rows *rows = NULL;
    assert_ok(query(0, &rows, "SELECT pg_backend_pid()"), &error);
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM pg_stat_activity WHERE pid = %s",
             skald_rows_text(rows, 0, 0));
    skald_rows_free(rows);
    WAIT_UNTIL(database_integer(database, sql) == 0);
    assert_status(skald_pipeline_commit(pipeline, &error), SKALD_UNAVAILABLE, &error);
    expect_numbers(0);
    reopen();
    expect_usable();
}

#define pipeline_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        pipeline_test(test_all_statements_commit_together),
        pipeline_test(test_a_rollback_leaves_nothing),
        pipeline_test(test_a_query_sees_what_was_queued_before_it),
        pipeline_test(test_the_owner_of_the_first_failure_is_known_at_commit),
        pipeline_test(test_of_two_failures_the_first_one_counts),
        pipeline_test(test_the_owner_is_known_when_the_failure_is_met_by_anothers_query),
        pipeline_test(test_a_statement_that_cannot_be_parsed_belongs_to_its_sender),
        pipeline_test(test_a_failure_of_commit_itself_is_nobodys),
        pipeline_test(test_a_rollback_after_a_failure_keeps_its_reason),
        pipeline_test(test_a_text_is_prepared_once),
        pipeline_test(test_prepared_statements_survive_failures_wherever_they_come),
        pipeline_test(test_prepared_statements_survive_a_rollback_before_their_answer),
        pipeline_test(test_more_texts_than_can_be_prepared_work_all_the_same),
        pipeline_test(test_a_schema_change_under_a_prepared_statement_fails_only_once),
        pipeline_test(test_behind_a_pooler_nothing_is_prepared),
        pipeline_test(test_transaction_control_is_refused_however_it_is_written),
        pipeline_test(test_words_that_only_look_like_transaction_control_pass),
        pipeline_test(test_two_statements_in_one_text_are_refused_by_postgresql),
        pipeline_test(test_too_many_parameters_are_refused_before_they_are_sent),
        pipeline_test(test_sqlstates_become_statuses),
        pipeline_test(test_a_connection_lost_before_commit_is_unavailable_and_leaves_nothing),
        pipeline_test(test_a_connection_lost_in_the_midst_is_seen_by_the_next_query),
        pipeline_test(test_a_connection_lost_between_transactions_is_unavailable),
        pipeline_test(test_postgresql_ends_a_transaction_that_waits_too_long_for_us),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
