/* Messages that go into the outbox, a batch by one statement or one on the user's own connection,
 * come out as they went in. */
#include "support/database.h"
#include "support/random.h"
#include "support/servers.h"
#include "support/test.h"

#include "outbox/reader.h"
#include "outbox/writer.h"

#include <libpq-fe.h>

enum { SESSION_IDLE_MS = 60000 };

static skald_error error;

/* A connection with a pipeline on it. */
typedef struct session {
    skald_pg *pg;
    skald_pipeline *pipeline;
} session;

static session session_open(const char *database)
{
    session opened = {0};
    assert_ok(skald_pg_open(&opened.pg, database, "test", &error), &error);
    assert_int_equal(skald_pipeline_open(&opened.pipeline, opened.pg), SKALD_OK);
    return opened;
}

static void session_close(session *opened)
{
    skald_pipeline_close(opened->pipeline);
    skald_pg_close(opened->pg);
}

static void expect_text(const char *got, const char *expected)
{
    if (expected == NULL)
        assert_null(got);
    else
        assert_string_equal(got, expected);
}

static void expect_same(const skald_message *got, const skald_message *expected)
{
    expect_text(got->id, expected->id);
    expect_text(got->type, expected->type);
    expect_text(got->key, expected->key);
    expect_text(got->correlation_id, expected->correlation_id);
    expect_text(got->causation_id, expected->causation_id);
    expect_text(got->traceparent, expected->traceparent);
    expect_text(got->tracestate, expected->tracestate);
    expect_text(got->headers, expected->headers);
    assert_int_equal(got->partition, expected->partition);
    expect_text(got->addressee, expected->addressee);
    expect_text(got->control, expected->control);
    assert_int_equal(got->kind, expected->addressee != NULL ? expected->kind : SKALD_KIND_EVENT);
    assert_int_equal(got->body.size, expected->body.size);
    assert_memory_equal(got->body.data, expected->body.data, expected->body.size);
}

/* Reads everything back through the reader and compares, in order. */
static void expect_outbox(const char *database, const skald_message *expected, size_t count)
{
    session opened = session_open(database);
    skald_outbox_reader *reader = NULL;
    assert_int_equal(skald_outbox_reader_open(&reader, opened.pg, "/test", 0), SKALD_OK);
    size_t seen = 0;
    while (seen < count) {
        const skald_message *messages = NULL;
        size_t found = 0;
        uint32_t wait_ms = 0;
        assert_ok(skald_outbox_reader_next(reader, &messages, &found, &wait_ms, &error), &error);
        assert_true(found > 0 && seen + found <= count);
        for (size_t i = 0; i < found; i++)
            expect_same(&messages[i], &expected[seen + i]);
        seen += found;
    }
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), count);
    skald_outbox_reader_close(reader);
    session_close(&opened);
}

static void test_a_batch_comes_out_as_it_went_in(void **state)
{
    (void)state;
    enum { COUNT = 500 };
    test_random random = random_begin();
    const char *database = database_new();
    static char ids[COUNT][37];
    static unsigned char body[4096];
    static skald_message messages[COUNT];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (unsigned char)random_next(&random);
    session opened = session_open(database);
    skald_outbox_writer writer;
    skald_outbox_writer_init(&writer);
    for (int i = 0; i < COUNT; i++) {
        skald_uuid7(ids[i]);
        messages[i] = (skald_message){
            .id = ids[i],
            .partition = random_below(&random, 256),
            .type = "test.v1.Counted",
            .key = random_chance(&random, 10) ? "" : "ключ \"'\\,{}",
            .correlation_id = random_chance(&random, 50) ? NULL : "NULL",
            .causation_id = random_chance(&random, 50) ? NULL : "",
            .traceparent = random_chance(&random, 50) ? NULL : "tp",
            .tracestate = random_chance(&random, 50) ? NULL : "ts",
            .headers = random_chance(&random, 50) ? NULL : "a: b\nc: d\n",
            .body = {body, random_below(&random, sizeof body)},
        };
        if (random_chance(&random, 30)) {
            messages[i].kind = random_chance(&random, 50) ? SKALD_KIND_COMMAND : SKALD_KIND_REPLY;
            messages[i].addressee = "stock";
            messages[i].control = random_chance(&random, 50) ? NULL : "Skald-Outcome: done\n";
        }
        assert_int_equal(skald_outbox_writer_add(&writer, &messages[i]), SKALD_OK);
    }
    assert_int_equal(skald_outbox_writer_count(&writer), COUNT);

    assert_ok(skald_pipeline_begin(opened.pipeline, SESSION_IDLE_MS, &error), &error);
    assert_ok(skald_outbox_writer_send(&writer, opened.pipeline, &error), &error);
    assert_ok(skald_pipeline_commit(opened.pipeline, &error), &error);

    expect_outbox(database, messages, COUNT);
    skald_outbox_writer_done(&writer);
    session_close(&opened);
}

