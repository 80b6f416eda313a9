/* What publishing answers: on a connection of the user's in every state it can be in, and in a
 * handler. What a refused call leaves behind is nothing. */
#include "support/counting.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <libpq-fe.h>
#include <stdatomic.h>

static skald_error error;
static const char *database;
static skald_service *service;
static PGconn *connection;

static skald_service *service_start(const char *name, const char *where)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = where;
    skald_service *started = skald_service_open(name, &options);
    assert_ok(skald_service_start(started, &error), &error);
    return started;
}

static void service_end(skald_service *ended)
{
    assert_ok(skald_service_stop(ended, &error), &error);
    skald_service_free(ended);
}

static int setup(void **state)
{
    (void)state;
    error = (skald_error){0};
    database = database_new();
    service = service_start("shop", database);
    connection = PQconnectdb(database);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    PQfinish(connection);
    service_end(service);
    return 0;
}

static void run(const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    PQclear(result);
}

/* Publishes a Counted with this key and note. */
static skald_status publish(skald_service *from, PGconn *on, const char *key, const char *note)
{
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.key = key;
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    event.note = (char *)(uintptr_t)note;
    error = (skald_error){0};
    return skald_publish_on(from, on, &event.base, &options, &error);
}

static void expect_refused(skald_status answer, skald_status expected, const char *words)
{
    assert_status(answer, expected, &error);
    assert_int_equal(error.status, expected);
    assert_contains(error.text, words);
}

static void expect_published(int count)
{
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox"), count);
}

/* --- the service ---------------------------------------------------------------------------- */

static void test_publishing_needs_a_service_that_was_started(void **state)
{
    (void)state;
    skald_service *idle = skald_service_open("shop", NULL);
    expect_refused(publish(idle, connection, "k", ""), SKALD_INVALID, "has not been started");
    expect_refused(publish(NULL, connection, "k", ""), SKALD_INVALID, "has not been started");
    skald_service_free(idle);
    expect_published(0);
}

/* --- the event ------------------------------------------------------------------------------ */

static void test_an_event_that_cannot_be_published_is_refused(void **state)
{
    (void)state;
    static char large[SKALD_BODY_SIZE_MAX + 1];
    memset(large, 'x', sizeof large - 1);
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.key = "k";

    expect_refused(skald_publish_on(service, connection, NULL, &options, &error), SKALD_INVALID,
                   "");
    expect_refused(publish(service, connection, NULL, ""), SKALD_INVALID, "without a key");
    expect_refused(publish(service, connection, "\xff", ""), SKALD_INVALID, "not valid UTF-8");
    expect_refused(publish(service, connection, "k", "\xc3"), SKALD_INVALID, "UTF-8");
    expect_refused(publish(service, connection, "k", large), SKALD_FULL, "262144");
    expect_published(0);
    assert_ok(publish(service, connection, "k", "ä"), &error);
    expect_published(1);
}

static void expect_header(const char *name, const char *value, skald_status expected)
{
    const skald_header header = {name, value};
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.key = "k";
    options.headers = &header;
    options.header_count = 1;
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    assert_status(skald_publish_on(service, connection, &event.base, &options, &error), expected,
                  &error);
}

static void test_headers_that_would_steer_others_are_refused(void **state)
{
    (void)state;
    static char large[SKALD_HEADERS_SIZE_MAX + 1];
    memset(large, 'x', sizeof large - 1);
    const char *const names[] = {"Nats-Rollup", "nats-msg-id", "Skald-Pos",    "ce-id",
                                 "Status",      "traceparent", "Content-Type", "",
                                 "a b",         "a:b",         "a\r\nb",       NULL};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        expect_header(names[i], "x", SKALD_INVALID);
    const char *const values[] = {"a\nb", "a\rb", "\x01", "\xff", " a", NULL};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
        expect_header("x-tenant", values[i], SKALD_INVALID);
    expect_header("x-tenant", large, SKALD_FULL);
    expect_published(0);
    expect_header("x-tenant", "blue", SKALD_OK);
    expect_published(1);
}

/* --- the connection ------------------------------------------------------------------------- */

static void test_an_event_lives_and_dies_with_the_users_transaction(void **state)
{
    (void)state;
    run("BEGIN");
    assert_ok(publish(service, connection, "k", ""), &error);
    run("ROLLBACK");
    expect_published(0);
    run("BEGIN");
    assert_ok(publish(service, connection, "k", ""), &error);
    expect_published(0);
    run("COMMIT");
    expect_published(1);
}

static void test_a_connection_to_another_database_is_refused(void **state)
{
    (void)state;
    const char *elsewhere = database_new();
    skald_service *other = service_start("bank", elsewhere);
    PGconn *wrong = PQconnectdb(elsewhere);
    expect_refused(publish(service, wrong, "k", ""), SKALD_INVALID, "another database");
    assert_int_equal(database_integer(elsewhere, "SELECT count(*) FROM skald.outbox"), 0);
    PQfinish(wrong);
    service_end(other);

    wrong = PQconnectdb(database_new_empty());
    expect_refused(publish(service, wrong, "k", ""), SKALD_DATABASE, "skald");
    assert_int_equal(strlen(error.sqlstate), 5);
    PQfinish(wrong);
}

