/* A text field of a message by its name, "order_id" or "order.order_id". */
#ifndef SKALD_CODEC_TEXT_AT_H
#define SKALD_CODEC_TEXT_AT_H

#include <protobuf-c/protobuf-c.h>
#include <skald/status.h>

/* Does `path` lead to a single text field, through single messages? SKALD_INVALID says what is
 * wrong. */
skald_status skald_text_at_check(const ProtobufCMessageDescriptor *descriptor, const char *path,
                                 skald_error *error);

/* The text there, borrowed from `message`; "" where it, or a message on the way, is not set. The
 * path was checked. */
const char *skald_text_at(const ProtobufCMessage *message, const char *path);

#endif
