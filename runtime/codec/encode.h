/* From a user's message to the bytes that travel. */
#ifndef SKALD_CODEC_ENCODE_H
#define SKALD_CODEC_ENCODE_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <skald/message.h>
#include <skald/status.h>

/* Packs `message` into `arena`. SKALD_INVALID when it could not be decoded again by a follower
 * (message NULL or without descriptor, a NULL element in a repeated field, invalid UTF-8, nested
 * deeper than SKALD_DECODE_DEPTH_MAX, a message of another type than the field's), SKALD_FULL above
 * SKALD_BODY_SIZE_MAX or when it would take a follower too much memory, SKALD_NO_MEMORY. */
skald_status skald_encode(skald_bytes *out, const ProtobufCMessage *message, skald_arena *arena,
                          skald_error *error);

#endif
