/* Calls over connections that are kept open: a stack of them, as many as threads ever called at
 * once. */
#include "payments/provider.h"

#include "common/http_client.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define CLIENTS_MAX 64u /* that are kept when nobody calls */

struct shop_provider {
    unsigned port;
    pthread_mutex_t mutex;
    unsigned idle_count;
    http_client *idle[CLIENTS_MAX];
};

static http_client *take_client(shop_provider *provider)
{
    pthread_mutex_lock(&provider->mutex);
    http_client *client = provider->idle_count > 0 ? provider->idle[--provider->idle_count] : NULL;
    pthread_mutex_unlock(&provider->mutex);
    return client != NULL ? client : http_client_open(provider->port);
}

static void give_client(shop_provider *provider, http_client *client)
{
    pthread_mutex_lock(&provider->mutex);
    if (provider->idle_count < CLIENTS_MAX) {
        provider->idle[provider->idle_count++] = client;
        client = NULL;
    }
    pthread_mutex_unlock(&provider->mutex);
    http_client_free(client);
}

static provider_outcome read_answer(int status, const json_t *answer, char id[64])
{
    const char *given = json_string_value(json_object_get(answer, "id"));
    if (status == 200 && given != NULL) {
        snprintf(id, 64, "%s", given);
        return PROVIDER_DONE;
    }
    switch (status) {
    case 402:
        return PROVIDER_REFUSED;
    case 404:
        return PROVIDER_ABSENT;
    case HTTP_SILENT:
        return PROVIDER_SILENT;
    default:
        return PROVIDER_AWAY;
    }
}

/* Takes `body`, which may be NULL, over. */
static provider_outcome ask(shop_provider *provider, const char *method, const char *path,
                            json_t *body, char id[64])
{
    http_client *client = take_client(provider);
    json_t *answer = NULL;
    const int status = client != NULL ? http_client_call(client, method, path, NULL, body, &answer)
                                      : HTTP_UNREACHABLE;
    if (client != NULL)
        give_client(provider, client);
    const provider_outcome outcome = read_answer(status, answer, id);
    json_decref(answer);
    json_decref(body);
    return outcome;
}

provider_outcome provider_charge(shop_provider *provider, const char *key,
                                 const Shop__V1__Order *order, const char *card_token, char id[64])
{
    json_t *body =
        json_pack("{s:s, s:s, s:I, s:s}", "idempotency_key", key, "order_id", order->order_id,
                  "cents", (json_int_t)order->total_cents, "card_token", card_token);
    return ask(provider, "POST", "/charges", body, id);
}

provider_outcome provider_refund(shop_provider *provider, const char *key,
                                 const Shop__V1__Order *order, char id[64])
{
    json_t *body = json_pack("{s:s, s:s, s:I}", "idempotency_key", key, "order_id", order->order_id,
                             "cents", (json_int_t)order->total_cents);
    return ask(provider, "POST", "/refunds", body, id);
}

static provider_outcome find(shop_provider *provider, const char *what, const char *key,
                             char id[64])
{
    char path[128];
    snprintf(path, sizeof(path), "/%s?key=%s", what, key);
    return ask(provider, "GET", path, NULL, id);
}

provider_outcome provider_find_charge(shop_provider *provider, const char *key, char id[64])
{
    return find(provider, "charges", key, id);
}

provider_outcome provider_find_refund(shop_provider *provider, const char *key, char id[64])
{
    return find(provider, "refunds", key, id);
}

shop_provider *provider_open(unsigned port)
{
    shop_provider *made = calloc(1, sizeof(*made));
    if (made != NULL) {
        made->port = port;
        pthread_mutex_init(&made->mutex, NULL);
    }
    return made;
}

void provider_free(shop_provider *provider)
{
    if (provider == NULL)
        return;
    while (provider->idle_count > 0)
        http_client_free(provider->idle[--provider->idle_count]);
    pthread_mutex_destroy(&provider->mutex);
    free(provider);
}
