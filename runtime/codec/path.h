/* Which field of which message is meant, for errors: "shop.v1.Order.lines.sku". */
#ifndef SKALD_CODEC_PATH_H
#define SKALD_CODEC_PATH_H

#include "codec/decode.h"

enum { SKALD_PATH_TEXT_SIZE = 320 };

typedef struct skald_path {
    const ProtobufCMessageDescriptor *root;
    size_t count;
    const ProtobufCFieldDescriptor *fields[SKALD_DECODE_DEPTH_MAX]; /* from the root inwards */
} skald_path;

/* The path and, where `last` is not NULL, one more field. What does not fit is cut. */
void skald_path_text(const skald_path *path, const ProtobufCFieldDescriptor *last,
                     char out[SKALD_PATH_TEXT_SIZE]);

#endif
