/* Walks a decoded message by its descriptor; skald_decode has limited how deep it can be. */
#include "json/print.h"
#include "codec/make.h"
#include "json/seconds.h"

#include <assert.h>
#include <string.h>

static void message_print(skald_json *json, const ProtobufCMessage *message, bool defaults);

static void enum_print(skald_json *json, const ProtobufCEnumDescriptor *descriptor, int32_t value)
{
    for (unsigned i = 0; i < descriptor->n_values; i++) {
        if (descriptor->values[i].value == value) {
            skald_json_text(json, descriptor->values[i].name);
            return;
        }
    }
    skald_json_integer(json, value);
}

static void value_print(skald_json *json, const ProtobufCFieldDescriptor *field, const void *value,
                        bool defaults)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        skald_json_integer(json, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        skald_json_integer(json, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        skald_json_long(json, *(const int64_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        skald_json_unsigned_long(json, *(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        skald_json_small_real(json, *(const float *)value);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        skald_json_real(json, *(const double *)value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        skald_json_boolean(json, *(const protobuf_c_boolean *)value != 0);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        enum_print(json, field->descriptor, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_STRING: {
        const char *text = *(const char *const *)value;
        skald_json_text(json, text != NULL ? text : "");
        break;
    }
    case PROTOBUF_C_TYPE_BYTES: {
        const ProtobufCBinaryData *bytes = value;
        skald_json_bytes(json, (skald_bytes){bytes->data, bytes->len});
        break;
    }
    case PROTOBUF_C_TYPE_MESSAGE:
        message_print(json, *(const ProtobufCMessage *const *)value, defaults);
        break;
    }
}

/* --- maps and lists ------------------------------------------------------------------------ */

static void key_print(skald_json *json, const ProtobufCFieldDescriptor *field, const void *value)
{
    char text[32];
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
        const char *key = *(const char *const *)value;
        skald_json_name(json, key != NULL ? key : "");
        return;
    }
    case PROTOBUF_C_TYPE_BOOL:
        skald_json_name(json, *(const protobuf_c_boolean *)value != 0 ? "true" : "false");
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        snprintf(text, sizeof text, "%u", *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        snprintf(text, sizeof text, "%llu", (unsigned long long)*(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        snprintf(text, sizeof text, "%lld", (long long)*(const int64_t *)value);
        break;
    default:
        snprintf(text, sizeof text, "%d", *(const int32_t *)value);
    }
    skald_json_name(json, text);
}

/* An entry without a value has the default one; of a message that is an empty one. */
static void entry_print(skald_json *json, const ProtobufCMessage *entry, bool defaults)
{
    const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];
    const ProtobufCFieldDescriptor *value = &entry->descriptor->fields[1];
    const void *member = skald_json_member(entry, value->offset);
    key_print(json, key, skald_json_member(entry, key->offset));
    if (value->type == PROTOBUF_C_TYPE_MESSAGE &&
        *(const ProtobufCMessage *const *)member == NULL) {
        skald_json_open(json, '{');
        skald_json_close(json, '}');
        return;
    }
    value_print(json, value, member, defaults);
}

static void list_print(skald_json *json, const ProtobufCMessage *message,
                       const ProtobufCFieldDescriptor *field, bool defaults)
{
    const bool map = skald_json_map(message->descriptor, field);
    const size_t count = *(const size_t *)skald_json_member(message, field->quantifier_offset);
    const char *elements = *(char *const *)skald_json_member(message, field->offset);
    const size_t size = skald_make_value_size(field->type);
    skald_json_open(json, map ? '{' : '[');
    for (size_t i = 0; i < count; i++) {
        const void *element = elements + i * size;
        if (map)
            entry_print(json, *(const ProtobufCMessage *const *)element, defaults);
        else
            value_print(json, field, element, defaults);
    }
    skald_json_close(json, map ? '}' : ']');
}

/* --- messages ------------------------------------------------------------------------------ */

static void unknown_print(skald_json *json, const ProtobufCMessage *message)
{
    skald_json_name(json, SKALD_JSON_UNKNOWN);
    skald_json_open(json, '[');
    for (unsigned i = 0; i < message->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *field = &message->unknown_fields[i];
        skald_json_open(json, '{');
        skald_json_name(json, "number");
        skald_json_integer(json, field->tag);
        skald_json_name(json, "wireType");
        skald_json_integer(json, field->wire_type);
        skald_json_name(json, "data");
        skald_json_bytes(json, (skald_bytes){field->data, field->len});
        skald_json_close(json, '}');
    }
    skald_json_close(json, ']');
}

/* True when the message has a form of its own and was written so. */
static bool special_print(skald_json *json, const ProtobufCMessage *message)
{
    char text[SKALD_JSON_SECONDS_SIZE];
    const skald_json_special special = skald_json_special_of(message->descriptor);
    if (special == SKALD_JSON_PLAIN || message->n_unknown_fields > 0)
        return false;
    if (special == SKALD_JSON_WRAPPER) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[0];
        value_print(json, field, skald_json_member(message, field->offset), false);
        return true;
    }
    const skald_json_seconds value = skald_json_seconds_get(message);
    const bool printed = special == SKALD_JSON_TIMESTAMP ? skald_json_timestamp_print(value, text)
                                                         : skald_json_duration_print(value, text);
    if (printed)
        skald_json_text(json, text);
    return printed;
}

static void message_print(skald_json *json, const ProtobufCMessage *message, bool defaults)
{
    char name[SKALD_JSON_NAME_SIZE];
    if (special_print(json, message))
        return;
    skald_json_open(json, '{');
    for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
        if (!skald_json_given(message, field) && (!defaults || skald_json_presence(field)))
            continue;
        skald_json_name_of(field->name, name);
        skald_json_name(json, name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            list_print(json, message, field, defaults);
        else
            value_print(json, field, skald_json_member(message, field->offset), defaults);
    }
    if (message->n_unknown_fields > 0)
        unknown_print(json, message);
    skald_json_close(json, '}');
}

void skald_json_print(skald_json *json, const ProtobufCMessage *message, bool defaults)
{
    assert(message->descriptor->magic == PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
    message_print(json, message, defaults);
}
