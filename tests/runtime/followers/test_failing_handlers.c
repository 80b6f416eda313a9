/* A failure delays its key only; nothing of it is lost, doubled or out of order. */
#include "support/counting.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <stdatomic.h>

enum { KEYS = 20, COUNT = 400 };

/* What the handler does with messages of key "k3" from number 5 on, until it is told to stop. */
typedef enum trouble {
    TROUBLE_NONE,
    TROUBLE_ANSWER,     /* returns skald_fail() */
    TROUBLE_STATEMENT,  /* a deferred statement that PostgreSQL refuses */
    TROUBLE_REGARDLESS, /* a query fails, and the handler answers SKALD_OK all the same */
    TROUBLE_COMMIT,     /* tries to end the transaction of its neighbours */
    TROUBLE_CONSTRAINT, /* a constraint that is only checked at COMMIT */
} trouble;

static _Atomic trouble now_trouble;

static skald_status make_trouble(skald_context *context)
{
    struct pg_result *rows = NULL;
    switch (atomic_load(&now_trouble)) {
    case TROUBLE_ANSWER:
        return skald_fail(context, "the bank is closed");
    case TROUBLE_STATEMENT:
        return skald_exec(context, "SELECT 1 / $1", 0);
    case TROUBLE_REGARDLESS:
        (void)skald_query(context, &rows, "SELECT no_such_function()");
        return SKALD_OK;
    case TROUBLE_COMMIT:
        (void)skald_exec(context, "  commit");
        return SKALD_OK;
    case TROUBLE_CONSTRAINT:
        return skald_exec(context, "INSERT INTO late VALUES (1), (1)");
    default:
        return SKALD_OK;
    }
}

SKALD_HANDLER(on_counted, test__v1__counted)
{
    if (strcmp(event->key, "k3") == 0 && event->number >= 5) {
        const skald_status status = make_trouble(context);
        if (status != SKALD_OK)
            return status;
    }
    Test__V1__Answered answered = TEST__V1__ANSWERED__INIT;
    answered.key = event->key;
    answered.number = event->number;
    const skald_status status = skald_publish(context, &answered.base);
    return status != SKALD_OK
               ? status
               : skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                            event->number);
}

/* One service that publishes and follows itself; quick to retry. */
static skald_service *given_service(const char *database)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.nats_url = servers_nats_url();
    options.allow = "fsync full_page_writes synchronous_commit";
    options.lease_ms = 1000;
    options.policy = &(const skald_policy){.retry = "1ms..50ms"};
    static int number;
    char name[24];
    snprintf(name, sizeof name, "shop%d", ++number);
    skald_service *service = skald_service_open(name, &options);
    assert_int_equal(skald_follow(service, name, on_counted), SKALD_OK);
    counting_prepare(database);
    database_run(database, "CREATE TABLE late (one int UNIQUE DEFERRABLE INITIALLY DEFERRED)");
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);
    return service;
}

static void service_end(skald_service *service)
{
    skald_error error = {0};
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

static int64_t facts_of(const char *database, const char *condition)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM fact WHERE %s", condition);
    return database_integer(database, sql);
}

static void failure_parks_only_its_key(trouble kind, const char *reason)
{
    const char *database = database_new();
    skald_service *service = given_service(database);
    atomic_store(&now_trouble, kind);

    counting_publish(service, database, KEYS, COUNT, 7);

    /* All other keys flow to their end while k3 stands at number 4. */
    WAIT_UNTIL(facts_of(database, "key <> 'k3'") == COUNT - COUNT / KEYS);
    WAIT_UNTIL(database_integer(database,
                                "SELECT count(*) FROM skald.job WHERE state = 'parked' AND"
                                " key = 'k3'") == COUNT / KEYS - 4);
    WAIT_UNTIL(database_integer(database, "SELECT max(attempts) FROM skald.job") >= 3);
    assert_int_equal(facts_of(database, "key = 'k3'"), 4);
    assert_contains(
        database_text(database, "SELECT reason FROM skald.job ORDER BY position LIMIT 1"), reason);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job WHERE key <> 'k3'"),
                     0);

    atomic_store(&now_trouble, TROUBLE_NONE);
    WAIT_UNTIL(counting_facts(database) == COUNT);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job") == 0);
    counting_expect(database, KEYS, COUNT);
    /* What a failed attempt published was rolled back with it. */
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox WHERE type ="
                                                " 'test.v1.Answered'"),
                     COUNT);
    service_end(service);
}

static void test_a_handler_that_answers_failure_parks_only_its_key(void **state)
{
    (void)state;
    failure_parks_only_its_key(TROUBLE_ANSWER, "the bank is closed");
}

