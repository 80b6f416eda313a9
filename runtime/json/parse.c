/* The shape of messages: fields, oneofs, lists, maps. What single values look like is in
 * parse_scalar.c. */
#include "json/parse.h"
#include "codec/decode.h"
#include "codec/make.h"
#include "json/parse_inside.h"
#include "json/seconds.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 256, FIELD_NUMBER_MAX = (1 << 29) - 1 };

static skald_status message_parse(json_parser *parser, const json_path *path, const json_t *json,
                                  const ProtobufCMessageDescriptor *descriptor,
                                  ProtobufCMessage **out);

/* --- refusing ------------------------------------------------------------------------------ */

static size_t path_text(const json_parser *parser, const json_path *path, char out[PATH_SIZE])
{
    int size = 0;
    if (path == NULL) {
        size = snprintf(out, PATH_SIZE, "%s", parser->root->name);
    } else {
        const size_t used = path_text(parser, path->around, out);
        size = path->name != NULL ? snprintf(out + used, PATH_SIZE - used, ".%s", path->name)
                                  : snprintf(out + used, PATH_SIZE - used, "[%zu]", path->index);
        size += (int)used;
    }
    return size < PATH_SIZE ? (size_t)size : PATH_SIZE - 1;
}

skald_status json_refuse(const json_parser *parser, const json_path *path, const char *format, ...)
{
    char where[PATH_SIZE];
    char reason[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    path_text(parser, path, where);
    return skald_error_set(parser->error, SKALD_MALFORMED, "%s: %s", where, reason);
}

skald_status json_refuse_memory(const json_parser *parser)
{
    return skald_error_set(parser->error, SKALD_NO_MEMORY, "%s: no memory to read it",
                           parser->root->name);
}

/* --- values -------------------------------------------------------------------------------- */

static skald_status value_parse(json_parser *parser, const json_path *path, const json_t *json,
                                const ProtobufCFieldDescriptor *field, void *value)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return message_parse(parser, path, json, field->descriptor, value);
    return json_scalar_parse(parser, path, json, field, value);
}

/* Makes room for the elements of a repeated field. */
static skald_status list_make(const json_parser *parser, ProtobufCMessage *message,
                              const ProtobufCFieldDescriptor *field, size_t count, char **elements)
{
    *elements = skald_arena_alloc(parser->arena, (count + 1) * skald_make_value_size(field->type));
    if (*elements == NULL)
        return json_refuse_memory(parser);
    *(size_t *)skald_json_member(message, field->quantifier_offset) = count;
    *(char **)skald_json_member(message, field->offset) = *elements;
    return SKALD_OK;
}

static skald_status list_parse(json_parser *parser, const json_path *path, const json_t *json,
                               const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    if (!json_is_array(json))
        return json_refuse(parser, path, "a list is wanted: [...]");
    const size_t count = json_array_size(json);
    const size_t size = skald_make_value_size(field->type);
    char *elements = NULL;
    skald_status status = list_make(parser, message, field, count, &elements);
    for (size_t i = 0; i < count && status == SKALD_OK; i++) {
        const json_path element = {.around = path, .index = i};
        status = value_parse(parser, &element, json_array_get(json, i), field, elements + i * size);
    }
    return status;
}

/* --- maps ---------------------------------------------------------------------------------- */

/* Keys are text in JSON, whatever they are in the map. */
static skald_status key_parse(const json_parser *parser, const json_path *path, const char *key,
                              const ProtobufCFieldDescriptor *field, void *value)
{
    json_t *json = NULL;
    if (field->type != PROTOBUF_C_TYPE_BOOL)
        json = json_string(key);
    else if (strcmp(key, "true") == 0 || strcmp(key, "false") == 0)
        json = json_boolean(*key == 't');
    else
        return json_refuse(parser, path, "a key that is \"true\" or \"false\" is wanted");
    const skald_status status = json == NULL ? json_refuse_memory(parser)
                                             : json_scalar_parse(parser, path, json, field, value);
    json_decref(json);
    return status;
}

static skald_status entry_parse(json_parser *parser, const json_path *path, const char *key,
                                const json_t *json, const ProtobufCMessageDescriptor *type,
                                ProtobufCMessage **out)
{
    ProtobufCMessage *entry = skald_make(type, parser->arena);
    if (entry == NULL)
        return json_refuse_memory(parser);
    const ProtobufCFieldDescriptor *value = &type->fields[1];
    *out = entry;
    const skald_status status = key_parse(parser, path, key, &type->fields[0],
                                          skald_json_member(entry, type->fields[0].offset));
    if (status != SKALD_OK)
        return status;
    return value_parse(parser, path, json, value, skald_json_member(entry, value->offset));
}