static void test_an_empty_batch_sends_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    session opened = session_open(database);
    skald_outbox_writer writer;
    skald_outbox_writer_init(&writer);
    assert_ok(skald_pipeline_begin(opened.pipeline, SESSION_IDLE_MS, &error), &error);
    assert_ok(skald_outbox_writer_send(&writer, opened.pipeline, &error), &error);
    assert_ok(skald_pipeline_commit(opened.pipeline, &error), &error);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), 0);
    skald_outbox_writer_done(&writer);
    session_close(&opened);
}

static void test_what_was_cleared_is_not_sent(void **state)
{
    (void)state;
    const char *database = database_new();
    session opened = session_open(database);
    skald_outbox_writer writer;
    skald_outbox_writer_init(&writer);
    const skald_message first = {.id = "0190163d-8694-739b-aea5-000000000001",
                                 .type = "t",
                                 .key = "long ago and with a NULL elsewhere"};
    const skald_message second = {.id = "0190163d-8694-739b-aea5-000000000002",
                                  .type = "t",
                                  .key = "k",
                                  .correlation_id = "c",
                                  .causation_id = "c",
                                  .traceparent = "t",
                                  .tracestate = "t",
                                  .headers = "a: b\n",
                                  .body = {"x", 1}};
    assert_int_equal(skald_outbox_writer_add(&writer, &first), SKALD_OK);
    skald_outbox_writer_clear(&writer);
    assert_int_equal(skald_outbox_writer_count(&writer), 0);
    assert_int_equal(skald_outbox_writer_add(&writer, &second), SKALD_OK);
    assert_ok(skald_pipeline_begin(opened.pipeline, SESSION_IDLE_MS, &error), &error);
    assert_ok(skald_outbox_writer_send(&writer, opened.pipeline, &error), &error);
    assert_ok(skald_pipeline_commit(opened.pipeline, &error), &error);
    expect_outbox(database, &second, 1);
    skald_outbox_writer_done(&writer);
    session_close(&opened);
}

static void test_a_batch_that_is_rolled_back_leaves_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    session opened = session_open(database);
    skald_outbox_writer writer;
    skald_outbox_writer_init(&writer);
    const skald_message message = {
        .id = "0190163d-8694-739b-aea5-000000000001", .type = "t", .key = "k"};
    assert_int_equal(skald_outbox_writer_add(&writer, &message), SKALD_OK);
    assert_ok(skald_pipeline_begin(opened.pipeline, SESSION_IDLE_MS, &error), &error);
    assert_ok(skald_outbox_writer_send(&writer, opened.pipeline, &error), &error);
    assert_ok(skald_pipeline_rollback(opened.pipeline, &error), &error);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), 0);
    skald_outbox_writer_done(&writer);
    session_close(&opened);
}

/* ---- On the user's own connection ---- */

static const char *database_of(const char *service)
{
    char sql[128];
    const char *database = database_new();
    snprintf(sql, sizeof sql, "INSERT INTO skald.service (name, partitions) VALUES ('%s', 16)",
             service);
    database_run(database, sql);
    return database;
}

static PGconn *user_connect(const char *database)
{
    PGconn *connection = PQconnectdb(database);
    assert_int_equal(PQstatus(connection), CONNECTION_OK);
    return connection;
}

static void user_run(PGconn *connection, const char *sql, ExecStatusType expected)
{
    PGresult *result = PQexec(connection, sql);
    assert_int_equal(PQresultStatus(result), expected);
    PQclear(result);
}

static const skald_message one = {.id = "0190163d-8694-739b-aea5-000000000001",
                                  .partition = 3,
                                  .type = "test.v1.Counted",
                                  .key = "k",
                                  .correlation_id = "c",
                                  .headers = "a: b\n",
                                  .body = {"\0x", 2}};

static void test_a_users_transaction_decides_about_the_event(void **state)
{
    (void)state;
    const char *database = database_of("orders");
    PGconn *connection = user_connect(database);
    user_run(connection, "BEGIN", PGRES_COMMAND_OK);
    assert_ok(skald_outbox_write_on(connection, "orders", &one, &error), &error);
    user_run(connection, "ROLLBACK", PGRES_COMMAND_OK);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), 0);

    user_run(connection, "BEGIN", PGRES_COMMAND_OK);
    assert_ok(skald_outbox_write_on(connection, "orders", &one, &error), &error);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), 0);
    user_run(connection, "COMMIT", PGRES_COMMAND_OK);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), 1);
    PQfinish(connection);
}

