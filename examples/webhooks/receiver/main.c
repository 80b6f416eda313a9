/* The customers' endpoints: not built on Skald, but the strangers who are told. POST
 * /hooks/{endpoint}; a request with a known Idempotency-Key is nothing new; whoever sends more in a
 * second than it can take gets a 429 with Retry-After. */
#include "common/clock.h"
#include "common/http_server.h"
#include "common/settings.h"
#include "receiver/ledger.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FOLDER "/hooks/"
#define RETRY_AFTER_S 1u

typedef struct hooks_receiver {
    hooks_ledger *ledger;
    long latency_ms;
} hooks_receiver;

static void answer_note(ledger_answer noted, http_answer *answer)
{
    switch (noted) {
    case LEDGER_TAKEN:
    case LEDGER_REPEATED:
        answer->body = json_pack("{s:b}", "repeated", noted == LEDGER_REPEATED);
        break;
    case LEDGER_REFUSED:
        answer->retry_after_s = RETRY_AFTER_S;
        http_refuse(answer, 429, "too many requests in a second");
        break;
    case LEDGER_BROKEN:
    default:
        http_refuse(answer, 503, "the ledger cannot be written");
        break;
    }
}

static void on_request(void *user, const http_request *request, http_answer *answer)
{
    hooks_receiver *receiver = user;
    const char *key = http_request_header(request, "Idempotency-Key");
    const json_int_t number = json_integer_value(json_object_get(request->body, "number"));
    if (strcmp(request->method, "POST") != 0 ||
        strncmp(request->path, FOLDER, strlen(FOLDER)) != 0) {
        http_refuse(answer, 404, "there is only POST /hooks/{endpoint}");
    } else if (key == NULL || number < 1) {
        http_refuse(answer, 400, "Idempotency-Key and number are needed");
    } else {
        const char *endpoint = request->path + strlen(FOLDER);
        clock_sleep_ms(receiver->latency_ms);
        answer_note(ledger_note(receiver->ledger, endpoint, number, key), answer);
    }
}

int main(void)
{
    hooks_receiver receiver = {.latency_ms =
                                   setting_number("WEBHOOKS_RECEIVER_LATENCY_MS", 2, 0, 10000)};
    const unsigned port = (unsigned)setting_number("WEBHOOKS_RECEIVER_PORT", 8090, 0, 65535);
    const unsigned per_second_max =
        (unsigned)setting_number("WEBHOOKS_RECEIVER_MAX", 55, 1, 100000);
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    sigprocmask(SIG_BLOCK, &stops, NULL); /* before the server's threads, which inherit it */
    receiver.ledger = ledger_open(setting_text("WEBHOOKS_LEDGER", "ledger.jsonl"), per_second_max);
    http_server *server =
        receiver.ledger != NULL ? http_server_open(port, on_request, &receiver) : NULL;
    if (server != NULL) {
        setting_announce_port("WEBHOOKS_PORT_FILE", http_server_port(server));
        int stop = 0;
        sigwait(&stops, &stop);
    }
    const int code = server != NULL ? 0 : 69;
    http_server_free(server);
    ledger_free(receiver.ledger);
    return code;
}
