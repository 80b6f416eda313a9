/* Would these bytes decode safely? Looked at by the descriptor, without decoding and without
 * recursion: what passes is what protobuf-c can be trusted with, and what a follower accepts. */
#ifndef SKALD_CODEC_WIRE_H
#define SKALD_CODEC_WIRE_H

#include "codec/decode.h"

/* Answers `refusal` (SKALD_MALFORMED for bytes that came in, SKALD_INVALID for a message about to
 * go out) with the field and the byte in `error`, or SKALD_FULL when the message would take more
 * memory than SKALD_DECODE_MEMORY_MAX. */
skald_status skald_wire_check(const ProtobufCMessageDescriptor *descriptor, skald_bytes body,
                              skald_status refusal, skald_error *error);

#endif
