/* The front door of the shop: what a customer is answered, and that an order is placed once. The
 * services behind it are not started: orders wait in the outbox. */
#include "common/http_client.h"
#include "examples/checkout/program.h"
#include "support/wait.h"

typedef struct test_door {
    const char *database;
    test_child *orders;
    http_client *client;
    char port_file[64];
} test_door;

static int open_door(void **state)
{
    test_door *door = calloc(1, sizeof(*door));
    program_setting port_file;
    strcpy(door->port_file, "/tmp/orders-port-XXXXXX");
    program_port_file(door->port_file);
    snprintf(port_file, sizeof(port_file), "SHOP_PORT_FILE=%s", door->port_file);
    door->database = database_new();
    program_apply(door->database, "examples/checkout/orders/schema.sql");
    door->orders = program_start("orders", door->database, port_file, "SHOP_PORT=0");
    WAIT_UNTIL(program_port(door->port_file) != 0 || !child_running(door->orders));
    if (!child_running(door->orders))
        fail_msg("orders ended: %s", child_err(door->orders));
    door->client = http_client_open(program_port(door->port_file));
    *state = door;
    return 0;
}

static int close_door(void **state)
{
    test_door *door = *state;
    http_client_free(door->client);
    program_stop(door->orders);
    unlink(door->port_file);
    free(door);
    /* The next test brings a new database, for which this one's stream would be lost history. */
    skald_error error = {0};
    servers_stop(SKALD_SERVER_NATS);
    assert_ok(skald_servers_wipe(servers(), SKALD_SERVER_NATS, &error), &error);
    servers_start(SKALD_SERVER_NATS);
    return 0;
}

static json_t *make_wish(const char *sku, int quantity)
{
    return json_pack("{s:s, s:s, s:i, s:s}", "customer_email", "ann@example.org", "sku", sku,
                     "quantity", quantity, "card_token", "tok-4242");
}

/* The status; the id, if there is one, goes into `order_id`. */
static int place(const test_door *door, const char *key, json_t *wish, char order_id[37])
{
    json_t *answer = NULL;
    const int status = http_client_call(door->client, "POST", "/orders", key, wish, &answer);
    const char *given = json_string_value(json_object_get(answer, "order_id"));
    snprintf(order_id, 37, "%s", given != NULL ? given : "");
    json_decref(answer);
    json_decref(wish);
    return status;
}

static int64_t count_orders(const test_door *door)
{
    return database_integer(door->database, "SELECT count(*) FROM orders");
}

static int64_t count_events(const test_door *door)
{
    return database_integer(door->database, "SELECT count(*) FROM skald.outbox");
}

static void test_an_order_and_its_event_are_committed_together(void **state)
{
    const test_door *door = *state;
    char id[37];

    assert_int_equal(place(door, NULL, make_wish("book", 2), id), 202);

    assert_string_equal(database_text(door->database, "SELECT order_id FROM orders"), id);
    assert_string_equal(database_text(door->database, "SELECT key FROM skald.outbox"), id);
    assert_string_equal(database_text(door->database, "SELECT type FROM skald.outbox"),
                        "shop.v1.OrderCreated");
    assert_int_equal(database_integer(door->database, "SELECT total_cents FROM orders"), 2500);
}

static void test_a_repeated_idempotency_key_gets_the_same_order(void **state)
{
    const test_door *door = *state;
    char first[37];
    char again[37];

    assert_int_equal(place(door, "click", make_wish("book", 2), first), 202);
    assert_int_equal(place(door, "click", make_wish("book", 2), again), 202);

    assert_string_equal(first, again);
    assert_int_equal(count_orders(door), 1);
    assert_int_equal(count_events(door), 1);
}

static void test_an_idempotency_key_for_another_order_is_refused(void **state)
{
    const test_door *door = *state;
    char id[37];

    assert_int_equal(place(door, "click", make_wish("book", 2), id), 202);
    assert_int_equal(place(door, "click", make_wish("book", 3), id), 409);

    assert_int_equal(count_orders(door), 1);
}

static void test_what_is_no_order_is_refused_and_leaves_nothing(void **state)
{
    const test_door *door = *state;
    char id[37];

    assert_int_equal(place(door, NULL, make_wish("dragon", 1), id), 422);
    assert_int_equal(place(door, NULL, make_wish("book", 0), id), 400);
    assert_int_equal(place(door, NULL, make_wish("", 1), id), 400);
    assert_int_equal(place(door, NULL, json_array(), id), 400);
    assert_int_equal(place(door, NULL, json_object(), id), 400);

    assert_int_equal(count_orders(door), 0);
    assert_int_equal(count_events(door), 0);
    assert_int_equal(place(door, NULL, make_wish("book", 1), id), 202);
}

static void test_an_order_can_be_looked_at(void **state)
{
    const test_door *door = *state;
    char id[37];
    char path[64];
    json_t *answer = NULL;
    assert_int_equal(place(door, NULL, make_wish("pen", 3), id), 202);

    snprintf(path, sizeof(path), "/orders/%s", id);
    assert_int_equal(http_client_call(door->client, "GET", path, NULL, NULL, &answer), 200);

    assert_string_equal(json_string_value(json_object_get(answer, "state")), "created");
    assert_int_equal(json_integer_value(json_object_get(answer, "total_cents")), 630);
    json_decref(answer);
}

static void test_unknown_paths_and_orders_are_not_found(void **state)
{
    const test_door *door = *state;
    static const char *const paths[] = {"/orders/00000000-0000-7000-8000-000000000000",
                                        "/orders/1; DROP TABLE orders", "/nothing"};
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        json_t *answer = NULL;
        const int status = http_client_call(door->client, "GET", paths[i], NULL, NULL, &answer);
        json_decref(answer);
        assert_int_equal(status, 404);
    }
}

#define WITH_DOOR(test) cmocka_unit_test_setup_teardown(test, open_door, close_door)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DOOR(test_an_order_and_its_event_are_committed_together),
        WITH_DOOR(test_a_repeated_idempotency_key_gets_the_same_order),
        WITH_DOOR(test_an_idempotency_key_for_another_order_is_refused),
        WITH_DOOR(test_what_is_no_order_is_refused_and_leaves_nothing),
        WITH_DOOR(test_an_order_can_be_looked_at),
        WITH_DOOR(test_unknown_paths_and_orders_are_not_found),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
