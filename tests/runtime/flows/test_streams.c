/* A flow of three services with a database and a stream each, watched by a fourth one. */
#include "checkout.h"

#include "support/stream.h"

#include <pthread.h>

#define CREATED &test__v1__order_created__descriptor
#define PAID &test__v1__payment_completed__descriptor
#define SHIPPED &test__v1__order_shipped__descriptor

/* Streams live as long as the server: each test has services of its own. */
CHECKOUT_FLOW(early, "early-orders", "early-payments", "early-shipping");
CHECKOUT_FLOW(racing, "racing-orders", "racing-payments", "racing-shipping");
CHECKOUT_FLOW(shared, "shared-orders", "shared-payments", "shared-shipping");
CHECKOUT_FLOW(missing, "missing-orders", "missing-payments", "missing-shipping");

typedef struct world {
    const char *databases[3];
    skald_service *services[3];
    const char *watching;
    skald_service *watcher;
} world;

enum { ORDERS, PAYMENTS, SHIPPING, SERVICES };

/* One more process of the monitor. */
static skald_service *watcher_new(const world *all, const skald_flow *flow)
{
    const skald_options options = keeper_options(all->watching, servers_nats_url());
    skald_service *watcher = keeper_service("monitor", &options);
    assert_int_equal(skald_watch(watcher, flow), SKALD_OK);
    keeper_start(watcher);
    return watcher;
}

static void watch(world *all, const skald_flow *flow)
{
    all->watcher = watcher_new(all, flow);
}

static world world_begin(const skald_flow *flow)
{
    static const size_t events[SERVICES] = {0, 1, 3};
    world all = {.watching = database_new()};
    for (int i = 0; i < SERVICES; i++) {
        all.databases[i] = database_new();
        const skald_options options = keeper_options(all.databases[i], servers_nats_url());
        all.services[i] = keeper_service(flow->events.list[events[i]].from, &options);
        keeper_start(all.services[i]);
    }
    watch(&all, flow);
    return all;
}

static void world_end(world *all)
{
    keeper_stop(all->watcher);
    for (int i = 0; i < SERVICES; i++)
        keeper_stop(all->services[i]);
}

static void publish(const world *all, int service, const ProtobufCMessageDescriptor *type,
                    const char *order)
{
    checkout_publish(all->services[service], all->databases[service], type, order);
}

static void test_what_is_seen_before_its_cause_is_kept(void **state)
{
    (void)state;
    world all = world_begin(&early);
    publish(&all, PAYMENTS, PAID, "o1");
    WAIT_UNTIL(checkout_is(all.watching, "o1", "early"));
    publish(&all, SHIPPING, SHIPPED, "o1");
    WAIT_UNTIL(database_integer(all.watching, "SELECT events FROM skald.flow") == 2);
    assert_string_equal(checkout_state(all.watching, "o1"), "early");
    assert_int_equal(database_integer(all.watching, "SELECT count(*) FROM skald.flow_wait"), 0);
    publish(&all, ORDERS, CREATED, "o1");
    WAIT_UNTIL(checkout_is(all.watching, "o1", "ended well"));
    assert_string_equal(checkout_timeline(all.watching, "o1"),
                        "PaymentCompleted early, OrderShipped early, OrderCreated begins");

    /* Not lost by a restart either. */
    publish(&all, PAYMENTS, PAID, "o2");
    WAIT_UNTIL(checkout_is(all.watching, "o2", "early"));
    keeper_stop(all.watcher);
    publish(&all, ORDERS, CREATED, "o2");
    watch(&all, &early);
    WAIT_UNTIL(checkout_is(all.watching, "o2", "open OrderShipped"));
    assert_string_equal(database_text(all.watching, "SELECT string_agg(source, ' ' ORDER BY"
                                                    " number) FROM skald.flow_event"
                                                    " WHERE key = 'o2'"),
                        "early-payments early-orders");
    world_end(&all);
}

