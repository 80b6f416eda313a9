/* Where the fields of a described message lie in its structure. */
#ifndef SKALD_CODEC_DESCRIBE_LAYOUT_H
#define SKALD_CODEC_DESCRIBE_LAYOUT_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* Gives every field its offsets and the message its size. `oneofs` has, for each field, the number
 * of its oneof from 1 to n_fields, 0 for none; the fields' flags, types and labels are valid. False
 * without memory. */
bool skald_describe_layout(ProtobufCMessageDescriptor *message, ProtobufCFieldDescriptor *fields,
                           const uint32_t *oneofs, skald_arena *arena);

#endif