static skald_status map_parse(json_parser *parser, const json_path *path, json_t *json,
                              const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    char *elements = NULL;
    const char *key = NULL;
    json_t *value = NULL;
    size_t count = 0;
    if (!json_is_object(json))
        return json_refuse(parser, path, "a map is wanted: {\"key\": value, ...}");
    skald_status status = list_make(parser, message, field, json_object_size(json), &elements);
    json_object_foreach(json, key, value)
    {
        const json_path entry = {.around = path, .name = key};
        if (status == SKALD_OK)
            status = entry_parse(parser, &entry, key, value, field->descriptor,
                                 &((ProtobufCMessage **)(void *)elements)[count++]);
    }
    return status;
}

/* --- what the type does not know ----------------------------------------------------------- */

static skald_status unknown_field_parse(const json_parser *parser, const json_path *path,
                                        const json_t *json, const ProtobufCMessage *message,
                                        ProtobufCMessageUnknownField *out)
{
    const json_t *number = json_object_get(json, "number");
    const json_t *wire_type = json_object_get(json, "wireType");
    const json_int_t type = json_integer_value(wire_type);
    ProtobufCBinaryData data = {0};
    if (!json_is_integer(number) || json_integer_value(number) < 1 ||
        json_integer_value(number) > FIELD_NUMBER_MAX || !json_is_integer(wire_type) || type < 0 ||
        type > 5)
        return json_refuse(parser, path,
                           "an unknown field is {\"number\": 1 to %d, \"wireType\": 0, 1, 2 or 5, "
                           "\"data\": base64}",
                           FIELD_NUMBER_MAX);
    out->tag = (uint32_t)json_integer_value(number);
    out->wire_type = (ProtobufCWireType)type;
    for (unsigned i = 0; i < message->descriptor->n_fields; i++)
        if (message->descriptor->fields[i].id == out->tag)
            return json_refuse(parser, path, "field %u is known: it is \"%s\"", out->tag,
                               message->descriptor->fields[i].name);
    const skald_status status =
        json_bytes_parse(parser, path, json_object_get(json, "data"), &data);
    out->len = data.len;
    out->data = data.data;
    return status;
}

/* Whether the data is well formed is seen when the message is encoded. */
static skald_status unknown_parse(const json_parser *parser, const json_path *path,
                                  const json_t *json, ProtobufCMessage *message)
{
    const size_t count = json_array_size(json);
    if (!json_is_array(json))
        return json_refuse(parser, path, "a list is wanted: [...]");
    message->unknown_fields =
        skald_arena_alloc(parser->arena, (count + 1) * sizeof *message->unknown_fields);
    if (message->unknown_fields == NULL)
        return json_refuse_memory(parser);
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < count && status == SKALD_OK; i++) {
        const json_path element = {.around = path, .index = i};
        status = unknown_field_parse(parser, &element, json_array_get(json, i), message,
                                     &message->unknown_fields[i]);
        message->n_unknown_fields++;
    }
    return status;
}

/* --- messages ------------------------------------------------------------------------------ */

static const ProtobufCFieldDescriptor *field_find(const ProtobufCMessageDescriptor *descriptor,
                                                  const char *name)
{
    char json_name[SKALD_JSON_NAME_SIZE];
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        if (strcmp(descriptor->fields[i].name, name) == 0)
            return &descriptor->fields[i];
        skald_json_name_of(descriptor->fields[i].name, json_name);
        if (strcmp(json_name, name) == 0)
            return &descriptor->fields[i];
    }
    return NULL;
}

/* Notes that the field is there: chooses it in its oneof, or sets its "has". */
static skald_status field_choose(const json_parser *parser, const json_path *path,
                                 const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    void *quantifier = skald_json_member(message, field->quantifier_offset);
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (*(uint32_t *)quantifier != 0)
            return json_refuse(parser, path, "another field of its oneof is given, too");
        *(uint32_t *)quantifier = field->id;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->quantifier_offset != 0) {
        *(protobuf_c_boolean *)quantifier = true;
    }
    return SKALD_OK;
}

static skald_status field_parse(json_parser *parser, const json_path *path, json_t *json,
                                const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    if (skald_json_map(message->descriptor, field))
        return map_parse(parser, path, json, field, message);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return list_parse(parser, path, json, field, message);
    const skald_status status = field_choose(parser, path, field, message);
    if (status != SKALD_OK)
        return status;
    return value_parse(parser, path, json, field, skald_json_member(message, field->offset));
}

