/* Delayed messages: published when their time has come, in order, once, unless they were cancelled.
 */
#include "support/counting.h"
#include "support/database.h"
#include "support/keeper.h"
#include "support/random.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <libpq-fe.h>

static const char noon[] = "2026-05-01 12:00+00";

/* Publishes test.v1.Counted on a connection of the test's own. */
static skald_status publish(skald_service *service, PGconn *connection, const char *key,
                            int64_t number, const skald_publish_options *options,
                            skald_error *error)
{
    Test__V1__Counted counted = TEST__V1__COUNTED__INIT;
    counted.key = (char *)(uintptr_t)key;
    counted.number = number;
    skald_publish_options filled = *options;
    filled.key = key;
    return skald_publish_on(service, connection, &counted.base, &filled, error);
}

/* The same, which must succeed, with a connection of its own and the bell. */
static void publish_in(skald_service *service, const char *database, const char *key,
                       int64_t number, uint64_t delay_ms, const char *id)
{
    skald_error error = {0};
    PGconn *connection = PQconnectdb(database);
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.delay_ms = delay_ms;
    options.id = id;
    assert_ok(publish(service, connection, key, number, &options, &error), &error);
    PQfinish(connection);
    skald_ring(service);
}

static int64_t outbox_count(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM skald.outbox");
}

static int64_t waiting_count(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM skald.job WHERE queue = '@publish'"
                                      " AND state = 'waiting'");
}

static skald_service *started(const char *database)
{
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    keeper_start(service);
    return service;
}

/* --- when ----------------------------------------------------------------------------------- */

static void test_a_delayed_message_is_published_when_its_time_has_come(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, noon);
    skald_service *service = started(database);
    skald_error error = {0};

    publish_in(service, database, "k", 1, 3600 * 1000, NULL);
    PGconn *connection = PQconnectdb(database);
    skald_publish_options at = SKALD_PUBLISH_OPTIONS_INIT;
    at.at_us = database_integer(database, "SELECT (extract(epoch FROM timestamptz"
                                          " '2026-05-01 12:30+00') * 1000000)::bigint");
    assert_ok(publish(service, connection, "k", 2, &at, &error), &error);
    PQfinish(connection);

    keeper_turn_await(database);
    assert_int_equal(outbox_count(database), 0);
    keeper_clock_set(database, "2026-05-01 12:30+00");
    WAIT_UNTIL(outbox_count(database) == 1);
    keeper_turn_await(database);
    assert_int_equal(outbox_count(database), 1);
    keeper_clock_set(database, "2026-05-01 13:00+00");
    WAIT_UNTIL(outbox_count(database) == 2);
    assert_int_equal(waiting_count(database), 0);
    keeper_stop(service);
}

static void test_a_short_delay_by_the_real_clock_arrives_at_the_follower(void **state)
{
    (void)state;
    const char *database = database_new();
    counting_prepare(database);
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_follow(service, "shop", counting_handler), SKALD_OK);
    keeper_start(service);

    publish_in(service, database, "k", 1, 50, NULL);
    WAIT_UNTIL(counting_facts(database) == 1);
    publish_in(service, database, "k", 2, 50, NULL);
    WAIT_UNTIL(counting_facts(database) == 2);
    counting_expect(database, 1, 2);
    keeper_stop(service);
}

static void test_with_nats_delayed_messages_go_the_way_of_all_others(void **state)
{
    (void)state;
    const char *database = database_new();
    const skald_options options = keeper_options(database, servers_nats_url());
    skald_service *service = keeper_service("delays", &options);
    keeper_start(service);
    skald_nats *nats = stream_connect();

    for (int i = 1; i <= 20; i++)
        publish_in(service, database, "k", i, (uint64_t)i, NULL);
    WAIT_UNTIL(stream_last_position(nats, "delays") > 0 && waiting_count(database) == 0 &&
               stream_last_position(nats, "delays") ==
                   database_integer(database, "SELECT max(position) FROM skald.outbox"));
    stream_expect_outbox(nats, "delays", database);
    assert_int_equal(outbox_count(database), 20);
    skald_nats_close(nats);
    keeper_stop(service);
}

static void test_delays_survive_a_restart(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, noon);
    skald_service *service = started(database);
    publish_in(service, database, "k", 1, 24 * 3600 * 1000, NULL);
    keeper_stop(service);

    keeper_clock_set(database, "2026-05-03 00:00+00");
    assert_int_equal(outbox_count(database), 0);
    service = started(database);
    WAIT_UNTIL(outbox_count(database) == 1);
    keeper_stop(service);
}

