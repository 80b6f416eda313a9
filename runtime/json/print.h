/* A message as JSON, in protobuf's own mapping. */
#ifndef SKALD_JSON_PRINT_H
#define SKALD_JSON_PRINT_H

#include "json/write.h"

#include <protobuf-c/protobuf-c.h>

/* Writes a message that skald_decode made. Fields that are at their proto3 default are written only
 * with `defaults`, so that a person sees every field there is.
 *
 * Nothing is lost: what the type does not know is the member "@unknown", a list of {"number",
 * "wireType", "data"} that skald_json_parse takes back; a timestamp that cannot be written as text
 * is written as its fields. */
void skald_json_print(skald_json *json, const ProtobufCMessage *message, bool defaults);

#endif
