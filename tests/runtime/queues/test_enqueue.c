/* What goes into a queue, from a transaction and from a handler, and what comes out of it. */
#include "support/database.h"
#include "support/errands.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

static skald_error error;

static void run(errands *shop, const char *sql)
{
    PGresult *result = PQexec(shop->connection, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(shop->connection));
    PQclear(result);
}

static int64_t jobs(const errands *shop, const char *state)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM skald.job WHERE state = '%s'", state);
    return database_integer(shop->database, sql);
}

/* The numbers of what was done, in the order in which it was done. */
static const char *numbers(const errands *shop)
{
    return database_text(shop->database,
                         "SELECT string_agg(number::text, ' ' ORDER BY at) FROM errand");
}

/* Moves the clock by which jobs are due. */
static void clock_move(const errands *shop, const char *interval)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION skald.now() RETURNS timestamptz LANGUAGE sql"
             " AS 'SELECT clock_timestamp() + interval ''%s'''",
             interval);
    database_run(shop->database, sql);
}

static void test_a_job_is_run_and_its_effects_events_and_result_are_there(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    char id[37];
    errands_add(&shop, "k", 7, "result", NULL, id);

    WAIT_UNTIL(errands_state(&shop, id) == SKALD_JOB_DONE);

    assert_int_equal(database_integer(shop.database, "SELECT number FROM errand"), 7);
    assert_string_equal(database_text(shop.database, "SELECT type || ' ' || key FROM skald.outbox"),
                        "test.v1.Answered k");
    unsigned char result[64];
    skald_job_view view;
    assert_ok(
        skald_job_look_on(shop.service, shop.connection, id, &view, result, sizeof result, &error),
        &error);
    assert_string_equal(view.result_type, "test.v1.Answered");
    Test__V1__Answered *answer = test__v1__answered__unpack(NULL, view.result_size, result);
    assert_non_null(answer);
    assert_int_equal(answer->number, 7);
    test__v1__answered__free_unpacked(answer, NULL);
    assert_true(view.progress > 0.99);
    skald_counters counters;
    skald_service_counters(shop.service, &counters);
    assert_int_equal(counters.jobs_done, 1);
    errands_end(&shop);
}

static void test_a_job_is_there_with_the_commit_and_never_after_a_rollback(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    run(&shop, "BEGIN");
    errands_add(&shop, "k", 1, "", NULL, NULL);
    run(&shop, "ROLLBACK");
    run(&shop, "BEGIN");
    errands_add(&shop, "k", 2, "", NULL, NULL);
    assert_int_equal(jobs(&shop, "waiting"), 0);
    run(&shop, "COMMIT");
    skald_ring(shop.service);

    WAIT_UNTIL(errands_done(&shop) == 1);

    assert_string_equal(numbers(&shop), "2");
    errands_end(&shop);
}

static void test_a_unique_job_is_made_once_until_it_is_over(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    skald_enqueue_options unique = SKALD_ENQUEUE_OPTIONS_INIT;
    unique.unique = "daily";
    char first[37], second[37], third[37];
    errands_add(&shop, "k", 1, "wait", &unique, first);
    errands_add(&shop, "k", 2, "", &unique, second);
    assert_string_equal(first, second);
    errands_open(&shop, "k");
    WAIT_UNTIL(errands_state(&shop, first) == SKALD_JOB_DONE);

    errands_add(&shop, "k", 3, "", &unique, third);

    assert_string_not_equal(first, third);
    WAIT_UNTIL(errands_state(&shop, third) == SKALD_JOB_DONE);
    assert_string_equal(numbers(&shop), "1 3");
    errands_end(&shop);
}

/* With one thread, which is kept busy while the others are enqueued. */
static errands one_thread(void)
{
    errands_options options = {.queue = SKALD_QUEUE_OPTIONS_INIT};
    options.queue.threads = 1;
    options.queue.unordered = true;
    return errands_begin(&options);
}

static void test_the_most_urgent_comes_first_then_the_oldest(void **state)
{
    (void)state;
    errands shop = one_thread();
    errands_add(&shop, "first", 0, "wait", NULL, NULL);
    WAIT_UNTIL(errands_seen(&shop) == 1);
    static const skald_priority priorities[] = {SKALD_PRIORITY_LOW, SKALD_PRIORITY_NORMAL,
                                                SKALD_PRIORITY_HIGH, SKALD_PRIORITY_URGENT};
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 4; i++) {
            skald_enqueue_options options = SKALD_ENQUEUE_OPTIONS_INIT;
            options.priority = priorities[i];
            errands_add(&shop, "k", i * 10 + round, "", &options, NULL);
        }
    }
    errands_open(&shop, "first");

    WAIT_UNTIL(errands_done(&shop) == 9);

    assert_string_equal(numbers(&shop), "0 30 31 20 21 10 11 0 1");
    errands_end(&shop);
}