static void test_a_connection_that_cannot_take_a_statement_now_is_refused(void **state)
{
    (void)state;
    expect_refused(publish(service, NULL, "k", ""), SKALD_INVALID, "NULL");

    PQenterPipelineMode(connection);
    expect_refused(publish(service, connection, "k", ""), SKALD_INVALID, "pipeline mode");
    PQexitPipelineMode(connection);

    PQsendQuery(connection, "SELECT 1");
    expect_refused(publish(service, connection, "k", ""), SKALD_INVALID, "busy");
    for (PGresult *left = PQgetResult(connection); left != NULL; left = PQgetResult(connection))
        PQclear(left);

    run("BEGIN");
    run("SELECT 1 / 0");
    expect_refused(publish(service, connection, "k", ""), SKALD_INVALID, "roll it back");
    run("ROLLBACK");

    expect_published(0);
    assert_ok(publish(service, connection, "k", ""), &error);
    expect_published(1);
}

static void test_a_lost_connection_is_told(void **state)
{
    (void)state;
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT pg_terminate_backend(%d)", PQbackendPID(connection));
    run("BEGIN");
    database_run(database, sql);
    expect_refused(publish(service, connection, "k", ""), SKALD_UNAVAILABLE, "PostgreSQL");
    expect_refused(publish(service, connection, "k", ""), SKALD_UNAVAILABLE, "PostgreSQL");

    PGconn *unreachable = PQconnectdb("host=127.0.0.1 port=1");
    expect_refused(publish(service, unreachable, "k", ""), SKALD_UNAVAILABLE, "PostgreSQL");
    PQfinish(unreachable);
    expect_published(0);
}

static void test_an_insert_that_postgresql_refuses_is_told_with_its_sqlstate(void **state)
{
    (void)state;
    run("SET default_transaction_read_only = on");
    expect_refused(publish(service, connection, "k", ""), SKALD_DATABASE, "read-only");
    assert_string_equal(error.sqlstate, "25006");
    run("SET default_transaction_read_only = off");
    expect_published(0);
}

/* --- in a handler --------------------------------------------------------------------------- */

/* What the handler's calls answered. */
typedef enum probe {
    PROBE_NO_SQL,
    PROBE_NO_PARAMS,
    PROBE_NO_EVENT,
    PROBE_NOT_UTF8,
    PROBE_TOO_LARGE,
    PROBE_BAD_HEADER,
    PROBE_TOO_MANY_QUERIES,
    PROBE_COUNT,
} probe;

static const skald_status expected_answers[PROBE_COUNT] = {
    [PROBE_NO_SQL] = SKALD_INVALID,        [PROBE_NO_PARAMS] = SKALD_INVALID,
    [PROBE_NO_EVENT] = SKALD_INVALID,      [PROBE_NOT_UTF8] = SKALD_INVALID,
    [PROBE_TOO_LARGE] = SKALD_FULL,        [PROBE_BAD_HEADER] = SKALD_INVALID,
    [PROBE_TOO_MANY_QUERIES] = SKALD_FULL,
};

static skald_status answers[PROBE_COUNT];
static atomic_int probes_made;
static atomic_bool memory_was_refused;

static skald_status ask_too_often(skald_context *context)
{
    struct pg_result *rows = NULL;
    skald_status status = SKALD_OK;
    for (int i = 0; i < 2000 && status == SKALD_OK; i++)
        status = skald_query(context, &rows, "SELECT 1");
    return status;
}

static skald_status probe_make(skald_context *context, probe which)
{
    static char large[SKALD_BODY_SIZE_MAX + 1];
    const skald_header header = {"Nats-Rollup", "all"};
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    memset(large, 'x', sizeof large - 1);
    switch (which) {
    case PROBE_NO_SQL:
        return skald_exec_params(context, NULL, 0, NULL);
    case PROBE_NO_PARAMS:
        return skald_exec_params(context, "SELECT $1", 1, NULL);
    case PROBE_NO_EVENT:
        return skald_publish(context, NULL);
    case PROBE_NOT_UTF8:
        event.note = (char *)(uintptr_t) "\xff";
        return skald_publish(context, &event.base);
    case PROBE_TOO_LARGE:
        event.note = large;
        return skald_publish(context, &event.base);
    case PROBE_BAD_HEADER:
        options.headers = &header;
        options.header_count = 1;
        return skald_publish_with(context, &event.base, &options);
    default:
        return ask_too_often(context);
    }
}