/* --- in order, and whole --------------------------------------------------------------------- */

enum { MANY = 2500 };

static void test_thousands_come_out_in_the_order_of_their_times_with_all_they_carried(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, noon);
    skald_service *service = started(database);
    test_random random = random_begin();
    skald_error error = {0};
    const skald_header header = {.name = "colour", .value = "red"};

    PGconn *connection = PQconnectdb(database);
    PQclear(PQexec(connection, "BEGIN"));
    for (int i = 0; i < MANY; i++) {
        skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
        options.delay_ms = 1 + random_below(&random, 100);
        options.correlation_id = "conversation";
        options.causation_id = "cause";
        options.traceparent = "00-trace";
        options.headers = &header;
        options.header_count = 1;
        char key[8];
        snprintf(key, sizeof key, "k%d", i % 7);
        assert_ok(publish(service, connection, key, i, &options, &error), &error);
    }
    PQclear(PQexec(connection, "COMMIT"));
    PQfinish(connection);
    database_run(database, "CREATE TABLE expected AS SELECT row_number() OVER (ORDER BY due_at, id)"
                           " AS n, message_id::uuid AS event_id, partition, type, key,"
                           " correlation_id, causation_id, traceparent, tracestate, headers, body"
                           " FROM skald.job WHERE queue = '@publish'");

    keeper_clock_set(database, "2026-05-01 12:00:01+00");
    WAIT_UNTIL(waiting_count(database) == 0);
    assert_int_equal(outbox_count(database), MANY);
    assert_int_equal(
        database_integer(database,
                         "SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY position) AS n,"
                         " event_id, partition, type, key, correlation_id, causation_id,"
                         " traceparent, tracestate, headers, body FROM skald.outbox"
                         " INTERSECT TABLE expected) AS same"),
        MANY);
    assert_string_equal(database_text(database, "SELECT DISTINCT headers FROM skald.outbox"),
                        "colour: red\n");
    keeper_stop(service);
}

/* --- cancelling ------------------------------------------------------------------------------ */

static void test_a_cancelled_message_is_not_published_and_an_id_is_used_once(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, noon);
    skald_service *service = started(database);
    skald_error error = {0};
    static const char id[] = "0197a1b2-0000-7000-8000-000000000001";

    publish_in(service, database, "k", 1, 1000, id);
    publish_in(service, database, "k", 2, 1000, NULL);
    PGconn *connection = PQconnectdb(database);
    skald_publish_options again = SKALD_PUBLISH_OPTIONS_INIT;
    again.id = id;
    again.delay_ms = 1;
    assert_status(publish(service, connection, "k", 3, &again, &error), SKALD_DATABASE, &error);
    assert_string_equal(error.sqlstate, "23505");
    PQfinish(connection);
    assert_string_equal(
        database_text(database, "SELECT skald.job_cancel('0197a1b2-0000-7000-8000-000000000001',"
                                " 'ada', 'not wanted')"),
        "ok");

    keeper_clock_set(database, "2026-05-01 12:00:01+00");
    WAIT_UNTIL(waiting_count(database) == 0);
    keeper_turn_await(database);
    assert_int_equal(outbox_count(database), 1);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.outbox WHERE event_id ="
                                                " '0197a1b2-0000-7000-8000-000000000001'"),
                     0);
    keeper_stop(service);
}

/* --- from a handler -------------------------------------------------------------------------- */

static bool refuses;

SKALD_HANDLER(remind_later, test__v1__counted)
{
    Test__V1__Answered answered = TEST__V1__ANSWERED__INIT;
    skald_publish_options later = SKALD_PUBLISH_OPTIONS_INIT;
    later.delay_ms = 3600 * 1000;
    answered.number = event->number;
    const skald_status status = skald_publish_with(context, &answered.base, &later);
    return status == SKALD_OK && refuses ? skald_fail(context, "not this one") : status;
}

