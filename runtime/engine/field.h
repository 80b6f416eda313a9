/* A field inside a message, named by its path: where the id of a saga stands. */
#ifndef SKALD_ENGINE_FIELD_H
#define SKALD_ENGINE_FIELD_H

#include <protobuf-c/protobuf-c.h>
#include <skald/status.h>

enum { SKALD_FIELD_DEPTH_MAX = 8, SKALD_FIELD_TEXT_SIZE = 32 };

typedef struct skald_field_path {
    const ProtobufCFieldDescriptor *fields[SKALD_FIELD_DEPTH_MAX]; /* from the outside inwards */
    uint32_t depth;
} skald_field_path;

/* Finds "order.order_id" in the type. SKALD_INVALID when there is none, or it is neither a text nor
 * an integer. */
skald_status skald_field_find(skald_field_path *out, const ProtobufCMessageDescriptor *type,
                              const char *path, skald_error *error);

/* Its value as text: the message's own, or written into `room`. NULL when a message on the way is
 * not there, or the text is empty. */
const char *skald_field_text(const skald_field_path *path, const ProtobufCMessage *message,
                             char room[SKALD_FIELD_TEXT_SIZE]);

#endif
