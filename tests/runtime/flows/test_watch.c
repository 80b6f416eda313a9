/* Watching a flow whose events all come by one stream, without NATS. */
#include "checkout.h"

CHECKOUT_FLOW(checkout, "shop", "shop", "shop");

#define CREATED &test__v1__order_created__descriptor
#define PAID &test__v1__payment_completed__descriptor
#define UNPAID &test__v1__payment_failed__descriptor
#define SHIPPED &test__v1__order_shipped__descriptor
#define CANCELLED &test__v1__order_cancelled__descriptor

static skald_service *watching(const char *database)
{
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_watch(service, &checkout), SKALD_OK);
    keeper_start(service);
    return service;
}

static void test_a_flow_that_ends_well(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = watching(database);
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open PaymentCompleted PaymentFailed"));
    assert_int_equal(database_integer(database, "SELECT extract(epoch FROM due_at - began_at)"
                                                " FROM skald.v_flow"),
                     120);
    checkout_publish(service, database, PAID, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open OrderShipped"));
    checkout_publish(service, database, SHIPPED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "ended well"));
    assert_string_equal(checkout_timeline(database, "o1"),
                        "OrderCreated begins, PaymentCompleted expected, OrderShipped expected");
    assert_string_equal(database_text(database, "SELECT ended_by FROM skald.flow"),
                        "test.v1.OrderShipped");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.flow_wait"), 0);
    keeper_stop(service);
}

static void test_a_flow_that_ends_badly_and_what_comes_afterwards(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = watching(database);
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open PaymentCompleted PaymentFailed"));
    checkout_publish(service, database, UNPAID, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open OrderCancelled"));
    checkout_publish(service, database, UNPAID, "o1");
    checkout_publish(service, database, CANCELLED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "ended badly"));
    checkout_publish(service, database, SHIPPED, "o1");
    WAIT_UNTIL(database_integer(database, "SELECT events FROM skald.flow") == 5);
    assert_string_equal(checkout_timeline(database, "o1"),
                        "OrderCreated begins, PaymentFailed expected, PaymentFailed repeated, "
                        "OrderCancelled expected, OrderShipped after the end");
    assert_string_equal(checkout_state(database, "o1"), "ended badly");
    keeper_stop(service);
}

/* In one batch or in many: 500 orders, whose events are published type by type. */
static void test_many_orders_at_once_are_kept_apart(void **state)
{
    (void)state;
    enum { ORDERS = 500 };
    static char names[ORDERS][24];
    const char *orders[ORDERS];
    const char *database = database_new();
    skald_service *service = watching(database);
    for (int i = 0; i < ORDERS; i++) {
        snprintf(names[i], sizeof names[i], "order-%d", i);
        orders[i] = names[i];
    }
    checkout_publish_many(service, database, CREATED, orders, ORDERS);
    checkout_publish_many(service, database, PAID, orders, ORDERS / 2);
    checkout_publish_many(service, database, UNPAID, orders + ORDERS / 2, ORDERS / 2);
    checkout_publish_many(service, database, SHIPPED, orders, ORDERS / 2);
    WAIT_UNTIL(database_integer(database, "SELECT sum(events) FROM skald.flow") == ORDERS * 5 / 2);
    assert_int_equal(
        database_integer(database, "SELECT count(*) FROM skald.flow WHERE outcome = 'well'"),
        ORDERS / 2);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.flow_wait"
                                                " WHERE words = 'test.v1.OrderCancelled'"),
                     ORDERS / 2);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.flow_wait"),
                     ORDERS / 2);
    keeper_stop(service);
}

static void stop_and_read_again_from(const char *database, skald_service *service)
{
    keeper_stop(service);
    database_run(database, "UPDATE skald.position SET position = 0"
                           " WHERE follower = 'flows.shop'");
}

static bool all_is_read(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM skald.outbox AS o JOIN skald.position"
                                      " AS p USING (partition) WHERE p.follower = 'flows.shop'"
                                      " AND p.position < o.position") == 0;
}

static void test_a_restart_goes_on_and_a_full_replay_changes_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = watching(database);
    checkout_publish(service, database, CREATED, "o1");
    checkout_publish(service, database, CREATED, "o2");
    checkout_publish(service, database, UNPAID, "o2");
    checkout_publish(service, database, CANCELLED, "o2");
    WAIT_UNTIL(checkout_is(database, "o1", "open PaymentCompleted PaymentFailed"));
    WAIT_UNTIL(checkout_is(database, "o2", "ended badly"));
    keeper_stop(service);
    service = watching(database);
    checkout_publish(service, database, PAID, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open OrderShipped"));

    char before[64];
    snprintf(before, sizeof before, "%s", checkout_sum(database));
    stop_and_read_again_from(database, service);
    service = watching(database);
    WAIT_UNTIL(all_is_read(database));
    assert_string_equal(checkout_sum(database), before);
    keeper_stop(service);
}

static skald_status refuse(skald_context *context, const ProtobufCMessage *message)
{
    (void)message;
    return skald_fail(context, "not today");
}

static void test_what_a_handler_parks_is_seen_all_the_same(void **state)
{
    (void)state;
    static const skald_handler handler[1] = {{"refuse", CREATED, refuse}};
    static const skald_policy never = {.retry = "1h..1h for 72h"};
    const char *database = database_new();
    skald_options options = keeper_options(database, NULL);
    options.policy = &never;
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_follow(service, "shop", handler), SKALD_OK);
    assert_int_equal(skald_watch(service, &checkout), SKALD_OK);
    keeper_start(service);
    checkout_publish(service, database, CREATED, "o1");
    checkout_publish(service, database, CREATED, "o2");
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job WHERE state = 'parked'"
                                          " AND follower = 'shop'") == 2);
    WAIT_UNTIL(checkout_is(database, "o2", "open PaymentCompleted PaymentFailed"));
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.job"), 2);
    keeper_stop(service);
}

