/* JSON, as a person may have written it, as a message. */
#ifndef SKALD_JSON_PARSE_H
#define SKALD_JSON_PARSE_H

#include "base/arena.h"

#include <protobuf-c/protobuf-c.h>
#include <skald/status.h>

/* Reads `text` in protobuf's JSON mapping as a message of `descriptor`, in `arena`; skald_encode
 * makes bytes of it. Fields go by their name in the .proto file or in JSON; null is the same as
 * absent; "@unknown" is what skald_json_print has written. SKALD_MALFORMED with the line where it
 * is no JSON, or with the path of the value that does not fit: "shop.v1.Order.lines[2].quantity:
 * ...". SKALD_NO_MEMORY. */
skald_status skald_json_parse(ProtobufCMessage **out, const ProtobufCMessageDescriptor *descriptor,
                              const char *text, size_t size, skald_arena *arena,
                              skald_error *error);

#endif