static skald_status member_parse(json_parser *parser, const json_path *path, const char *name,
                                 json_t *json, ProtobufCMessage *message, bool *seen)
{
    const json_path member = {.around = path, .name = name};
    if (strcmp(name, SKALD_JSON_UNKNOWN) == 0)
        return unknown_parse(parser, &member, json, message);
    const ProtobufCFieldDescriptor *field = field_find(message->descriptor, name);
    if (field == NULL)
        return json_refuse(parser, &member, "%s has no such field", message->descriptor->name);
    const size_t at = (size_t)(field - message->descriptor->fields);
    if (seen[at])
        return json_refuse(parser, &member, "given twice, under both of its names");
    if (json_is_null(json))
        return SKALD_OK;
    seen[at] = true;
    return field_parse(parser, &member, json, field, message);
}

static skald_status required_check(const json_parser *parser, const json_path *path,
                                   const ProtobufCMessageDescriptor *descriptor, const bool *seen)
{
    for (unsigned i = 0; i < descriptor->n_fields; i++) {
        const json_path member = {.around = path, .name = descriptor->fields[i].name};
        if (descriptor->fields[i].label == PROTOBUF_C_LABEL_REQUIRED && !seen[i])
            return json_refuse(parser, &member, "it is required");
    }
    return SKALD_OK;
}

static skald_status members_parse(json_parser *parser, const json_path *path, json_t *json,
                                  ProtobufCMessage *message)
{
    const char *name = NULL;
    json_t *value = NULL;
    skald_status status = SKALD_OK;
    bool *seen = skald_arena_alloc(parser->arena, message->descriptor->n_fields + 1);
    if (seen == NULL)
        return json_refuse_memory(parser);
    json_object_foreach(json, name, value)
    {
        if (status == SKALD_OK)
            status = member_parse(parser, path, name, value, message, seen);
    }
    if (status == SKALD_OK)
        status = required_check(parser, path, message->descriptor, seen);
    return status;
}

/* Timestamps and durations as text, wrappers as the value in them. */
static skald_status special_parse(const json_parser *parser, const json_path *path,
                                  const json_t *json, ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *field = message->descriptor->fields;
    const char *text = json_string_value(json);
    skald_json_seconds value = {0};
    switch (skald_json_special_of(message->descriptor)) {
    case SKALD_JSON_WRAPPER:
        return json_scalar_parse(parser, path, json, field,
                                 skald_json_member(message, field->offset));
    case SKALD_JSON_TIMESTAMP:
        if (text == NULL || !skald_json_timestamp_parse(text, &value))
            return json_refuse(parser, path, "a time is wanted: \"2026-11-24T07:09:27.125Z\"");
        break;
    case SKALD_JSON_DURATION:
        if (text == NULL || !skald_json_duration_parse(text, &value))
            return json_refuse(parser, path, "a duration is wanted: \"1.5s\"");
        break;
    default:
        return json_refuse(parser, path, "a message is wanted: {...}");
    }
    skald_json_seconds_set(message, value);
    return SKALD_OK;
}

static skald_status message_parse(json_parser *parser, const json_path *path, const json_t *json,
                                  const ProtobufCMessageDescriptor *descriptor,
                                  ProtobufCMessage **out)
{
    if (parser->depth == SKALD_DECODE_DEPTH_MAX)
        return json_refuse(parser, path, "nested too deep");
    ProtobufCMessage *message = skald_make(descriptor, parser->arena);
    if (message == NULL)
        return json_refuse_memory(parser);
    *out = message;
    parser->depth++;
    const skald_status status =
        json_is_object(json) ? members_parse(parser, path, (json_t *)(uintptr_t)json, message)
                             : special_parse(parser, path, json, message);
    parser->depth--;
    return status;
}

skald_status skald_json_parse(ProtobufCMessage **out, const ProtobufCMessageDescriptor *descriptor,
                              const char *text, size_t size, skald_arena *arena, skald_error *error)
{
    json_error_t mistake;
    json_parser parser = {.root = descriptor, .arena = arena, .error = error};
    ProtobufCMessage *message = NULL;
    json_t *json = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &mistake);
    if (json == NULL)
        return skald_error_set(error, SKALD_MALFORMED, "no JSON at line %d, column %d: %s",
                               mistake.line, mistake.column, mistake.text);
    const skald_status status = message_parse(&parser, NULL, json, descriptor, &message);
    json_decref(json);
    if (status == SKALD_OK)
        *out = message;
    return status;
}
