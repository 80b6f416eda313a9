/* A payment provider that cannot be reached is not a refused card: the order waits, the reason can
 * be read, and the money is taken once when the provider is back. Where nobody knows whether it was
 * taken, the provider is asked and not told again. */
#include "common/clock.h"
#include "common/http_client.h"
#include "common/http_server.h"
#include "examples/checkout/program.h"
#include "support/wait.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <sys/socket.h>

typedef struct test_shop {
    const char *orders_database;
    const char *payments_database;
    unsigned provider_port; /* where nobody listens yet */
    char port_file[64];
    char ledger[64];
    test_child *orders;
    test_child *payments;
} test_shop;

/* A port that was free a moment ago. */
static unsigned find_port(void)
{
    const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    assert_int_equal(bind(made, (const struct sockaddr *)&address, size), 0);
    assert_int_equal(getsockname(made, (struct sockaddr *)&address, &size), 0);
    close(made);
    return ntohs(address.sin_port);
}

static int open_shop(void **state)
{
    test_shop *shop = calloc(1, sizeof(*shop));
    program_setting port_file;
    program_setting provider;
    strcpy(shop->port_file, "/tmp/orders-port-XXXXXX");
    strcpy(shop->ledger, "/tmp/ledger-XXXXXX");
    program_port_file(shop->port_file);
    program_port_file(shop->ledger);
    shop->provider_port = find_port();
    shop->orders_database = database_new();
    shop->payments_database = database_new();
    program_apply(shop->orders_database, "examples/checkout/orders/schema.sql");
    program_apply(shop->payments_database, "examples/checkout/payments/schema.sql");
    snprintf(port_file, sizeof(port_file), "SHOP_PORT_FILE=%s", shop->port_file);
    snprintf(provider, sizeof(provider), "SHOP_PROVIDER_PORT=%u", shop->provider_port);
    shop->orders = program_start("orders", shop->orders_database, port_file, "SHOP_PORT=0");
    shop->payments = program_start("payments", shop->payments_database, provider, NULL);
    WAIT_UNTIL(program_port(shop->port_file) != 0 || !child_running(shop->orders));
    *state = shop;
    return 0;
}

static int close_shop(void **state)
{
    test_shop *shop = *state;
    program_stop(shop->payments);
    program_stop(shop->orders);
    unlink(shop->port_file);
    unlink(shop->ledger);
    free(shop);
    /* The next test brings new databases, for which the streams of these would be lost history. */
    skald_error error = {0};
    servers_stop(SKALD_SERVER_NATS);
    assert_ok(skald_servers_wipe(servers(), SKALD_SERVER_NATS, &error), &error);
    servers_start(SKALD_SERVER_NATS);
    return 0;
}

static void place_order(const test_shop *shop)
{
    http_client *client = http_client_open(program_port(shop->port_file));
    json_t *wish = json_pack("{s:s, s:s, s:i, s:s}", "customer_email", "ann@example.org", "sku",
                             "book", "quantity", 2, "card_token", "tok-4242");
    json_t *answer = NULL;
    assert_int_equal(http_client_call(client, "POST", "/orders", NULL, wish, &answer), 202);
    json_decref(answer);
    json_decref(wish);
    http_client_free(client);
}

static test_child *start_provider(const test_shop *shop)
{
    program_setting port;
    program_setting ledger;
    snprintf(port, sizeof(port), "SHOP_PROVIDER_PORT=%u", shop->provider_port);
    snprintf(ledger, sizeof(ledger), "SHOP_LEDGER=%s", shop->ledger);
    return program_start("provider", NULL, port, ledger);
}

static unsigned count_ledger_lines(const test_shop *shop)
{
    unsigned lines = 0;
    FILE *file = fopen(shop->ledger, "r");
    assert_non_null(file);
    for (int c = 0; (c = fgetc(file)) != EOF;)
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void test_an_order_waits_for_a_provider_that_is_away_and_is_charged_once(void **state)
{
    const test_shop *shop = *state;

    place_order(shop);
    WAIT_UNTIL(database_integer(shop->payments_database,
                                "SELECT count(*) FROM skald.job WHERE attempts >= 2") == 1);
    assert_string_equal(database_text(shop->payments_database, "SELECT queue FROM skald.job"),
                        "provider");
    assert_true(database_integer(shop->payments_database, "SELECT count(*) FROM skald.attempt"
                                                          " WHERE error_class ="
                                                          " 'provider-away'") >= 2);
    assert_contains(database_text(shop->payments_database, "SELECT reason FROM skald.job"),
                    "the payment provider did not answer");
    assert_int_equal(database_integer(shop->payments_database, "SELECT count(*) FROM payment"), 0);

    test_child *provider = start_provider(shop);

    WAIT_UNTIL(database_integer(shop->payments_database,
                                "SELECT count(*) FROM payment WHERE kind = 'charge'") == 1);
    WAIT_UNTIL(database_integer(shop->payments_database,
                                "SELECT count(*) FROM skald.job WHERE state = 'done'") == 1);
    assert_int_equal(count_ledger_lines(shop), 1);
    program_stop(provider);
}

/* A provider that takes the money and does not come to answer. */
typedef struct test_mute {
    atomic_uint charges;
    atomic_uint questions;
    atomic_bool over;
} test_mute;

static void on_mute_request(void *user, const http_request *request, http_answer *answer)
{
    test_mute *mute = user;
    if (strcmp(request->method, "GET") == 0) {
        atomic_fetch_add(&mute->questions, 1);
        assert_non_null(http_request_query(request, "key"));
        answer->body = json_pack("{s:s}", "id", "charge-of-the-mute");
        return;
    }
    atomic_fetch_add(&mute->charges, 1);
    while (!atomic_load(&mute->over))
        clock_sleep_ms(5);
    answer->body = json_pack("{s:s}", "id", "charge-too-late");
}

static void test_a_charge_whose_process_was_killed_is_asked_for_and_not_made_again(void **state)
{
    test_shop *shop = *state;
    static test_mute mute;
    program_setting provider_port;
    http_server *provider = http_server_open(shop->provider_port, on_mute_request, &mute);
    assert_non_null(provider);
    place_order(shop);
    WAIT_UNTIL(atomic_load(&mute.charges) == 1);

    child_signal(shop->payments, SIGKILL);
    child_wait(shop->payments);
    child_free(shop->payments);
    snprintf(provider_port, sizeof(provider_port), "SHOP_PROVIDER_PORT=%u", shop->provider_port);
    shop->payments = program_start("payments", shop->payments_database, provider_port, NULL);

    WAIT_UNTIL(database_integer(shop->payments_database,
                                "SELECT count(*) FROM payment WHERE kind = 'charge'") == 1);
    assert_string_equal(database_text(shop->payments_database, "SELECT provider_id FROM payment"),
                        "charge-of-the-mute");
    assert_int_equal(atomic_load(&mute.charges), 1);
    assert_true(atomic_load(&mute.questions) >= 1);
    WAIT_UNTIL(database_integer(shop->payments_database,
                                "SELECT count(*) FROM skald.outbox WHERE type ="
                                " 'shop.v1.PaymentCompleted'") == 1);
    atomic_store(&mute.over, true);
    http_server_free(provider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_an_order_waits_for_a_provider_that_is_away_and_is_charged_once, open_shop,
            close_shop),
        cmocka_unit_test_setup_teardown(
            test_a_charge_whose_process_was_killed_is_asked_for_and_not_made_again, open_shop,
            close_shop),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