static void test_without_a_transaction_the_event_is_its_own(void **state)
{
    (void)state;
    const char *database = database_of("orders");
    PGconn *connection = user_connect(database);
    assert_ok(skald_outbox_write_on(connection, "orders", &one, &error), &error);
    assert_int_equal(PQtransactionStatus(connection), PQTRANS_IDLE);
    expect_outbox(database, &one, 1);
    PQfinish(connection);
}

static void test_another_services_database_is_refused(void **state)
{
    (void)state;
    const char *database = database_of("payments");
    PGconn *connection = user_connect(database);
    assert_status(skald_outbox_write_on(connection, "orders", &one, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "orders");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), 0);
    PQfinish(connection);
}

static void test_a_connection_that_cannot_take_it_is_refused_and_left_as_it_was(void **state)
{
    (void)state;
    const char *database = database_of("orders");
    PGconn *connection = user_connect(database);
    assert_status(skald_outbox_write_on(NULL, "orders", &one, &error), SKALD_INVALID, &error);

    user_run(connection, "BEGIN", PGRES_COMMAND_OK);
    user_run(connection, "SELECT 1/0", PGRES_FATAL_ERROR);
    assert_status(skald_outbox_write_on(connection, "orders", &one, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "roll it back");
    user_run(connection, "ROLLBACK", PGRES_COMMAND_OK);

    assert_int_equal(PQsendQuery(connection, "SELECT 1"), 1);
    assert_status(skald_outbox_write_on(connection, "orders", &one, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "busy");
    for (PGresult *left = PQgetResult(connection); left != NULL; left = PQgetResult(connection))
        PQclear(left);

    assert_int_equal(PQenterPipelineMode(connection), 1);
    assert_status(skald_outbox_write_on(connection, "orders", &one, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "pipeline");
    assert_int_equal(PQexitPipelineMode(connection), 1);

    assert_ok(skald_outbox_write_on(connection, "orders", &one, &error), &error);
    PQfinish(connection);
}

static void test_a_connection_that_would_garble_texts_is_refused(void **state)
{
    (void)state;
    const char *database = database_of("orders");
    PGconn *connection = user_connect(database);
    user_run(connection, "SET client_encoding = 'LATIN1'", PGRES_COMMAND_OK);
    assert_status(skald_outbox_write_on(connection, "orders", &one, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "LATIN1");
    user_run(connection, "RESET client_encoding", PGRES_COMMAND_OK);
    assert_ok(skald_outbox_write_on(connection, "orders", &one, &error), &error);
    PQfinish(connection);
}

static void test_a_lost_connection_is_unavailable(void **state)
{
    (void)state;
    const char *database = database_of("orders");
    PGconn *connection = user_connect(database);
    database_run(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE datname = current_database() AND pid <> pg_backend_pid()");
    assert_status(skald_outbox_write_on(connection, "orders", &one, &error), SKALD_UNAVAILABLE,
                  &error);
    PQfinish(connection);
}

static void test_what_postgresql_refuses_has_its_sqlstate(void **state)
{
    (void)state;
    const char *database = database_of("orders");
    PGconn *connection = user_connect(database);
    user_run(connection, "SET default_transaction_read_only = on", PGRES_COMMAND_OK);
    assert_status(skald_outbox_write_on(connection, "orders", &one, &error), SKALD_DATABASE,
                  &error);
    assert_string_equal(error.sqlstate, "25006");
    PQfinish(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_batch_comes_out_as_it_went_in),
        cmocka_unit_test(test_an_empty_batch_sends_nothing),
        cmocka_unit_test(test_what_was_cleared_is_not_sent),
        cmocka_unit_test(test_a_batch_that_is_rolled_back_leaves_nothing),
        cmocka_unit_test(test_a_users_transaction_decides_about_the_event),
        cmocka_unit_test(test_without_a_transaction_the_event_is_its_own),
        cmocka_unit_test(test_another_services_database_is_refused),
        cmocka_unit_test(test_a_connection_that_cannot_take_it_is_refused_and_left_as_it_was),
        cmocka_unit_test(test_a_connection_that_would_garble_texts_is_refused),
        cmocka_unit_test(test_a_lost_connection_is_unavailable),
        cmocka_unit_test(test_what_postgresql_refuses_has_its_sqlstate),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
