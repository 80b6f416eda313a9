/* Follows descriptors; single fields only. */
#include "engine/field.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static bool is_integer(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return true;
    default:
        return false;
    }
}

static skald_status wrong(const ProtobufCMessageDescriptor *type, const char *path,
                          const char *what, skald_error *error)
{
    return skald_error_set(error, SKALD_INVALID,
                           "\"%.80s\" is no field of %s that can be an id: %s", path, type->name,
                           what);
}

static const ProtobufCFieldDescriptor *field_named(const ProtobufCMessageDescriptor *type,
                                                   const char *name, size_t size)
{
    char text[128];
    if (size >= sizeof text)
        return NULL;
    memcpy(text, name, size);
    text[size] = '\0';
    return protobuf_c_message_descriptor_get_field_by_name(type, text);
}

skald_status skald_field_find(skald_field_path *out, const ProtobufCMessageDescriptor *type,
                              const char *path, skald_error *error)
{
    skald_field_path found = {.depth = 0};
    const ProtobufCMessageDescriptor *inside = type;
    for (const char *name = path; name != NULL;) {
        const char *dot = strchr(name, '.');
        const size_t size = dot != NULL ? (size_t)(dot - name) : strlen(name);
        const ProtobufCFieldDescriptor *field =
            inside != NULL ? field_named(inside, name, size) : NULL;
        if (field == NULL)
            return wrong(type, path, "there is none of that name", error);
        const bool in_oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
        if (field->label == PROTOBUF_C_LABEL_REPEATED || in_oneof)
            return wrong(type, path, "it is repeated, or one of several", error);
        if (found.depth == SKALD_FIELD_DEPTH_MAX)
            return wrong(type, path, "it lies too deep", error);
        found.fields[found.depth++] = field;
        inside = field->type == PROTOBUF_C_TYPE_MESSAGE ? field->descriptor : NULL;
        name = dot != NULL ? dot + 1 : NULL;
    }
    const ProtobufCFieldDescriptor *last = found.fields[found.depth - 1];
    if (last->type != PROTOBUF_C_TYPE_STRING && !is_integer(last->type))
        return wrong(type, path, "it is neither a text nor an integer", error);
    *out = found;
    return SKALD_OK;
}

static const char *integer_text(const ProtobufCFieldDescriptor *field, const void *member,
                                char room[SKALD_FIELD_TEXT_SIZE])
{
    int32_t narrow = 0;
    int64_t wide = 0;
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        memcpy(&narrow, member, sizeof narrow);
        wide = narrow;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        memcpy(&narrow, member, sizeof narrow);
        wide = (int64_t)(uint32_t)narrow;
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        memcpy(&wide, member, sizeof wide);
        snprintf(room, SKALD_FIELD_TEXT_SIZE, "%" PRIu64, (uint64_t)wide);
        return room;
    default:
        memcpy(&wide, member, sizeof wide);
        break;
    }
    snprintf(room, SKALD_FIELD_TEXT_SIZE, "%" PRId64, wide);
    return room;
}

const char *skald_field_text(const skald_field_path *path, const ProtobufCMessage *message,
                             char room[SKALD_FIELD_TEXT_SIZE])
{
    for (uint32_t i = 0; i < path->depth && message != NULL; i++) {
        const ProtobufCFieldDescriptor *field = path->fields[i];
        const char *member = (const char *)message + field->offset;
        if (i + 1 < path->depth) {
            memcpy(&message, member, sizeof message);
            continue;
        }
        if (field->type != PROTOBUF_C_TYPE_STRING)
            return integer_text(field, member, room);
        const char *text = NULL;
        memcpy(&text, member, sizeof text);
        return text != NULL && text[0] != '\0' ? text : NULL;
    }
    return NULL;
}