static void test_a_job_is_due_by_the_clock_of_the_database(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    skald_enqueue_options delayed = SKALD_ENQUEUE_OPTIONS_INIT;
    delayed.delay_ms = 3600 * 1000;
    errands_add(&shop, "k", 1, "", &delayed, NULL);
    skald_enqueue_options dated = SKALD_ENQUEUE_OPTIONS_INIT;
    dated.at_us = database_integer(
        shop.database, "SELECT (extract(epoch FROM now() + interval '2 hours') * 1e6)::bigint");
    errands_add(&shop, "k", 2, "", &dated, NULL);
    errands_add(&shop, "k", 3, "", NULL, NULL);
    WAIT_UNTIL(errands_done(&shop) == 1);

    clock_move(&shop, "61 minutes");
    WAIT_UNTIL(errands_done(&shop) == 2);
    clock_move(&shop, "121 minutes");
    WAIT_UNTIL(errands_done(&shop) == 3);

    assert_string_equal(numbers(&shop), "3 1 2");
    errands_end(&shop);
}

static void test_a_job_that_waited_too_long_expires_and_is_not_run(void **state)
{
    (void)state;
    errands shop = one_thread();
    errands_add(&shop, "first", 0, "wait", NULL, NULL);
    WAIT_UNTIL(errands_seen(&shop) == 1);
    skald_enqueue_options brief = SKALD_ENQUEUE_OPTIONS_INIT;
    brief.expire_ms = 60 * 1000;
    char id[37];
    errands_add(&shop, "k", 1, "", &brief, id);
    errands_add(&shop, "k", 2, "", NULL, NULL);

    clock_move(&shop, "2 minutes");
    errands_open(&shop, "first");

    WAIT_UNTIL(errands_done(&shop) == 2);
    assert_string_equal(numbers(&shop), "0 2");
    assert_int_equal(errands_state(&shop, id), SKALD_JOB_OVER);
    assert_int_equal(jobs(&shop, "expired"), 1);
    errands_end(&shop);
}

static void test_an_activity_enqueues_with_its_end(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    errands_add(&shop, "k", 1, "more", NULL, NULL);

    WAIT_UNTIL(errands_done(&shop) == 3);

    assert_string_equal(
        database_text(shop.database,
                      "SELECT string_agg(number::text, ' ' ORDER BY number) FROM errand"),
        "1 11 12");
    /* What it leads to carries its conversation on, and its key. */
    assert_int_equal(database_integer(shop.database,
                                      "SELECT count(*) FROM skald.job AS a JOIN skald.job AS b"
                                      " ON b.causation_id = a.message_id AND b.key = a.key"
                                      " AND b.correlation_id = a.correlation_id"),
                     2);
    errands_end(&shop);
}

/* --- in a handler ----------------------------------------------------------------------------- */

static errands handing_on(void)
{
    const errands_options options = {.handing_on = true};
    return errands_begin(&options);
}

static void publish(errands *shop, const char *key, int64_t number, const char *queue)
{
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    event.key = (char *)(uintptr_t)key;
    event.number = number;
    event.note = (char *)(uintptr_t)queue;
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.key = key;
    assert_ok(skald_publish_on(shop->service, shop->connection, &event.base, &options, &error),
              &error);
}

static void test_a_handler_enqueues_in_its_transaction(void **state)
{
    (void)state;
    errands shop = handing_on();
    run(&shop, "BEGIN");
    for (int i = 0; i < 300; i++)
        publish(&shop, "k", i, "");
    run(&shop, "COMMIT");
    skald_ring(shop.service);

    WAIT_UNTIL(errands_done(&shop) == 300);

    assert_int_equal(database_integer(shop.database, "SELECT count(DISTINCT number) FROM errand"),
                     300);
    assert_string_equal(database_text(shop.database, "SELECT DISTINCT key FROM skald.job"), "k");
    assert_string_equal(database_text(shop.database, "SELECT DISTINCT source FROM skald.job"),
                        "/shop");
    errands_end(&shop);
}

static void test_a_queue_that_nobody_declared_fails_its_message_alone(void **state)
{
    (void)state;
    errands shop = handing_on();
    run(&shop, "BEGIN");
    for (int i = 0; i < 50; i++)
        publish(&shop, i == 25 ? "wrong" : "right", i, i == 25 ? "nowhere" : "");
    run(&shop, "COMMIT");
    skald_ring(shop.service);

    WAIT_UNTIL(errands_done(&shop) == 49);

    WAIT_UNTIL(jobs(&shop, "parked") == 1);
    assert_contains(
        database_text(shop.database, "SELECT reason FROM skald.job WHERE state = 'parked'"),
        "has no queue \"nowhere\"");
    /* Once a program has declared it, the message goes through. */
    database_run(shop.database, "INSERT INTO skald.queue (name) VALUES ('nowhere')");
    WAIT_UNTIL(jobs(&shop, "parked") == 0);
    assert_int_equal(
        database_integer(shop.database, "SELECT count(*) FROM skald.job WHERE queue = 'nowhere'"),
        1);
    errands_end(&shop);
}

/* --- what is refused -------------------------------------------------------------------------- */

static skald_status enqueue(errands *shop, const char *queue, const skald_enqueue_options *options)
{
    Test__V1__Counted input = TEST__V1__COUNTED__INIT;
    error = (skald_error){0};
    return skald_enqueue_on(shop->service, shop->connection, queue, &input.base, options, NULL,
                            &error);
}

