/* One connection to NATS, shared by all threads of a process. cnats is spoken to in this folder
 * only.
 *
 * What is received arrives in callbacks. They run on this connection's own threads, one at a time:
 * copy what is needed, queue it, return. No callback may open, close, listen, unlisten or make a
 * request; sending is allowed. */
#ifndef SKALD_NATS_CONNECTION_H
#define SKALD_NATS_CONNECTION_H

#include "base/arena.h"
#include "base/log.h"
#include "event/cloudevents.h"

#include <skald/message.h>
#include <skald/status.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct skald_nats skald_nats;

/* A message as it is on the wire, to be sent or as received. When received it is valid during the
 * callback only, and `headers` holds a name once for each of its values. */
typedef struct skald_nats_view {
    const char *subject;
    const char *reply; /* NULL: no answer is wanted */
    const skald_header_view *headers;
    size_t header_count;
    skald_bytes body;
} skald_nats_view;

/* Receives one message. */
typedef void skald_nats_callback(void *user, const skald_nats_view *message);

/* Connects. `url` is one URL or several with commas between; user, password or token may stand in
 * it, or else come from NATS_TOKEN, or NATS_CREDS (a file). "tls://" demands TLS. `name` is shown
 * by the server's connection list. Gives up after 10 s with SKALD_UNAVAILABLE; SKALD_INVALID for a
 * URL that cannot be parsed. Later losses of the connection are mended in the background, for ever.
 */
skald_status skald_nats_open(skald_nats **out, const char *url, const char *name, skald_log *log,
                             skald_error *error);

/* Everything opened on it must have been closed. NULL is accepted. */
void skald_nats_close(skald_nats *nats);

bool skald_nats_connected(const skald_nats *nats);

/* Rises with every connect, beginning at 1. Who keeps state at the server (a consumer, messages in
 * flight) knows by a change that this state is in doubt. */
uint64_t skald_nats_epoch(const skald_nats *nats);

/* True when cnats gave up for ever (credentials refused twice): only a new connection helps. */
bool skald_nats_closed(const skald_nats *nats);

/* Publishes without confirmation, and promptly: it leaves the process within some 100 us, not after
 * the millisecond for which cnats would gather more. SKALD_UNAVAILABLE while disconnected (nothing
 * is kept for later), SKALD_FULL when larger than the server takes, SKALD_INVALID. */
skald_status skald_nats_send(skald_nats *nats, const skald_nats_view *message, skald_error *error);

/* An empty message: the doorbell. Never waits, never fails. */
void skald_nats_ping(skald_nats *nats, const char *subject);

/* A subscription to a subject (wildcards allowed). The same subject may be listened to once at a
 * time. */
typedef struct skald_nats_listener skald_nats_listener;
skald_status skald_nats_listen(skald_nats_listener **out, skald_nats *nats, const char *subject,
                               skald_nats_callback *callback, void *user, skald_error *error);

/* After the return no callback runs any more. NULL is accepted. */
void skald_nats_unlisten(skald_nats_listener *listener);

/* A question that may have many answers: each comes to the callback until the question is closed. A
 * message with header Status 503 says that nobody listens. */
typedef struct skald_nats_question skald_nats_question;
skald_status skald_nats_ask(skald_nats_question **out, skald_nats *nats, const char *subject,
                            skald_bytes body, skald_nats_callback *callback, void *user,
                            skald_error *error);

/* After the return no callback runs any more. NULL is accepted. */
void skald_nats_question_close(skald_nats_question *question);

#endif