static void test_an_event_without_a_key_is_said_once_and_holds_up_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = watching(database);
    const unsigned said = keeper_log_count("FLOW-NO-KEY");
    checkout_publish(service, database, CREATED, "");
    checkout_publish(service, database, CREATED, "");
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open PaymentCompleted PaymentFailed"));
    assert_int_equal(keeper_log_count("FLOW-NO-KEY"), said + 1);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.flow"), 1);
    keeper_stop(service);
}

static void test_two_flows_see_the_same_event(void **state)
{
    (void)state;
    static const skald_flow_expectation quickly[] = {
        {.after = "test.v1.OrderCreated",
         .expect = {"test.v1.OrderShipped", "test.v1.OrderCancelled"},
         .within_ms = 7 * 24 * 3600 * 1000}};
    static const skald_flow delivery = {.name = "delivery",
                                        .events = SKALD_FLOW_EVENTS(checkout_events),
                                        .expectations = SKALD_FLOW_EXPECTATIONS(quickly)};
    const char *database = database_new();
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_watch(service, &checkout), SKALD_OK);
    assert_int_equal(skald_watch(service, &delivery), SKALD_OK);
    keeper_start(service);
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.flow_wait") == 2);
    checkout_publish(service, database, SHIPPED, "o1");
    WAIT_UNTIL(
        database_integer(database, "SELECT count(*) FROM skald.flow WHERE outcome = 'well'") == 2);
    assert_contains(database_text(database, "SELECT description FROM skald.flow_definition"
                                            " WHERE name = 'delivery'"),
                    "test.v1.OrderCreated from shop, begins it\n");
    assert_contains(database_text(database, "SELECT description FROM skald.flow_definition"
                                            " WHERE name = 'checkout'"),
                    "after test.v1.PaymentFailed: test.v1.OrderCancelled within 1 min\n");
    keeper_stop(service);
}

static void test_a_table_that_has_changed_goes_on_with_what_is_open(void **state)
{
    (void)state;
    static const skald_flow_expectation others[] = {
        {.after = "test.v1.OrderCreated",
         .expect = {"test.v1.OrderShipped", "test.v1.OrderCancelled"},
         .within_ms = 3600 * 1000}};
    skald_flow newer = checkout;
    newer.version = 2;
    newer.expectations = (skald_flow_expectations)SKALD_FLOW_EXPECTATIONS(others);
    const char *database = database_new();
    skald_service *service = watching(database);
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open PaymentCompleted PaymentFailed"));
    keeper_stop(service);

    const skald_options options = keeper_options(database, NULL);
    service = keeper_service("shop", &options);
    assert_int_equal(skald_watch(service, &newer), SKALD_OK);
    keeper_start(service);
    assert_string_equal(checkout_state(database, "o1"), "open");
    checkout_publish(service, database, PAID, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open OrderShipped OrderCancelled"));
    assert_int_equal(database_integer(database, "SELECT version FROM skald.flow"), 2);
    checkout_publish(service, database, CANCELLED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "ended badly"));
    keeper_stop(service);
}

static void mistake_is(const skald_flow *flow, const char *text)
{
    const skald_options options = keeper_options("dbname=nowhere", NULL);
    skald_service *service = keeper_service("shop", &options);
    skald_error error = {0};
    assert_int_equal(skald_watch(service, flow), SKALD_INVALID);
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, text);
    skald_service_free(service);
}

static void test_mistakes_are_told_before_anything_happens(void **state)
{
    (void)state;
    skald_flow_event events[5];
    skald_flow wrong = checkout;
    memcpy(events, checkout_events, sizeof events);
    wrong.events.list = events;
    wrong.expectations.count = 0;
    mistake_is(&wrong, "flow \"checkout\": it expects nothing");
    wrong.expectations = checkout.expectations;
    events[0].key_field = "order.number";
    mistake_is(&wrong, "flow \"checkout\": the key of test.v1.OrderCreated cannot be found: "
                       "test.v1.Order has no field \"number\" (of \"order.number\")");
    events[0].key_field = "order.cents";
    mistake_is(&wrong, "field \"cents\" of test.v1.Order is no text");
    events[0].key_field = "order";
    mistake_is(&wrong, "field \"order\" of test.v1.OrderCreated is no text");
    events[0].descriptor = PAID;
    mistake_is(&wrong, "test.v1.OrderCreated has the descriptor of test.v1.PaymentCompleted");
    mistake_is(NULL, "skald_watch needs a flow");

    const skald_options options = keeper_options("dbname=nowhere", NULL);
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_watch(service, &checkout), SKALD_OK);
    assert_int_equal(skald_watch(service, &checkout), SKALD_INVALID);
    skald_service_free(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_flow_that_ends_well),
        cmocka_unit_test(test_a_flow_that_ends_badly_and_what_comes_afterwards),
        cmocka_unit_test(test_many_orders_at_once_are_kept_apart),
        cmocka_unit_test(test_a_restart_goes_on_and_a_full_replay_changes_nothing),
        cmocka_unit_test(test_what_a_handler_parks_is_seen_all_the_same),
        cmocka_unit_test(test_an_event_without_a_key_is_said_once_and_holds_up_nothing),
        cmocka_unit_test(test_two_flows_see_the_same_event),
        cmocka_unit_test(test_a_table_that_has_changed_goes_on_with_what_is_open),
        cmocka_unit_test(test_mistakes_are_told_before_anything_happens),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
