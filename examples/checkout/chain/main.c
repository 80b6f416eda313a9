/* What the demo compares against, and no part of the shop: the same checkout without events. POST
 * /orders does everything one after the other while the customer waits: it notes the order, asks
 * the provider for the money, takes the items from the shelf, sends the mail, and answers. Every
 * step is its own commit, as it would be in separate services. Nothing protects it: a crash between
 * two steps leaves money taken and no goods. */
#include "common/clock.h"
#include "common/http_client.h"
#include "common/http_server.h"
#include "common/pool.h"
#include "common/settings.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTIONS 8u
#define CENTS_EACH 1250

typedef struct shop_chain {
    connection_pool *pool;
    unsigned provider_port;
    long mail_latency_ms;
} shop_chain;

/* The server has one thread per connection; each keeps its own connection to the provider. */
static pthread_key_t provider_client;

static void free_client(void *client)
{
    http_client_free(client);
}

static http_client *client_of_this_thread(const shop_chain *chain)
{
    http_client *client = pthread_getspecific(provider_client);
    if (client == NULL) {
        client = http_client_open(chain->provider_port);
        pthread_setspecific(provider_client, client);
    }
    return client;
}

static bool note_order(PGconn *connection, const json_t *wish, char order_id[37])
{
    char quantity[24];
    char cents[24];
    const json_int_t count = json_integer_value(json_object_get(wish, "quantity"));
    snprintf(quantity, sizeof(quantity), "%lld", (long long)count);
    snprintf(cents, sizeof(cents), "%lld", (long long)count * CENTS_EACH);
    const char *values[] = {json_string_value(json_object_get(wish, "customer_email")),
                            json_string_value(json_object_get(wish, "sku")), quantity, cents};
    PGresult *result =
        PQexecParams(connection,
                     "INSERT INTO orders (customer_email, sku, quantity, total_cents)"
                     " VALUES ($1, $2, $3, $4) RETURNING order_id",
                     4, NULL, values, NULL, NULL, 0);
    const bool noted = PQresultStatus(result) == PGRES_TUPLES_OK;
    if (noted)
        snprintf(order_id, 37, "%s", PQgetvalue(result, 0, 0));
    PQclear(result);
    return noted;
}

static bool charge(const shop_chain *chain, const json_t *wish, const char *order_id)
{
    http_client *client = client_of_this_thread(chain);
    char key[64];
    snprintf(key, sizeof(key), "charge-%s", order_id);
    json_t *body =
        json_pack("{s:s, s:s, s:I, s:O}", "idempotency_key", key, "order_id", order_id, "cents",
                  json_integer_value(json_object_get(wish, "quantity")) * CENTS_EACH, "card_token",
                  json_object_get(wish, "card_token"));
    json_t *answer = NULL;
    const int status = client != NULL && body != NULL
                           ? http_client_call(client, "POST", "/charges", NULL, body, &answer)
                           : 0;
    json_decref(answer);
    json_decref(body);
    return status == 200;
}

static bool change(PGconn *connection, const char *sql, const char *first, const char *second)
{
    const char *values[] = {first, second};
    PGresult *result = PQexecParams(connection, sql, 2, NULL, values, NULL, NULL, 0);
    const bool changed =
        PQresultStatus(result) == PGRES_COMMAND_OK && strcmp(PQcmdTuples(result), "1") == 0;
    PQclear(result);
    return changed;
}

static bool take_items(PGconn *connection, const json_t *wish)
{
    char quantity[24];
    snprintf(quantity, sizeof(quantity), "%lld",
             (long long)json_integer_value(json_object_get(wish, "quantity")));
    return change(connection,
                  "UPDATE stock SET on_hand = on_hand - $2::bigint"
                  " WHERE sku = $1 AND on_hand >= $2::bigint",
                  json_string_value(json_object_get(wish, "sku")), quantity);
}

static bool note_mail(PGconn *connection, const json_t *wish, const char *order_id)
{
    return change(connection, "INSERT INTO mail (order_id, recipient) VALUES ($1, $2)", order_id,
                  json_string_value(json_object_get(wish, "customer_email")));
}

static bool confirm(PGconn *connection, const char *order_id)
{
    return change(connection, "UPDATE orders SET state = $2 WHERE order_id = $1", order_id,
                  "confirmed");
}

static void on_request(void *user, const http_request *request, http_answer *answer)
{
    shop_chain *chain = user;
    char order_id[37];
    PGconn *connection = pool_take(chain->pool);
    const bool noted = request->body != NULL && note_order(connection, request->body, order_id);
    pool_give(chain->pool, connection);
    const bool paid = noted && charge(chain, request->body, order_id);
    connection = pool_take(chain->pool);
    const bool done =
        paid && take_items(connection, request->body) && confirm(connection, order_id);
    pool_give(chain->pool, connection);
    if (!done) {
        http_refuse(answer, 409, "the order was not carried out");
        return;
    }
    clock_sleep_ms(chain->mail_latency_ms); /* this is where a mail server would be spoken to */
    connection = pool_take(chain->pool);
    const bool sent = note_mail(connection, request->body, order_id);
    pool_give(chain->pool, connection);
    answer->status = sent ? 201 : 500;
    answer->body = json_pack("{s:s}", "order_id", order_id);
}

int main(void)
{
    shop_chain chain = {
        .pool = pool_open("", CONNECTIONS),
        .provider_port = (unsigned)setting_number("SHOP_PROVIDER_PORT", 8090, 1, 65535),
        .mail_latency_ms = setting_number("SHOP_MAIL_LATENCY_MS", 20, 0, 1000),
    };
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL); /* before the server's threads, which inherit it */
    pthread_key_create(&provider_client, free_client);
    http_server *server =
        chain.pool != NULL ? http_server_open((unsigned)setting_number("SHOP_PORT", 8081, 0, 65535),
                                              on_request, &chain)
                           : NULL;
    if (server != NULL) {
        setting_announce_port("SHOP_PORT_FILE", http_server_port(server));
        int stop = 0;
        sigwait(&stops, &stop);
    }
    const int code = server != NULL ? 0 : 69;
    http_server_free(server);
    pool_free(chain.pool);
    return code;
}