/* Each attempt makes the next probe, and answers SKALD_OK whatever came of it. */
SKALD_HANDLER(on_counted_probing, test__v1__counted)
{
    const int made = atomic_load(&probes_made);
    if (made == PROBE_COUNT)
        return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                          event->number);
    atomic_store(&memory_was_refused, skald_alloc(context, SKALD_HANDLER_MEMORY_MAX + 1) == NULL &&
                                          skald_alloc(context, SIZE_MAX) == NULL &&
                                          skald_alloc(context, 64) != NULL);
    answers[made] = probe_make(context, (probe)made);
    atomic_store(&probes_made, made + 1);
    return SKALD_OK;
}

static void test_a_refused_call_fails_the_message_until_it_is_mended(void **state)
{
    (void)state;
    const char *handling = database_new();
    counting_prepare(handling);
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = handling;
    options.policy = &(const skald_policy){.retry = "1ms"};
    skald_service *probed = skald_service_open("probed", &options);
    assert_int_equal(skald_follow(probed, "probed", on_counted_probing), SKALD_OK);
    assert_ok(skald_service_start(probed, &error), &error);

    counting_publish(probed, handling, 1, 1, 1);

    WAIT_UNTIL(counting_facts(handling) == 1);
    WAIT_UNTIL(database_integer(handling, "SELECT count(*) FROM skald.job") == 0);
    for (int i = 0; i < PROBE_COUNT; i++) {
        if (answers[i] != expected_answers[i])
            fail_msg("probe %d answered %s instead of %s", i, skald_status_name(answers[i]),
                     skald_status_name(expected_answers[i]));
    }
    assert_true(atomic_load(&memory_was_refused));
    skald_counters counters;
    skald_service_counters(probed, &counters);
    assert_int_equal(counters.failed, PROBE_COUNT);
    assert_int_equal(database_integer(handling, "SELECT count(*) FROM skald.outbox"), 1);
    service_end(probed);
}

/* Fails once, then writes down what it was told of its message, and answers. */
SKALD_HANDLER(on_counted_telling, test__v1__counted)
{
    if (skald_context_attempt(context) == 0)
        return skald_fail(context, "not yet");
    const skald_message *message = skald_context_message(context);
    Test__V1__Answered answered = TEST__V1__ANSWERED__INIT;
    answered.key = event->key;
    const skald_status status = skald_publish(context, &answered.base);
    return status != SKALD_OK
               ? status
               : skald_exec(context, "INSERT INTO told VALUES ($1, $2, $3, $4, $5, $6)",
                            message->key, skald_context_header(context, "TENANT"),
                            skald_context_header(context, "nowhere"), message->traceparent,
                            (const char *)skald_context_user(context), message->correlation_id);
}

static void test_a_handler_is_told_of_its_message_and_what_it_publishes_inherits(void **state)
{
    (void)state;
    const char *handling = database_new();
    database_run(handling, "CREATE TABLE told (key text, tenant text, nowhere text, trace text,"
                           " whose text, correlation text)");
    char whose[] = "ours";
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = handling;
    options.nats_url = servers_nats_url();
    options.policy = &(const skald_policy){.retry = "1ms"};
    options.user = whose;
    skald_service *telling = skald_service_open("telling", &options);
    assert_int_equal(skald_follow(telling, "telling", on_counted_telling), SKALD_OK);
    assert_ok(skald_service_start(telling, &error), &error);

    PGconn *own = PQconnectdb(handling);
    const skald_header tenant = {"tenant", "acme"};
    const char trace[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    skald_publish_options published = SKALD_PUBLISH_OPTIONS_INIT;
    published.key = "k";
    published.correlation_id = "c-1";
    published.traceparent = trace;
    published.headers = &tenant;
    published.header_count = 1;
    assert_ok(skald_publish_on(telling, own, &event.base, &published, &error), &error);
    skald_ring(telling);

    WAIT_UNTIL(database_integer(handling, "SELECT count(*) FROM told") == 1);
    assert_string_equal(database_text(handling, "SELECT concat_ws(' ', key, tenant, nowhere, trace,"
                                                " whose, correlation) FROM told"),
                        "k acme 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ours c-1");
    /* The answer goes on with key, correlation, trace and header, and names its cause. */
    assert_int_equal(
        database_integer(handling, "SELECT count(*) FROM skald.outbox AS a JOIN skald.outbox AS c"
                                   " ON a.causation_id = c.event_id::text AND a.key = c.key"
                                   " AND a.correlation_id = c.correlation_id"
                                   " AND a.traceparent = c.traceparent AND a.headers = c.headers"
                                   " WHERE a.type = 'test.v1.Answered'"),
        1);
    PQfinish(own);
    service_end(telling);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_publishing_needs_a_service_that_was_started, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_event_that_cannot_be_published_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_headers_that_would_steer_others_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_an_event_lives_and_dies_with_the_users_transaction,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_connection_to_another_database_is_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_a_connection_that_cannot_take_a_statement_now_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_lost_connection_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(
            test_an_insert_that_postgresql_refuses_is_told_with_its_sqlstate, setup, teardown),
        cmocka_unit_test(test_a_refused_call_fails_the_message_until_it_is_mended),
        cmocka_unit_test(test_a_handler_is_told_of_its_message_and_what_it_publishes_inherits),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
