/* Is this message, as C structures, one that protobuf-c can pack without falling over? */
#ifndef SKALD_CODEC_SHAPE_H
#define SKALD_CODEC_SHAPE_H

#include "codec/decode.h"

/* Looks for what would make packing crash or never end: missing pointers, messages of another type,
 * cycles, absurd counts. SKALD_INVALID names the field; SKALD_FULL when it could never fit into
 * SKALD_BODY_SIZE_MAX. What the values say is not looked at. */
skald_status skald_shape_check(const ProtobufCMessage *message, skald_error *error);

#endif
