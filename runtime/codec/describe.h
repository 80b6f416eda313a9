/* A message type as bytes, and a message type made of such bytes: how a program that was not built
 * with a .proto file can still decode, show and encode its messages. */
#ifndef SKALD_CODEC_DESCRIBE_H
#define SKALD_CODEC_DESCRIBE_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <skald/message.h>
#include <skald/status.h>

enum {
    SKALD_DESCRIBE_TYPES_MAX = 1024, /* messages, and as many enums */
    SKALD_DESCRIBE_NAME_MAX = 255,   /* bytes of any name */
};

/* Describes `descriptor` and all it refers to as a skald.v1.TypeDescription in `arena`. Two calls
 * for one type give the same bytes. SKALD_INVALID for a type that was generated without names
 * (optimize_for = CODE_SIZE), SKALD_FULL when there are too many types or bytes, SKALD_NO_MEMORY.
 */
skald_status skald_describe(skald_bytes *out, const ProtobufCMessageDescriptor *descriptor,
                            skald_arena *arena, skald_error *error);

/* The other way: a descriptor in `arena`, with a layout of its own, that works wherever a generated
 * one does: skald_decode, skald_encode, protobuf-c's unpack and pack. Its message_init is NULL, so
 * messages are made with skald_make. The description may come from anybody: SKALD_MALFORMED with
 * what is wrong in it, SKALD_FULL, SKALD_NO_MEMORY. */
skald_status skald_describe_read(const ProtobufCMessageDescriptor **out, skald_bytes description,
                                 skald_arena *arena, skald_error *error);

#endif
