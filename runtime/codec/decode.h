/* From bytes that anybody may have sent to a message that user code may touch.
 *
 * protobuf-c itself trusts its input: it recurses without limit, accepts invalid UTF-8, and can
 * take thirty times the input's size in memory. Here everything is checked first, by the descriptor
 * and without recursion, and what passes is unpacked into an arena with a cap. */
#ifndef SKALD_CODEC_DECODE_H
#define SKALD_CODEC_DECODE_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <skald/message.h>
#include <skald/status.h>

enum {
    SKALD_DECODE_DEPTH_MAX = 64,                /* messages inside messages, the outermost counts */
    SKALD_DECODE_MEMORY_MAX = 16 * 1024 * 1024, /* of one decoded message */
};

/* Decodes `body` as `descriptor`. The message and all it points to live in `arena`. SKALD_MALFORMED
 * with a reason that names the field path and the byte offset where it is known (invalid wire data,
 * nested too deep, string not UTF-8 or with a NUL inside, a single message given twice, missing
 * required field); SKALD_FULL when the body is larger than SKALD_BODY_SIZE_MAX or would take more
 * memory than allowed; SKALD_NO_MEMORY. Never crashes, whatever the bytes. */
skald_status skald_decode(const ProtobufCMessage **out,
                          const ProtobufCMessageDescriptor *descriptor, skald_bytes body,
                          skald_arena *arena, skald_error *error);

#endif
