/* Shared by the files that read JSON: where we are, and refusing. */
#ifndef SKALD_JSON_PARSE_INSIDE_H
#define SKALD_JSON_PARSE_INSIDE_H

#include "base/arena.h"
#include "json/field.h"

#include <jansson.h>
#include <skald/status.h>

/* Where a value stands; each level points to the one around it. */
typedef struct json_path {
    const struct json_path *around;
    const char *name; /* NULL: an element */
    size_t index;
} json_path;

typedef struct json_parser {
    const ProtobufCMessageDescriptor *root;
    skald_arena *arena;
    skald_error *error;
    unsigned depth; /* of messages */
} json_parser;

/* SKALD_MALFORMED: "<path>: <reason>". */
skald_status json_refuse(const json_parser *parser, const json_path *path, const char *format, ...)
    SKALD_PRINTF(3, 4);
skald_status json_refuse_memory(const json_parser *parser);

/* Reads a number, text, enum, ... (not a message) into `value`, the place in the structure. */
skald_status json_scalar_parse(const json_parser *parser, const json_path *path, const json_t *json,
                               const ProtobufCFieldDescriptor *field, void *value);

/* base64, with or without padding, of either alphabet. */
skald_status json_bytes_parse(const json_parser *parser, const json_path *path, const json_t *json,
                              ProtobufCBinaryData *out);

#endif
