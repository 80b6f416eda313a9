/* HTTP requests become rows, and events or sagas, in one transaction each. What happens to an order
 * afterwards is in choreography.c and checkout.c. */
#include "orders/api.h"

#include "common/http_server.h"
#include "common/pool.h"
#include "common/settings.h"
#include "orders/ways.h"
#include "shop/mode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 8u
#define QUANTITY_MAX 1000
#define TEXT_SIZE_MAX 128u

struct orders_api {
    skald_service *service;
    connection_pool *pool;
    http_server *server;
};

/* What a customer asks for. The texts belong to the request. */
typedef struct order_wish {
    const char *customer_email;
    const char *sku;
    const char *card_token;
    const char *idempotency_key; /* NULL: none */
    long quantity;
    char quantity_text[24];
    char order_id[37];
} order_wish;

static bool is_short(const char *text)
{
    return text != NULL && text[0] != '\0' && strlen(text) <= TEXT_SIZE_MAX;
}

static bool is_plain(const char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

/* What is wrong with the request, or NULL. */
static const char *read_wish(const http_request *request, order_wish *out)
{
    const json_t *body = request->body;
    out->customer_email = json_string_value(json_object_get(body, "customer_email"));
    out->sku = json_string_value(json_object_get(body, "sku"));
    out->card_token = json_string_value(json_object_get(body, "card_token"));
    out->quantity = (long)json_integer_value(json_object_get(body, "quantity"));
    out->idempotency_key = http_request_header(request, "Idempotency-Key");
    if (!is_short(out->customer_email) || !is_short(out->sku) || !is_short(out->card_token))
        return "customer_email, sku and card_token must be texts of 1 to 128 bytes";
    if (out->quantity < 1 || out->quantity > QUANTITY_MAX)
        return "quantity must be a number from 1 to 1000";
    if (out->idempotency_key != NULL &&
        (!is_short(out->idempotency_key) || !is_plain(out->idempotency_key)))
        return "Idempotency-Key must be 1 to 128 printable characters";
    snprintf(out->quantity_text, sizeof(out->quantity_text), "%ld", out->quantity);
    skald_uuid7(out->order_id);
    return NULL;
}

static bool run(PGconn *connection, const char *sql)
{
    PGresult *result = PQexec(connection, sql);
    const bool done = PQresultStatus(result) == PGRES_COMMAND_OK;
    PQclear(result);
    return done;
}

/* Inserts the order. No row comes back when the item is unknown, or when an order with the same
 * Idempotency-Key exists, possibly one that another thread is about to commit: PostgreSQL waits for
 * that one. */
static PGresult *insert_order(PGconn *connection, const order_wish *wish)
{
    const char *values[] = {wish->order_id, wish->idempotency_key, wish->customer_email, wish->sku,
                            wish->quantity_text};
    return PQexecParams(connection,
                        "INSERT INTO orders (order_id, idempotency_key, customer_email, sku,"
                        " quantity, total_cents)"
                        " SELECT $1::uuid, $2, $3, sku, $5::integer, unit_cents * $5::integer"
                        " FROM product WHERE sku = $4"
                        " ON CONFLICT (idempotency_key) DO NOTHING RETURNING total_cents",
                        5, NULL, values, NULL, NULL, 0);
}

/* From here on others see to the order. */
static bool begin_order(orders_api *api, PGconn *connection, const order_wish *wish,
                        int64_t total_cents)
{
    Shop__V1__Order order = SHOP__V1__ORDER__INIT;
    order.order_id = (char *)wish->order_id;
    order.customer_email = (char *)wish->customer_email;
    order.sku = (char *)wish->sku;
    order.quantity = (uint32_t)wish->quantity;
    order.total_cents = total_cents;
    const order_beginning beginning = {.order = &order, .card_token = wish->card_token};
    skald_error error;
    const skald_status status =
        shop_is_orchestrated() ? checkout_begin(api->service, connection, &beginning, &error)
                               : choreography_begin(api->service, connection, &beginning, &error);
    if (status != SKALD_OK)
        fprintf(stderr, "ORDER-REFUSED %s\n", error.text);
    return status == SKALD_OK;
}

static void accept_order(http_answer *answer, const char *order_id)
{
    answer->status = 202;
    answer->body = json_pack("{s:s}", "order_id", order_id);
    snprintf(answer->location, sizeof(answer->location), "/orders/%s", order_id);
}

/* A customer who asks twice gets the same order; one who uses the key for something else does not.
 */
static void answer_repeated(PGconn *connection, const order_wish *wish, http_answer *answer)
{
    const char *values[] = {wish->idempotency_key, wish->customer_email, wish->sku,
                            wish->quantity_text};
    PGresult *result =
        PQexecParams(connection,
                     "SELECT order_id, customer_email = $2 AND sku = $3 AND quantity = $4::integer"
                     " FROM orders WHERE idempotency_key = $1",
                     4, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        http_refuse(answer, 503, "try again");
    else if (PQntuples(result) == 0)
        http_refuse(answer, 422, "there is no such sku");
    else if (PQgetvalue(result, 0, 1)[0] != 't')
        http_refuse(answer, 409, "this Idempotency-Key was used for another order");
    else
        accept_order(answer, PQgetvalue(result, 0, 0));
    PQclear(result);
}

/* The order's row and its event, or its saga, commit together, and only then does the customer hear
 * of it. When the connection breaks during the COMMIT nobody knows whether it happened: the
 * customer is told to try again, and the Idempotency-Key makes that safe. */
static void place_order(orders_api *api, PGconn *connection, const order_wish *wish,
                        http_answer *answer)
{
    PGresult *inserted = run(connection, "BEGIN") ? insert_order(connection, wish) : NULL;
    if (PQresultStatus(inserted) != PGRES_TUPLES_OK) {
        http_refuse(answer, 503, "try again");
    } else if (PQntuples(inserted) == 0) {
        answer_repeated(connection, wish, answer);
    } else if (begin_order(api, connection, wish, strtoll(PQgetvalue(inserted, 0, 0), NULL, 10)) &&
               run(connection, "COMMIT")) {
        skald_ring(api->service);
        accept_order(answer, wish->order_id);
    } else {
        http_refuse(answer, 503, "try again");
    }
    if (PQtransactionStatus(connection) != PQTRANS_IDLE)
        run(connection, "ROLLBACK");
    PQclear(inserted);
}

static bool is_uuid(const char *text)
{
    return strlen(text) == 36 && strspn(text, "0123456789abcdefABCDEF-") == 36;
}

static void show_order(PGconn *connection, const char *order_id, http_answer *answer)
{
    PGresult *result = PQexecParams(connection,
                                    "SELECT state, sku, quantity, total_cents FROM orders"
                                    " WHERE order_id = $1::uuid",
                                    1, NULL, &order_id, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        http_refuse(answer, 503, "try again");
    else if (PQntuples(result) == 0)
        http_refuse(answer, 404, "there is no such order");
    else
        answer->body =
            json_pack("{s:s, s:s, s:s, s:I, s:I}", "order_id", order_id, "state",
                      PQgetvalue(result, 0, 0), "sku", PQgetvalue(result, 0, 1), "quantity",
                      (json_int_t)strtoll(PQgetvalue(result, 0, 2), NULL, 10), "total_cents",
                      (json_int_t)strtoll(PQgetvalue(result, 0, 3), NULL, 10));
    PQclear(result);
}

static void post_orders(orders_api *api, const http_request *request, http_answer *answer)
{
    order_wish wish;
    const char *wrong = read_wish(request, &wish);
    if (wrong != NULL) {
        http_refuse(answer, 400, wrong);
        return;
    }
    PGconn *connection = pool_take(api->pool);
    place_order(api, connection, &wish, answer);
    pool_give(api->pool, connection);
}

static void get_order(orders_api *api, const char *order_id, http_answer *answer)
{
    if (!is_uuid(order_id)) {
        http_refuse(answer, 404, "there is no such order");
        return;
    }
    PGconn *connection = pool_take(api->pool);
    show_order(connection, order_id, answer);
    pool_give(api->pool, connection);
}

static void on_request(void *user, const http_request *request, http_answer *answer)
{
    orders_api *api = user;
    if (strcmp(request->method, "POST") == 0 && strcmp(request->path, "/orders") == 0)
        post_orders(api, request, answer);
    else if (strcmp(request->method, "GET") == 0 && strncmp(request->path, "/orders/", 8) == 0)
        get_order(api, request->path + 8, answer);
    else
        http_refuse(answer, 404, "there are only POST /orders and GET /orders/{id}");
}

skald_status orders_api_open(orders_api **out, skald_service *service, skald_error *error)
{
    const unsigned port = (unsigned)setting_number("SHOP_PORT", 8080, 0, 65535);
    orders_api *api = calloc(1, sizeof(*api));
    if (api == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the HTTP server");
    api->service = service;
    api->pool = pool_open("", CONNECTIONS);
    api->server = api->pool != NULL ? http_server_open(port, on_request, api) : NULL;
    if (api->server == NULL) {
        orders_api_free(api);
        return skald_error_set(error, SKALD_UNAVAILABLE,
                               "cannot listen on 127.0.0.1:%u: choose another SHOP_PORT", port);
    }
    setting_announce_port("SHOP_PORT_FILE", http_server_port(api->server));
    *out = api;
    return SKALD_OK;
}

void orders_api_free(orders_api *api)
{
    if (api == NULL)
        return;
    http_server_free(api->server);
    pool_free(api->pool);
    free(api);
}
