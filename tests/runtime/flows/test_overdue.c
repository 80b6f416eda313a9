/* What is overdue: people are told, it is cleared by what comes late or closed by a person, and it
 * is forgotten in the end. */
#include "checkout.h"
#include "support/told.h"

#include <sys/stat.h>
#include <unistd.h>

CHECKOUT_FLOW(checkout, "shop", "shop", "shop");

/* Whatever comes is late. */
static const skald_flow_expectation at_once[] = {
    {.after = "test.v1.OrderCreated",
     .expect = {"test.v1.OrderShipped", "test.v1.OrderCancelled"},
     .within_ms = 1}};
static const skald_flow hasty = {.name = "hasty",
                                 .events = SKALD_FLOW_EVENTS(checkout_events),
                                 .expectations = SKALD_FLOW_EXPECTATIONS(at_once),
                                 .keep_ms = 3600 * 1000};

#define CREATED &test__v1__order_created__descriptor
#define PAID &test__v1__payment_completed__descriptor
#define SHIPPED &test__v1__order_shipped__descriptor

static skald_service *watching(const char *database, const skald_flow *flow, const char *command)
{
    skald_options options = keeper_options(database, NULL);
    options.alert_command = command;
    options.alert_interval_ms = 60 * 1000;
    skald_service *service = keeper_service("shop", &options);
    assert_int_equal(skald_watch(service, flow), SKALD_OK);
    keeper_start(service);
    return service;
}

/* --- a program that is told ------------------------------------------------------------------- */

static int64_t told(const char *database)
{
    return database_integer(database,
                            "SELECT count(*) FROM skald.flow_wait WHERE alerted_at IS NOT NULL");
}

/* --- stories ---------------------------------------------------------------------------------- */

static void test_a_late_event_is_said_to_be_late_and_clears_it(void **state)
{
    (void)state;
    const char *database = database_new();
    const unsigned said = keeper_log_count("KEEPER-ALERT");
    skald_service *service = watching(database, &hasty, NULL);
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "overdue OrderShipped OrderCancelled"));
    WAIT_UNTIL(told(database) == 1);
    assert_int_equal(keeper_log_count("KEEPER-ALERT"), said + 1);
    assert_contains(keeper_log_text("KEEPER-ALERT"),
                    "flow \"hasty\", key \"o1\": test.v1.OrderShipped or test.v1.OrderCancelled "
                    "did not come from shop until ");
    assert_contains(keeper_log_text("KEEPER-ALERT"), "look with: skald flow show o1");
    /* It stays overdue, and people are not told again. */
    keeper_clock_shift(database, "1 day");
    keeper_turn_await(database);
    assert_string_equal(checkout_state(database, "o1"), "overdue OrderShipped OrderCancelled");
    assert_int_equal(keeper_log_count("KEEPER-ALERT"), said + 1);

    checkout_publish(service, database, SHIPPED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "ended well"));
    assert_string_equal(checkout_timeline(database, "o1"),
                        "OrderCreated begins, OrderShipped late");
    keeper_stop(service);
}

static void test_a_program_is_told_and_when_it_fails_told_again_after_the_interval(void **state)
{
    (void)state;
    const char *database = database_new();
    const char *command =
        told_command("tell", "cat >> told\nenv | grep ^SKALD_ALERT_ | sort > environment\n"
                             "echo >> count\ntest -e works\n");
    const unsigned failed = keeper_log_count("KEEPER-ALERT-FAILED");
    skald_service *service = watching(database, &checkout, command);
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open PaymentCompleted PaymentFailed"));
    keeper_clock_shift(database, "3 minutes");
    WAIT_UNTIL(keeper_log_count("KEEPER-ALERT-FAILED") == failed + 1);
    keeper_turn_await(database);
    assert_int_equal(told_lines(told_file("count")), 1);
    assert_int_equal(told(database), 0);
    assert_contains(told_file("environment"), "SKALD_ALERT_KIND=flow\n");
    assert_contains(told_file("environment"), "SKALD_ALERT_SUBSCRIPTION=checkout\n");
    assert_contains(told_file("environment"),
                    "SKALD_ALERT_TYPE=test.v1.PaymentCompleted or test.v1.PaymentFailed\n");

    told_command("works", "");
    keeper_clock_shift(database, "5 minutes");
    WAIT_UNTIL(told(database) == 1);
    assert_int_equal(told_lines(told_file("count")), 2);
    keeper_clock_shift(database, "5 hours");
    keeper_turn_await(database);
    assert_int_equal(told_lines(told_file("count")), 2);
    keeper_stop(service);
}