static void test_a_handler_publishes_later_in_its_transaction(void **state)
{
    (void)state;
    const char *database = database_new();
    keeper_clock_set(database, noon);
    const skald_policy quick = {.retry = "1ms..5ms"};
    skald_options options = keeper_options(database, NULL);
    options.policy = &quick;
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_follow(service, "shop", remind_later), SKALD_OK);
    refuses = false;
    keeper_start(service);

    PGconn *connection = PQconnectdb(database);
    skald_error error = {0};
    const skald_publish_options now = SKALD_PUBLISH_OPTIONS_INIT;
    assert_ok(publish(service, connection, "order-7", 5, &now, &error), &error);
    PQfinish(connection);
    skald_ring(service);
    WAIT_UNTIL(waiting_count(database) == 1);
    /* It inherits, as any answer does. */
    assert_string_equal(
        database_text(database, "SELECT concat_ws('|', j.type, j.key, j.causation_id = o.event_id::"
                                "text, j.correlation_id = o.correlation_id, j.source, j.due_at ="
                                " timestamptz '2026-05-01 13:00+00') FROM skald.job AS j,"
                                " skald.outbox AS o WHERE j.queue = '@publish'"),
        "test.v1.Answered|order-7|t|t|/shop|t");

    keeper_clock_set(database, "2026-05-01 13:00+00");
    WAIT_UNTIL(outbox_count(database) == 2);
    keeper_stop(service);
}

static void test_a_handler_that_fails_has_delayed_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_follow(service, "shop", remind_later), SKALD_OK);
    refuses = true;
    keeper_start(service);

    publish_in(service, database, "k", 1, 0, NULL);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job WHERE state = 'parked'"
                                          " AND attempts > 0") == 1);
    assert_int_equal(waiting_count(database), 0);
    keeper_stop(service);
}

/* --- what is odd ----------------------------------------------------------------------------- */

static void test_a_row_that_cannot_be_published_holds_up_no_other(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = started(database);
    database_run(database, "SELECT skald.enqueue('shop', '@publish', 'no uuid', 1::smallint, 't',"
                           " 'k', '', 1::smallint, 0, NULL, NULL, NULL, NULL, NULL, NULL, NULL,"
                           " NULL, NULL)");
    publish_in(service, database, "k", 1, 1, NULL);

    WAIT_UNTIL(outbox_count(database) == 1);
    assert_contains(database_text(database, "SELECT reason FROM skald.job WHERE state = 'dead'"),
                    "lacks a UUID");
    keeper_stop(service);
}

static void test_a_paused_queue_keeps_its_messages(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = started(database);
    database_run(database, "UPDATE skald.queue SET paused = true WHERE name = '@publish'");
    publish_in(service, database, "k", 1, 1, NULL);
    keeper_turn_await(database);
    assert_int_equal(outbox_count(database), 0);

    database_run(database, "UPDATE skald.queue SET paused = false WHERE name = '@publish'");
    WAIT_UNTIL(outbox_count(database) == 1);
    keeper_stop(service);
}

static void test_a_delay_that_makes_no_sense_is_refused(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = started(database);
    skald_error error = {0};
    PGconn *connection = PQconnectdb(database);
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    options.delay_ms = 1;
    options.at_us = 1;
    assert_status(publish(service, connection, "k", 1, &options, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "not both");
    options.at_us = 0;
    options.delay_ms = SKALD_DELAY_MS_MAX + 1;
    assert_status(publish(service, connection, "k", 1, &options, &error), SKALD_INVALID, &error);
    options.delay_ms = 0;
    options.at_us = -1;
    assert_status(publish(service, connection, "k", 1, &options, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "before 1970");
    PQfinish(connection);
    assert_int_equal(waiting_count(database) + outbox_count(database), 0);
    keeper_stop(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_delayed_message_is_published_when_its_time_has_come),
        cmocka_unit_test(test_a_short_delay_by_the_real_clock_arrives_at_the_follower),
        cmocka_unit_test(test_with_nats_delayed_messages_go_the_way_of_all_others),
        cmocka_unit_test(test_delays_survive_a_restart),
        cmocka_unit_test(test_thousands_come_out_in_the_order_of_their_times_with_all_they_carried),
        cmocka_unit_test(test_a_cancelled_message_is_not_published_and_an_id_is_used_once),
        cmocka_unit_test(test_a_handler_publishes_later_in_its_transaction),
        cmocka_unit_test(test_a_handler_that_fails_has_delayed_nothing),
        cmocka_unit_test(test_a_row_that_cannot_be_published_holds_up_no_other),
        cmocka_unit_test(test_a_paused_queue_keeps_its_messages),
        cmocka_unit_test(test_a_delay_that_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
