/* An empty message of any type, generated or described. */
#ifndef SKALD_CODEC_MAKE_H
#define SKALD_CODEC_MAKE_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>

/* All fields have their defaults; it lives in `arena`. NULL without memory. */
ProtobufCMessage *skald_make(const ProtobufCMessageDescriptor *descriptor, skald_arena *arena);

/* How many bytes a value takes in a message's structure; of strings and messages, their pointer. */
size_t skald_make_value_size(ProtobufCType type);

#endif