/* A service that is down is one trouble, not one per order. */
static void test_when_many_wait_for_the_same_people_are_told_once(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    static char names[COUNT][24];
    const char *orders[COUNT];
    const char *database = database_new();
    const unsigned said = keeper_log_count("KEEPER-ALERT");
    skald_service *service = watching(database, &checkout, NULL);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "order-%d", i);
        orders[i] = names[i];
    }
    checkout_publish_many(service, database, CREATED, orders, COUNT);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.flow_wait") == COUNT);
    keeper_clock_shift(database, "3 minutes");
    WAIT_UNTIL(told(database) == COUNT);
    keeper_turn_await(database);
    assert_int_equal(keeper_log_count("KEEPER-ALERT"), said + 1);
    assert_contains(keeper_log_text("KEEPER-ALERT"),
                    "flow \"checkout\": for 100 instances test.v1.PaymentCompleted or "
                    "test.v1.PaymentFailed did not come from shop after test.v1.OrderCreated; "
                    "first for key \"order-");
    assert_contains(keeper_log_text("KEEPER-ALERT"),
                    "skald flow list --state overdue --flow checkout");
    keeper_stop(service);
}

static void test_what_a_person_has_closed_is_told_of_no_more(void **state)
{
    (void)state;
    const char *database = database_new();
    const unsigned said = keeper_log_count("KEEPER-ALERT");
    skald_service *service = watching(database, &checkout, NULL);
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "open PaymentCompleted PaymentFailed"));
    assert_string_equal(database_text(database, "SELECT skald.flow_close('checkout', 'o1', 'ann',"
                                                " 'paid in cash')"),
                        "ok");
    keeper_clock_shift(database, "3 minutes");
    keeper_turn_await(database);
    assert_int_equal(keeper_log_count("KEEPER-ALERT"), said);
    checkout_publish(service, database, PAID, "o1");
    WAIT_UNTIL(database_integer(database, "SELECT events FROM skald.flow") == 2);
    assert_string_equal(checkout_state(database, "o1"), "ended closed");
    assert_string_equal(checkout_timeline(database, "o1"),
                        "OrderCreated begins, PaymentCompleted after the end");
    keeper_stop(service);
}

/* A watcher that was down sees the cause late; what follows may be on its way. */
static void test_what_is_seen_late_is_not_told_of_at_once(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = watching(database, &checkout, NULL);
    keeper_clock_shift(database, "1 hour");
    checkout_publish(service, database, CREATED, "o1");
    WAIT_UNTIL(checkout_is(database, "o1", "overdue PaymentCompleted PaymentFailed"));
    keeper_turn_await(database);
    assert_int_equal(told(database), 0);
    keeper_clock_shift(database, "62 minutes");
    WAIT_UNTIL(told(database) == 1);
    keeper_stop(service);
}

static void test_what_has_ended_or_never_began_is_forgotten_after_its_time(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = watching(database, &hasty, NULL);
    checkout_publish(service, database, CREATED, "ended");
    checkout_publish(service, database, SHIPPED, "ended");
    checkout_publish(service, database, PAID, "early");
    checkout_publish(service, database, CREATED, "open");
    WAIT_UNTIL(checkout_is(database, "ended", "ended well"));
    WAIT_UNTIL(checkout_is(database, "early", "early"));
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.flow_event") == 4);
    keeper_turn_await(database);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.flow"), 3);
    keeper_clock_shift(database, "61 minutes");
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.flow") == 1);
    assert_string_equal(checkout_state(database, "open"), "overdue OrderShipped OrderCancelled");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.flow_event"), 1);
    keeper_stop(service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_late_event_is_said_to_be_late_and_clears_it),
        cmocka_unit_test(test_a_program_is_told_and_when_it_fails_told_again_after_the_interval),
        cmocka_unit_test(test_when_many_wait_for_the_same_people_are_told_once),
        cmocka_unit_test(test_what_a_person_has_closed_is_told_of_no_more),
        cmocka_unit_test(test_what_is_seen_late_is_not_told_of_at_once),
        cmocka_unit_test(test_what_has_ended_or_never_began_is_forgotten_after_its_time),
    };
    return cmocka_run_group_tests(tests, told_setup, told_teardown);
}
