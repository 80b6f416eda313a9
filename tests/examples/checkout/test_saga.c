/* The orchestrated checkout, where the demo does not come by: an order that is taken back while the
 * items are being reserved, and the order's row and its saga in one transaction. */
#include "common/http_client.h"
#include "examples/checkout/program.h"
#include "support/wait.h"

typedef struct test_shop {
    const char *orders_database;
    const char *payments_database;
    const char *inventory_database;
    char port_file[64];
    char provider_port_file[64];
    char ledger[64];
    test_child *orders;
    test_child *payments;
    test_child *inventory; /* NULL: not started yet */
    test_child *provider;
} test_shop;

static const char *new_database(const char *schema)
{
    const char *database = database_new();
    program_apply(database, schema);
    return database;
}

static void start_provider(test_shop *shop)
{
    program_setting ledger;
    program_setting port_file;
    snprintf(ledger, sizeof(ledger), "SHOP_LEDGER=%s", shop->ledger);
    snprintf(port_file, sizeof(port_file), "SHOP_PORT_FILE=%s", shop->provider_port_file);
    setenv("SHOP_PROVIDER_PORT", "0", 1);
    setenv("SHOP_PROVIDER_LATENCY_MS", "0", 1);
    shop->provider = program_start("provider", NULL, ledger, port_file);
    WAIT_UNTIL(program_port(shop->provider_port_file) != 0 || !child_running(shop->provider));
}

static void start_orders_and_payments(test_shop *shop)
{
    program_setting port_file;
    program_setting provider_port;
    snprintf(port_file, sizeof(port_file), "SHOP_PORT_FILE=%s", shop->port_file);
    snprintf(provider_port, sizeof(provider_port), "SHOP_PROVIDER_PORT=%u",
             program_port(shop->provider_port_file));
    shop->orders = program_start("orders", shop->orders_database, port_file, "SHOP_PORT=0");
    shop->payments = program_start("payments", shop->payments_database, provider_port, NULL);
    WAIT_UNTIL(program_port(shop->port_file) != 0 || !child_running(shop->orders));
}

static int open_shop(void **state)
{
    test_shop *shop = calloc(1, sizeof(*shop));
    setenv("SHOP_MODE", "orchestrated", 1);
    strcpy(shop->port_file, "/tmp/orders-port-XXXXXX");
    strcpy(shop->provider_port_file, "/tmp/provider-port-XXXXXX");
    strcpy(shop->ledger, "/tmp/ledger-XXXXXX");
    program_port_file(shop->port_file);
    program_port_file(shop->provider_port_file);
    program_port_file(shop->ledger);
    shop->orders_database = new_database("examples/checkout/orders/schema.sql");
    shop->payments_database = new_database("examples/checkout/payments/schema.sql");
    shop->inventory_database = new_database("examples/checkout/inventory/schema.sql");
    start_provider(shop);
    start_orders_and_payments(shop);
    *state = shop;
    return 0;
}

static int close_shop(void **state)
{
    test_shop *shop = *state;
    if (shop->inventory != NULL)
        program_stop(shop->inventory);
    program_stop(shop->payments);
    program_stop(shop->orders);
    program_stop(shop->provider);
    unlink(shop->port_file);
    unlink(shop->provider_port_file);
    unlink(shop->ledger);
    free(shop);
    /* The next test brings new databases, for which the streams of these would be lost history. */
    skald_error error = {0};
    servers_stop(SKALD_SERVER_NATS);
    assert_ok(skald_servers_wipe(servers(), SKALD_SERVER_NATS, &error), &error);
    servers_start(SKALD_SERVER_NATS);
    return 0;
}

static void place_order(const test_shop *shop, const char *key)
{
    http_client *client = http_client_open(program_port(shop->port_file));
    json_t *wish = json_pack("{s:s, s:s, s:i, s:s}", "customer_email", "ann@example.org", "sku",
                             "book", "quantity", 2, "card_token", "tok-4242");
    json_t *answer = NULL;
    assert_int_equal(http_client_call(client, "POST", "/orders", key, wish, &answer), 202);
    json_decref(answer);
    json_decref(wish);
    http_client_free(client);
}

static const char *ask_orders(const test_shop *shop, const char *sql)
{
    return database_text(shop->orders_database, sql);
}

static int64_t count_lines(const char *path, const char *kind)
{
    char line[1024];
    int64_t lines = 0;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file) != NULL)
        lines += strstr(line, kind) != NULL;
    fclose(file);
    return lines;
}

static void test_an_order_and_its_saga_are_committed_together_and_once(void **state)
{
    const test_shop *shop = *state;

    place_order(shop, "click");
    place_order(shop, "click");

    assert_int_equal(database_integer(shop->orders_database, "SELECT count(*) FROM orders"), 1);
    assert_int_equal(database_integer(shop->orders_database,
                                      "SELECT count(*) FROM skald.saga JOIN orders"
                                      " ON id = order_id::text AND definition = 'checkout'"),
                     1);
    assert_int_equal(database_integer(shop->orders_database,
                                      "SELECT count(*) FROM skald.outbox"
                                      " WHERE type = 'shop.v1.OrderCreated'"),
                     0);
}

static void test_what_was_reserved_for_a_cancelled_order_is_put_back_and_its_money_too(void **state)
{
    test_shop *shop = *state;
    place_order(shop, NULL);
    WAIT_UNTIL(database_integer(shop->orders_database,
                                "SELECT count(*) FROM skald.outbox"
                                " WHERE type = 'shop.v1.ReserveItems'") == 1);

    database_run(
        shop->orders_database,
        "INSERT INTO skald.saga_input (partition, saga, event, reason)"
        " SELECT partition, id, 'cancel', 'the customer does not want it' FROM skald.saga");
    WAIT_UNTIL(strcmp(ask_orders(shop, "SELECT phase FROM skald.saga"), "compensating") == 0);
    shop->inventory = program_start("inventory", shop->inventory_database, NULL, NULL);

    WAIT_UNTIL(strcmp(ask_orders(shop, "SELECT phase FROM skald.saga"), "compensated") == 0);
    assert_string_equal(ask_orders(shop, "SELECT state FROM orders"), "cancelled");
    assert_int_equal(database_integer(shop->orders_database, "SELECT count(*) FROM skald.v_debts"),
                     0);
    assert_int_equal(database_integer(shop->inventory_database,
                                      "SELECT count(*) FROM stock WHERE on_hand <> initial"),
                     0);
    assert_int_equal(database_integer(shop->inventory_database, "SELECT count(*) FROM reservation"),
                     0);
    assert_int_equal(count_lines(shop->ledger, "\"charge\""), 1);
    assert_int_equal(count_lines(shop->ledger, "\"refund\""), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_an_order_and_its_saga_are_committed_together_and_once,
                                        open_shop, close_shop),
        cmocka_unit_test_setup_teardown(
            test_what_was_reserved_for_a_cancelled_order_is_put_back_and_its_money_too, open_shop,
            close_shop),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
