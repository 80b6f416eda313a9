/* One message as it travels: a row of the outbox, a message of the stream, the input of a handler.
 * Read-only for handlers; its memory lives as long as the handler's call. */
#ifndef SKALD_MESSAGE_H
#define SKALD_MESSAGE_H

#include <skald/api.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Borrowed bytes. Whoever keeps them longer than the call copies them. */
typedef struct skald_bytes {
    const void *data;
    size_t size;
} skald_bytes;

/* What travels: an event is for whoever follows, a command and a reply are for one service. */
typedef enum skald_kind {
    SKALD_KIND_EVENT = 'e',
    SKALD_KIND_COMMAND = 'c',
    SKALD_KIND_REPLY = 'r',
} skald_kind;

/* Text fields are UTF-8, end with NUL, and are NULL where the message does not carry them. */
typedef struct skald_message {
    int64_t position;   /* place in the origin's outbox; the stream sequence in a stream that
                           Skald did not write */
    int64_t previous;   /* position before this one in the same lane; -1: unknown */
    uint32_t partition; /* of the key, in the origin's count of partitions */
    skald_kind kind;
    const char *id;             /* CloudEvents id; a UUIDv7 where Skald wrote it */
    const char *source;         /* CloudEvents source: the service that published it, "/orders" */
    const char *type;           /* full protobuf name, "shop.v1.OrderCreated" */
    const char *key;            /* what order is kept for; "" where there is none */
    const char *content_type;   /* of the body; "application/protobuf" where Skald wrote it */
    const char *correlation_id; /* the id of the conversation this belongs to */
    const char *causation_id;   /* the id of the message that led to this one */
    const char *traceparent;    /* W3C trace context, passed through as it came */
    const char *tracestate;
    const char *headers;   /* the user's own headers, one "name: value\n" line each */
    const char *addressee; /* of a command or a reply: the service it is for; NULL: an event */
    const char *control;   /* of a command or a reply: what Skald says with it, one
                              "Skald-...: value\n" line each; see <skald/participant.h> */
    int64_t time_us;       /* when it was published, microseconds since 1970-01-01 UTC */
    skald_bytes body;
} skald_message;

/* Limits; what is larger is SKALD_FULL when it is published and set aside when it is received. */
#define SKALD_BODY_SIZE_MAX (256u * 1024u)
#define SKALD_HEADERS_SIZE_MAX (16u * 1024u) /* the user's own headers together */
#define SKALD_KEY_SIZE_MAX 255u
#define SKALD_ID_SIZE_MAX 255u /* correlation id, causation id, id of a foreign message */
#define SKALD_TYPE_SIZE_MAX 255u

/* Writes a new UUIDv7 (RFC 9562), 36 characters and a NUL. Ids made by one process increase. Any
 * thread. */
SKALD_API void skald_uuid7(char out[37]);

#ifdef __cplusplus
}
#endif

#endif