static void test_what_cannot_be_enqueued_is_refused_in_words(void **state)
{
    (void)state;
    errands shop = errands_begin(NULL);
    assert_status(enqueue(&shop, "nowhere", NULL), SKALD_NOT_FOUND, &error);
    assert_contains(error.text, "declare it with skald_queue");
    assert_status(enqueue(&shop, NULL, NULL), SKALD_INVALID, &error);
    skald_enqueue_options options = {0};
    assert_status(enqueue(&shop, "errands", &options), SKALD_INVALID, &error);
    assert_contains(error.text, "SKALD_ENQUEUE_OPTIONS_INIT");
    options = (skald_enqueue_options)SKALD_ENQUEUE_OPTIONS_INIT;
    options.id = "no uuid";
    assert_status(enqueue(&shop, "errands", &options), SKALD_INVALID, &error);
    options = (skald_enqueue_options)SKALD_ENQUEUE_OPTIONS_INIT;
    options.priority = (skald_priority)9;
    assert_status(enqueue(&shop, "errands", &options), SKALD_INVALID, &error);
    options = (skald_enqueue_options)SKALD_ENQUEUE_OPTIONS_INIT;
    options.delay_ms = 1;
    options.at_us = 1;
    assert_status(enqueue(&shop, "errands", &options), SKALD_INVALID, &error);
    char text[SKALD_KEY_SIZE_MAX + 10];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    options = (skald_enqueue_options)SKALD_ENQUEUE_OPTIONS_INIT;
    options.unique = text;
    assert_status(enqueue(&shop, "errands", &options), SKALD_FULL, &error);
    options = (skald_enqueue_options)SKALD_ENQUEUE_OPTIONS_INIT;
    options.key = text;
    assert_status(enqueue(&shop, "errands", &options), SKALD_FULL, &error);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.job"), 0);

    errands other = errands_prepare();
    PGconn *ours = shop.connection;
    shop.connection = other.connection;
    assert_status(enqueue(&shop, "errands", NULL), SKALD_INVALID, &error);
    assert_contains(error.text, "another database");
    shop.connection = ours;
    PQfinish(other.connection);
    errands_end(&shop);
}

static void expect_mistake(skald_service *service, const char *words)
{
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, words);
    skald_service_free(service);
}

static void test_a_wrong_declaration_is_told_by_the_start(void **state)
{
    (void)state;
    static const skald_activity nothing[1] = {{"nothing", NULL, NULL, NULL}};
    static const skald_activity some[1] = {
        {"some", &test__v1__counted__descriptor, (skald_activity_function *)1, NULL}};
    skald_queue_options options = SKALD_QUEUE_OPTIONS_INIT;
    skald_service *service = skald_service_open("shop", NULL);
    assert_int_equal(skald_queue(service, "Errands", some, NULL), SKALD_INVALID);
    expect_mistake(service, "not a queue's name");
    service = skald_service_open("shop", NULL);
    assert_int_equal(skald_queue(service, "errands", nothing, NULL), SKALD_INVALID);
    expect_mistake(service, "needs an activity");
    service = skald_service_open("shop", NULL);
    assert_int_equal(skald_queue(service, "errands", some, &options), SKALD_OK);
    assert_int_equal(skald_queue(service, "errands", some, NULL), SKALD_INVALID);
    expect_mistake(service, "two activities for test.v1.Counted");
    service = skald_service_open("shop", NULL);
    options.rate = -1.0;
    assert_int_equal(skald_queue(service, "errands", some, &options), SKALD_INVALID);
    expect_mistake(service, "rate");
    service = skald_service_open("shop", NULL);
    options = (skald_queue_options)SKALD_QUEUE_OPTIONS_INIT;
    options.policy = &(const skald_policy){.retry = "sometimes"};
    assert_int_equal(skald_queue(service, "errands", some, &options), SKALD_INVALID);
    expect_mistake(service, "queue \"errands\": skald_queue_options.policy.retry");
}

int main(int argc, char **argv)
{
    errands_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_job_is_run_and_its_effects_events_and_result_are_there),
        cmocka_unit_test(test_a_job_is_there_with_the_commit_and_never_after_a_rollback),
        cmocka_unit_test(test_a_unique_job_is_made_once_until_it_is_over),
        cmocka_unit_test(test_the_most_urgent_comes_first_then_the_oldest),
        cmocka_unit_test(test_a_job_is_due_by_the_clock_of_the_database),
        cmocka_unit_test(test_a_job_that_waited_too_long_expires_and_is_not_run),
        cmocka_unit_test(test_an_activity_enqueues_with_its_end),
        cmocka_unit_test(test_a_handler_enqueues_in_its_transaction),
        cmocka_unit_test(test_a_queue_that_nobody_declared_fails_its_message_alone),
        cmocka_unit_test(test_what_cannot_be_enqueued_is_refused_in_words),
        cmocka_unit_test(test_a_wrong_declaration_is_told_by_the_start),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