static void test_a_deferred_statement_that_fails_parks_only_its_key(void **state)
{
    (void)state;
    failure_parks_only_its_key(TROUBLE_STATEMENT, "division by zero");
}

static void test_a_failed_call_fails_the_message_even_if_the_handler_goes_on(void **state)
{
    (void)state;
    failure_parks_only_its_key(TROUBLE_REGARDLESS, "no_such_function");
}

static void test_a_handler_cannot_commit_its_neighbours(void **state)
{
    (void)state;
    failure_parks_only_its_key(TROUBLE_COMMIT, "control the transaction");
}

static void test_a_constraint_checked_at_commit_parks_only_its_key(void **state)
{
    (void)state;
    failure_parks_only_its_key(TROUBLE_CONSTRAINT, "duplicate key");
}

static void test_parked_messages_survive_the_service(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = given_service(database);
    atomic_store(&now_trouble, TROUBLE_ANSWER);
    counting_publish(service, database, KEYS, COUNT, 7);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job") == COUNT / KEYS - 4);

    skald_error error = {0};
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
    atomic_store(&now_trouble, TROUBLE_NONE);
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.nats_url = servers_nats_url();
    options.allow = "fsync full_page_writes synchronous_commit";
    const char *name = database_text(database, "SELECT name FROM skald.service");
    service = skald_service_open(name, &options);
    assert_int_equal(skald_follow(service, name, on_counted), SKALD_OK);
    assert_ok(skald_service_start(service, &error), &error);

    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job") == 0);
    counting_expect(database, KEYS, COUNT);
    service_end(service);
}

static void test_a_key_whose_first_job_was_deleted_goes_on(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = given_service(database);
    atomic_store(&now_trouble, TROUBLE_ANSWER);
    counting_publish(service, database, KEYS, COUNT, 7);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job") == COUNT / KEYS - 4);

    database_run(database,
                 "DELETE FROM skald.job WHERE position = (SELECT min(position) FROM skald.job)");
    atomic_store(&now_trouble, TROUBLE_NONE);

    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job") == 0);
    assert_int_equal(facts_of(database, "key = 'k3'"), COUNT / KEYS - 1);
    service_end(service);
}

/* Two keys that lock the same two rows in opposite order, on different workers. */
SKALD_HANDLER(on_counted_crosswise, test__v1__counted)
{
    const bool even = event->number % 2 == 0;
    struct pg_result *rows = NULL;
    skald_status status =
        skald_query(context, &rows, "UPDATE hot SET n = n + 1 WHERE id = $1", even ? 1 : 2);
    if (status == SKALD_OK)
        status =
            skald_query(context, &rows, "UPDATE hot SET n = n + 1 WHERE id = $1", even ? 2 : 1);
    return status != SKALD_OK
               ? status
               : skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                            event->number);
}

static void test_deadlocks_are_run_again_and_are_no_attempts(void **state)
{
    (void)state;
    const char *database = database_new();
    counting_prepare(database);
    database_run(database, "CREATE TABLE hot (id int PRIMARY KEY, n int);"
                           "INSERT INTO hot VALUES (1, 0), (2, 0)");
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.allow = "fsync full_page_writes synchronous_commit";
    options.nats_url = servers_nats_url();
    skald_service *service = skald_service_open("crosswise", &options);
    assert_int_equal(skald_follow(service, "crosswise", on_counted_crosswise), SKALD_OK);
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);

    counting_publish(service, database, KEYS, COUNT / 2, 7);

    WAIT_UNTIL(counting_facts(database) == COUNT / 2);
    counting_expect(database, KEYS, COUNT / 2);
    assert_int_equal(database_integer(database, "SELECT min(n) FROM hot"), COUNT / 2);
    skald_counters counters;
    skald_service_counters(service, &counters);
    assert_int_equal(counters.failed, 0);
    service_end(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_handler_that_answers_failure_parks_only_its_key),
        cmocka_unit_test(test_a_deferred_statement_that_fails_parks_only_its_key),
        cmocka_unit_test(test_a_failed_call_fails_the_message_even_if_the_handler_goes_on),
        cmocka_unit_test(test_a_handler_cannot_commit_its_neighbours),
        cmocka_unit_test(test_a_constraint_checked_at_commit_parks_only_its_key),
        cmocka_unit_test(test_parked_messages_survive_the_service),
        cmocka_unit_test(test_a_key_whose_first_job_was_deleted_goes_on),
        cmocka_unit_test(test_deadlocks_are_run_again_and_are_no_attempts),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
