/* protobuf-c keeps its own way of making a message of a described type to itself. */
#include "codec/make.h"

#include <string.h>

size_t skald_make_value_size(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    default:
        return 8;
    }
}

/* Members of a oneof share their place, which stays empty until one is chosen. */
static void default_set(ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    void *member = (char *)message + field->offset;
    if (field->default_value == NULL || field->label == PROTOBUF_C_LABEL_REPEATED ||
        (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        memcpy(member, &field->default_value, sizeof(void *));
    else
        memcpy(member, field->default_value, skald_make_value_size(field->type));
}

ProtobufCMessage *skald_make(const ProtobufCMessageDescriptor *descriptor, skald_arena *arena)
{
    ProtobufCMessage *message = skald_arena_alloc(arena, descriptor->sizeof_message);
    if (message == NULL)
        return NULL;
    message->descriptor = descriptor;
    for (unsigned i = 0; i < descriptor->n_fields; i++)
        default_set(message, &descriptor->fields[i]);
    return message;
}
