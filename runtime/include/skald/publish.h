/* Publishing: one INSERT into skald.outbox inside a transaction that commits with everything else.
 * From there the relay carries it to the stream. */
#ifndef SKALD_PUBLISH_H
#define SKALD_PUBLISH_H

#include <protobuf-c/protobuf-c.h>
#include <skald/context.h>
#include <skald/service.h>
#include <skald/status.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pg_conn; /* libpq's PGconn */

typedef struct skald_header {
    const char *name;  /* letters, digits, "-" and "_"; not Nats-, Skald-, ce-, Status, ... */
    const char *value; /* UTF-8 without control characters */
} skald_header;

/* Everything is optional but the key outside a handler. Fields left zero are inherited from the
 * message in hand, or made. */
typedef struct skald_publish_options {
    size_t size;     /* sizeof(skald_publish_options) */
    const char *key; /* what order is kept for; in a handler: that of the message in hand */
    const char *id;  /* a UUID; default: a new UUIDv7 */
    const char *correlation_id; /* default: that of the message in hand, else the event's own id */
    const char *causation_id;   /* default: the id of the message in hand */
    const char *traceparent;    /* W3C; default: that of the message in hand */
    const char *tracestate;
    const skald_header *headers; /* added to, and winning over, those of the message in hand */
    size_t header_count;
    uint64_t delay_ms; /* published so long after now, by the database's clock: until then it waits
                          in skald.job and can be cancelled by its id; SKALD_DELAY_MS_MAX at most */
    int64_t at_us;     /* or at this time, microseconds since 1970-01-01 UTC; 0: now */
} skald_publish_options;

#define SKALD_DELAY_MS_MAX (UINT64_C(3660) * 24 * 60 * 60 * 1000)

#define SKALD_PUBLISH_OPTIONS_INIT                                                                 \
    {                                                                                              \
        .size = sizeof(skald_publish_options)                                                      \
    }

/* Publishes `event` in the handler's transaction; the key, correlation, trace and the user's
 * headers are inherited from the message in hand. The event is encoded during the call.
 * SKALD_INVALID for a message that cannot be encoded (a NULL string in a repeated field, invalid
 * UTF-8), SKALD_FULL above SKALD_BODY_SIZE_MAX, SKALD_NO_MEMORY. Thread: the handler's. */
SKALD_API skald_status skald_publish(skald_context *context, const ProtobufCMessage *event);

/* The same, with options (NULL: none). */
SKALD_API skald_status skald_publish_with(skald_context *context, const ProtobufCMessage *event,
                                          const skald_publish_options *options);

/* Publishes `event` on the caller's own libpq connection to the service's database, inside whatever
 * transaction is open there (without one, the event is its own transaction). After the COMMIT, call
 * skald_ring so that the relay need not wait for its next look.
 *
 * The service must have been started. options->key must be given. SKALD_INVALID also when the
 * connection is in pipeline mode, is another database's, its client_encoding is not UTF8, or its
 * transaction has already failed; SKALD_UNAVAILABLE when the connection is lost; SKALD_DATABASE
 * with a SQLSTATE when the INSERT was refused (the transaction must then be rolled back). Any
 * thread that owns the connection. */
SKALD_API skald_status skald_publish_on(skald_service *service, struct pg_conn *connection,
                                        const ProtobufCMessage *event,
                                        const skald_publish_options *options, skald_error *error);

/* Tells the relay, in this process or another, that something was committed. Cheap, may be lost
 * (then the relay's slow look finds the rows), never blocks. Any thread. */
SKALD_API void skald_ring(skald_service *service);

#ifdef __cplusplus
}
#endif

#endif