/* Each stream has its follower, lanes and workers: all three meet in the same instances. */
static void test_streams_that_race_lose_nothing(void **state)
{
    (void)state;
    enum { COUNT = 400 };
    static char names[COUNT][24];
    const char *orders[COUNT];
    static const ProtobufCMessageDescriptor *const types[SERVICES] = {CREATED, PAID, SHIPPED};
    world all = world_begin(&racing);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "order-%d", i);
        orders[i] = names[i];
    }
    for (int from = 0; from < COUNT; from += COUNT / 8)
        for (int i = SERVICES - 1; i >= 0; i--)
            checkout_publish_many(all.services[i], all.databases[i], types[i], orders + from,
                                  COUNT / 8);
    WAIT_UNTIL(database_integer(all.watching, "SELECT count(*) FROM skald.flow"
                                              " WHERE outcome = 'well' AND events = 3") == COUNT);
    assert_int_equal(database_integer(all.watching, "SELECT count(*) FROM skald.flow_event"),
                     SERVICES * COUNT);
    assert_int_equal(database_integer(all.watching, "SELECT count(*) FROM skald.flow_wait"), 0);
    assert_int_equal(database_integer(all.watching, "SELECT count(*) FROM skald.job"), 0);

    /* Read again from the beginning, all three. */
    char before[64];
    snprintf(before, sizeof before, "%s", checkout_sum(all.watching));
    keeper_stop(all.watcher);
    database_run(all.watching,
                 "CREATE TABLE reached AS SELECT follower, partition, position FROM skald.position;"
                 "UPDATE skald.position SET position = 0 WHERE follower LIKE 'flows.%'");
    watch(&all, &racing);
    WAIT_UNTIL(database_integer(all.watching,
                                "SELECT count(*) FROM reached AS r JOIN skald.position AS p"
                                " USING (follower, partition) WHERE p.follower LIKE 'flows.%'"
                                " AND p.position < r.position") == 0);
    assert_string_equal(checkout_sum(all.watching), before);
    world_end(&all);
}

/* Partitions of one stream change hands while others are with somebody else. */
static void test_processes_that_come_and_go_note_each_event_once(void **state)
{
    (void)state;
    enum { COUNT = 60, ROUNDS = 6 };
    static char names[ROUNDS * COUNT][24];
    const char *orders[ROUNDS * COUNT];
    static const ProtobufCMessageDescriptor *const types[SERVICES] = {CREATED, PAID, SHIPPED};
    world all = world_begin(&shared);
    skald_service *other = NULL;
    for (int i = 0; i < ROUNDS * COUNT; i++) {
        snprintf(names[i], sizeof names[i], "order-%d", i);
        orders[i] = names[i];
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < SERVICES; i++)
            checkout_publish_many(all.services[i], all.databases[i], types[i],
                                  orders + round * COUNT, COUNT);
        if (other == NULL) {
            other = watcher_new(&all, &shared);
        } else {
            keeper_stop(other);
            other = NULL;
        }
    }
    WAIT_UNTIL(database_integer(all.watching, "SELECT count(*) FROM skald.flow"
                                              " WHERE outcome = 'well'") == ROUNDS * COUNT);
    WAIT_UNTIL(database_integer(all.watching, "SELECT sum(events) FROM skald.flow") ==
               SERVICES * ROUNDS * COUNT);
    assert_int_equal(database_integer(all.watching, "SELECT count(*) FROM skald.flow_event"),
                     SERVICES * ROUNDS * COUNT);
    assert_int_equal(database_integer(all.watching, "SELECT count(*) FROM skald.job"), 0);
    world_end(&all);
}

/* --- alarms ----------------------------------------------------------------------------------- */

static pthread_mutex_t heard_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned heard_count;
static char heard_text[4096];

static void hear(void *user, const skald_nats_view *message)
{
    (void)user;
    pthread_mutex_lock(&heard_mutex);
    heard_count++;
    snprintf(heard_text, sizeof heard_text, "%.*s", (int)message->body.size,
             (const char *)message->body.data);
    pthread_mutex_unlock(&heard_mutex);
}

static unsigned heard(void)
{
    pthread_mutex_lock(&heard_mutex);
    const unsigned count = heard_count;
    pthread_mutex_unlock(&heard_mutex);
    return count;
}

