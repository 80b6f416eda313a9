/* The payment provider: not a part of the shop and not built on Skald, but the stranger whose money
 * the shop moves. POST /charges and POST /refunds; a call with a known idempotency key moves
 * nothing and gets the first answer again; cards whose token ends with 0002 are refused. GET
 * /charges?key=... and GET /refunds?key=... tell whether a call happened. */
#include "common/clock.h"
#include "common/http_server.h"
#include "common/settings.h"
#include "provider/ledger.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define REFUSED_ENDING "0002"

typedef struct shop_provider {
    shop_ledger *ledger;
    long latency_ms;
} shop_provider;

static bool is_refused(const char *card_token)
{
    const size_t size = strlen(card_token);
    const size_t ending = strlen(REFUSED_ENDING);
    return size >= ending && strcmp(card_token + size - ending, REFUSED_ENDING) == 0;
}

static void move_money(shop_provider *provider, const ledger_entry *entry, http_answer *answer)
{
    char id[64];
    if (!ledger_add(provider->ledger, entry, id))
        http_refuse(answer, 503, "the ledger cannot be written");
    else
        answer->body = json_pack("{s:s}", "id", id);
}

static void find_movement(shop_provider *provider, const char *kind, const http_request *request,
                          http_answer *answer)
{
    const char *key = http_request_query(request, "key");
    char id[64];
    if (key == NULL)
        http_refuse(answer, 400, "?key= is needed");
    else if (!ledger_find(provider->ledger, kind, key, id))
        http_refuse(answer, 404, "no money was moved with this key");
    else
        answer->body = json_pack("{s:s}", "id", id);
}

static void post_movement(shop_provider *provider, const char *kind, const http_request *request,
                          http_answer *answer)
{
    const bool charge = strcmp(kind, "charge") == 0;
    const ledger_entry entry = {
        .kind = kind,
        .idempotency_key = json_string_value(json_object_get(request->body, "idempotency_key")),
        .order_id = json_string_value(json_object_get(request->body, "order_id")),
        .cents = json_integer_value(json_object_get(request->body, "cents")),
    };
    const char *card = json_string_value(json_object_get(request->body, "card_token"));
    if (entry.idempotency_key == NULL || entry.order_id == NULL || entry.cents <= 0 ||
        (charge && card == NULL))
        http_refuse(answer, 400, "idempotency_key, order_id, cents and card_token are needed");
    else if (charge && is_refused(card))
        http_refuse(answer, 402, "the card is refused");
    else
        move_money(provider, &entry, answer);
}

static void on_request(void *user, const http_request *request, http_answer *answer)
{
    shop_provider *provider = user;
    const char *kind = strcmp(request->path, "/charges") == 0   ? "charge"
                       : strcmp(request->path, "/refunds") == 0 ? "refund"
                                                                : NULL;
    clock_sleep_ms(provider->latency_ms);
    if (kind != NULL && strcmp(request->method, "POST") == 0)
        post_movement(provider, kind, request, answer);
    else if (kind != NULL && strcmp(request->method, "GET") == 0)
        find_movement(provider, kind, request, answer);
    else
        http_refuse(answer, 404, "there are only /charges and /refunds, with POST and GET");
}

int main(void)
{
    shop_provider provider = {.latency_ms =
                                  setting_number("SHOP_PROVIDER_LATENCY_MS", 40, 0, 10000)};
    const unsigned port = (unsigned)setting_number("SHOP_PROVIDER_PORT", 8090, 0, 65535);
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL); /* before the server's threads, which inherit it */
    provider.ledger = ledger_open(setting_text("SHOP_LEDGER", "ledger.jsonl"));
    http_server *server =
        provider.ledger != NULL ? http_server_open(port, on_request, &provider) : NULL;
    if (server != NULL) {
        setting_announce_port("SHOP_PORT_FILE", http_server_port(server));
        int stop = 0;
        sigwait(&stops, &stop);
    }
    const int code = server != NULL ? 0 : 69;
    http_server_free(server);
    ledger_free(provider.ledger);
    return code;
}
