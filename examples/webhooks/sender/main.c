/* The service "webhooks": tells the endpoints of customers what has happened. Events come in as
 * fast as they happen (api.c) and go out as fast as an endpoint can take them; what cannot be
 * delivered is tried again for 72 hours and then kept for a person, with everything behind it in
 * order. */
#include "common/http_clients.h"
#include "common/settings.h"
#include "hooks/v1/deliveries.pb-c.h"
#include "sender/api.h"

#include <stdio.h>

/* An hour, in milliseconds; shorter in the demo, where nobody wants to wait for three days. */
#define HOUR_MS (60L * 60 * 1000)
#define THREADS 8u

typedef struct hooks_sender {
    events_api *api;
    http_clients *clients;
} hooks_sender;

/* Posts it; the answer's status, and after how long to ask again. */
static int post(hooks_sender *sender, const Hooks__V1__Deliver *wish, const char *key,
                unsigned *retry_after_s)
{
    char path[128];
    snprintf(path, sizeof(path), "/hooks/%s", wish->endpoint);
    json_t *body = json_pack("{s:I, s:s}", "number", (json_int_t)wish->number, "body", wish->body);
    const http_call call = {.idempotency_key = key, .body = body};
    http_reply reply = {0};
    http_client *client = http_clients_take(sender->clients, wish->port);
    const int status =
        client != NULL ? http_client_send(client, "POST", path, &call, &reply) : HTTP_UNREACHABLE;
    *retry_after_s = reply.retry_after_s;
    http_clients_give(sender->clients, client);
    json_decref(body);
    return status;
}

SKALD_ACTIVITY(deliver, hooks__v1__deliver)
{
    unsigned retry_after_s = 0;
    const char *key = skald_idempotency_key(context);
    const int status = post(skald_context_user(context), input, key, &retry_after_s);
    if (status >= 200 && status < 300)
        return skald_exec(context, "INSERT INTO delivered (delivery_id, attempts) VALUES ($1, $2)",
                          key, (int64_t)skald_context_attempt(context) + 1);
    switch (status) {
    case HTTP_UNREACHABLE:
        return skald_fail_as(context, "unreachable", "nobody listens at %s", input->endpoint);
    case HTTP_SILENT: /* perhaps it was told; if so, it knows the repeat by its key */
        return SKALD_TIMEOUT;
    case 429:
        return skald_retry_after(context, retry_after_s * 1000ull,
                                 "%s takes no more just now (429)", input->endpoint);
    case 410:
        return skald_dead(context, "%s does not want it (410)", input->endpoint);
    default:
        return skald_fail_as(context, "refused", "%s answered with %d", input->endpoint, status);
    }
}

static skald_status open_door(skald_service *service, void *user, skald_error *error)
{
    hooks_sender *sender = user;
    return events_api_open(&sender->api, service, error);
}

static void close_door(skald_service *service, void *user)
{
    (void)service;
    hooks_sender *sender = user;
    events_api_free(sender->api);
    sender->api = NULL;
}

/* "1s..1h for 72h", when an hour is an hour. */
static void write_schedule(char out[96], long hour_ms)
{
    snprintf(out, 96, "%ldms..%ldms for %ldms", hour_ms / 3600 > 0 ? hour_ms / 3600 : 1, hour_ms,
             72 * hour_ms);
}

int main(int argc, char **argv)
{
    const long hour_ms = setting_number("WEBHOOKS_HOUR_MS", HOUR_MS, 20, HOUR_MS);
    char schedule[96];
    write_schedule(schedule, hour_ms);
    hooks_sender sender = {.clients = http_clients_open()};
    skald_options options = SKALD_OPTIONS_INIT;
    options.user = &sender;
    options.on_start = open_door;
    options.on_stop = close_door;
    /* A dead one holds its key: later ones of that endpoint wait for a person, in order. */
    const skald_policy policy = {.retry = schedule, .dead = SKALD_DEAD_HOLDS};
    skald_queue_options deliveries = SKALD_QUEUE_OPTIONS_INIT;
    deliveries.threads = THREADS;
    deliveries.rate = (double)setting_number("WEBHOOKS_RATE", 50, 1, 100000);
    deliveries.burst = (uint32_t)setting_number("WEBHOOKS_BURST", 5, 1, 1000);
    deliveries.key_concurrency = 1;
    deliveries.breaker_failures = 10;
    deliveries.breaker_open_ms = (uint64_t)(2 * hour_ms);
    deliveries.policy = &policy;
    skald_service *service = skald_service_open("webhooks", &options);
    skald_queue(service, DELIVERIES, deliver, &deliveries);
    const int code = skald_main(service, argc, argv);
    http_clients_free(sender.clients);
    return code;
}
