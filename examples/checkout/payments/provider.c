/* HTTP calls, and what their answers mean. */
#include "payments/provider.h"

#include "common/http_clients.h"

#include <stdio.h>
#include <stdlib.h>

struct shop_provider {
    unsigned port;
    http_clients *clients;
};

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
    http_client *client = http_clients_take(provider->clients, provider->port);
    json_t *answer = NULL;
    const int status = client != NULL ? http_client_call(client, method, path, NULL, body, &answer)
                                      : HTTP_UNREACHABLE;
    const provider_outcome outcome = read_answer(status, answer, id);
    http_clients_give(provider->clients, client);
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
    if (made == NULL)
        return NULL;
    made->port = port;
    made->clients = http_clients_open();
    if (made->clients != NULL)
        return made;
    free(made);
    return NULL;
}

void provider_free(shop_provider *provider)
{
    if (provider == NULL)
        return;
    http_clients_free(provider->clients);
    free(provider);
}
