/* The inside of a connection, shared by the files of this folder and by nobody else: the one header
 * that shows cnats' types.
 *
 * Everything that comes back to us (confirmations, pulled messages, answers) arrives on one
 * wildcard inbox subscription that lives as long as the connection, because cnats 3.4.1 may touch a
 * subscription after it was destroyed. A route is our own address below that inbox. */
#ifndef SKALD_NATS_WIRE_H
#define SKALD_NATS_WIRE_H

#include "nats/connection.h"

#include <nats/nats.h>
#include <pthread.h>
#include <stdatomic.h>

typedef struct skald_nats_route skald_nats_route;

/* Receives a message. `rest` is what follows the route's own address in the subject, or NULL when
 * the message came under a subject of its own, as pulled ones do. */
typedef void skald_nats_receive(void *user, natsMsg *message, const char *rest);

/* Called every SKALD_NATS_TICK_MS. */
typedef void skald_nats_tick(void *user);

enum {
    SKALD_NATS_TICK_MS = 100,
    SKALD_NATS_REQUEST_MS_MAX = 5000,
    SKALD_NATS_ADDRESS_SIZE = 96,
    SKALD_NATS_TOKEN_SIZE = 64,
};

/* Embedded in its owner. */
struct skald_nats_route {
    uint64_t id;
    skald_nats_receive *receive;
    skald_nats_tick *tick; /* NULL: not wanted */
    void *user;
    skald_nats_route *next;
};

struct skald_nats {
    natsConnection *connection;
    jsCtx *jetstream;
    skald_log *log;
    char inbox[SKALD_NATS_ADDRESS_SIZE]; /* "_INBOX.<unique>" */
    const char *instance;                /* the unique part of it */
    natsSubscription *inbox_subscription;

    /* Held while a callback or a tick runs; guards everything down to the blank line. */
    pthread_mutex_t callback_mutex;
    skald_nats_route *routes;
    skald_nats_listener *listeners; /* also the silenced ones */
    uint64_t route_id_last;
    skald_header_view *headers; /* of the message in hand */
    size_t header_capacity;

    pthread_mutex_t create_mutex; /* one consumer at a time is created */

    atomic_uint_fast64_t epoch;

    /* Guards what follows; changed is signalled for each. */
    pthread_mutex_t state_mutex;
    pthread_cond_t changed;
    bool closed; /* cnats has said so */
    bool flush_wanted;
    bool stopping;       /* also: say nothing any more */
    uint32_t delivering; /* subscriptions whose thread still runs */
    pthread_t pulse;
    bool pulse_runs;
};

/* Around every callback and tick; to be called from within one is a bug. */
void skald_nats_callbacks_lock(skald_nats *nats);
void skald_nats_callbacks_unlock(skald_nats *nats);

/* Adds a route; fills route->id. */
void skald_nats_route_add(skald_nats *nats, skald_nats_route *route);

/* After the return it is not called any more. Not from a callback. */
void skald_nats_route_remove(skald_nats *nats, skald_nats_route *route);

/* "<inbox>.<id>", under which all subjects belong to the route. */
void skald_nats_route_address(const skald_nats *nats, const skald_nats_route *route,
                              char out[SKALD_NATS_ADDRESS_SIZE]);

/* "skald_<unique>_<id>", a consumer name whose messages come to the route. */
void skald_nats_route_token(const skald_nats *nats, const skald_nats_route *route,
                            char out[SKALD_NATS_TOKEN_SIZE]);

/* cnats' handler of the inbox; `closure` is the connection. */
void skald_nats_routes_receive(natsConnection *connection, natsSubscription *subscription,
                               natsMsg *message, void *closure);

/* Subscribes, counting the delivery thread so that closing can wait for its end. */
skald_status skald_nats_subscribe(natsSubscription **out, skald_nats *nats, const char *subject,
                                  natsMsgHandler handler, void *closure, skald_error *error);

/* Frees what listeners are left, after cnats' threads have ended. */
void skald_nats_listeners_free(skald_nats *nats);

/* The thread that ticks the routes and flushes. */
skald_status skald_nats_pulse_start(skald_nats *nats, skald_error *error);
void skald_nats_pulse_stop(skald_nats *nats);

/* What was published leaves now; returns at once. */
void skald_nats_flush(skald_nats *nats);

/* Fills nats->connection, under a watchdog; takes `options`. SKALD_TIMEOUT: it hangs, and `nats`,
 * which cnats may still call back, is no longer the caller's but freed when the attempt ends. */
skald_status skald_nats_dial(skald_nats *nats, natsOptions *options, skald_error *error);

/* From here on nothing is logged: the log may be gone. */
void skald_nats_mute(skald_nats *nats);

/* The options of every connection of ours; callbacks get `nats`. */
skald_status skald_nats_options(natsOptions **out, skald_nats *nats, const char *url,
                                const char *name, skald_error *error);

/* A received message as a view; headers stand in the connection's scratch space, so the callback
 * mutex must be held. False without memory. */
bool skald_nats_view_of(skald_nats_view *out, skald_nats *nats, natsMsg *message);

/* The same, everything copied into `arena`; any thread. SKALD_NO_MEMORY. */
skald_status skald_nats_view_copy(skald_nats_view *out, natsMsg *message, skald_arena *arena);

/* cnats' status as ours, with a sentence: `what` says what was tried ("publish to orders.event").
 */
skald_status skald_nats_failure(natsStatus status, skald_error *error, const char *what,
                                const char *object);

/* Publishes, refusing while disconnected. */
skald_status skald_nats_publish(skald_nats *nats, natsMsg *message, skald_error *error);

#endif