/* A member of the last alert, as PostgreSQL reads it. */
static const char *heard_value(const char *database, const char *name)
{
    char sql[sizeof heard_text + 128];
    pthread_mutex_lock(&heard_mutex);
    snprintf(sql, sizeof sql, "SELECT $json$%s$json$::json ->> '%s'", heard_text, name);
    pthread_mutex_unlock(&heard_mutex);
    return database_text(database, sql);
}

static void test_an_event_that_does_not_come_is_told_by_name_once(void **state)
{
    (void)state;
    world all = world_begin(&missing);
    const char *database = all.watching;
    skald_nats *nats = stream_connect();
    skald_nats_listener *listener = NULL;
    skald_error error = {0};
    assert_ok(skald_nats_listen(&listener, nats, "skald.alert.monitor", hear, NULL, &error),
              &error);
    publish(&all, ORDERS, CREATED, "order-42");
    WAIT_UNTIL(checkout_is(database, "order-42", "open PaymentCompleted PaymentFailed"));
    keeper_turn_await(database);
    assert_int_equal(heard(), 0);

    keeper_clock_shift(database, "3 minutes");
    WAIT_UNTIL(heard() == 1);
    assert_string_equal(checkout_state(database, "order-42"),
                        "overdue PaymentCompleted PaymentFailed");
    assert_string_equal(heard_value(database, "alert"), "flow");
    assert_string_equal(heard_value(database, "service"), "monitor");
    assert_string_equal(heard_value(database, "flow"), "missing");
    assert_string_equal(heard_value(database, "key"), "order-42");
    assert_string_equal(heard_value(database, "expected"),
                        "[\"test.v1.PaymentCompleted\",\"test.v1.PaymentFailed\"]");
    assert_string_equal(heard_value(database, "sources"), "[\"missing-payments\"]");
    assert_string_equal(heard_value(database, "last_type"), "test.v1.OrderCreated");
    assert_string_equal(heard_value(database, "last_source"), "missing-orders");
    assert_string_equal(heard_value(database, "command"), "skald flow show order-42");
    assert_contains(heard_value(database, "reason"),
                    "flow \"missing\", key \"order-42\": test.v1.PaymentCompleted or "
                    "test.v1.PaymentFailed did not come from missing-payments until 20");
    assert_contains(heard_value(database, "reason"),
                    "last came test.v1.OrderCreated from missing-orders at 20");
    assert_true(database_integer(database, "SELECT count(*) FROM skald.flow AS f,"
                                           " skald.flow_event AS e WHERE f.last_at = e.at") == 1);

    /* Once: not by the next turn, nor by the next process. */
    keeper_turn_await(database);
    keeper_clock_shift(database, "3 hours");
    keeper_stop(all.watcher);
    watch(&all, &missing);
    keeper_turn_await(database);
    assert_int_equal(heard(), 1);

    /* It comes after all. */
    publish(&all, PAYMENTS, PAID, "order-42");
    WAIT_UNTIL(checkout_is(database, "order-42", "open OrderShipped"));
    assert_string_equal(checkout_timeline(database, "order-42"),
                        "OrderCreated begins, PaymentCompleted expected");
    /* The next one that does not come is told of too. */
    keeper_clock_shift(database, "2 days");
    WAIT_UNTIL(heard() == 2);
    assert_string_equal(heard_value(database, "expected"), "[\"test.v1.OrderShipped\"]");
    assert_string_equal(heard_value(database, "sources"), "[\"missing-shipping\"]");
    assert_string_equal(heard_value(database, "last_type"), "test.v1.PaymentCompleted");
    keeper_turn_await(database);
    assert_int_equal(heard(), 2);
    skald_nats_unlisten(listener);
    skald_nats_close(nats);
    world_end(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_seen_before_its_cause_is_kept),
        cmocka_unit_test(test_streams_that_race_lose_nothing),
        cmocka_unit_test(test_processes_that_come_and_go_note_each_event_once),
        cmocka_unit_test(test_an_event_that_does_not_come_is_told_by_name_once),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
