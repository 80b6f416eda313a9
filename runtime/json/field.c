/* Names, maps, presence, and the types that have a form of their own. */
#include "json/field.h"
#include "codec/make.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

void skald_json_name_of(const char *name, char out[SKALD_JSON_NAME_SIZE])
{
    size_t used = 0;
    bool upper = false;
    for (; *name != '\0' && used < SKALD_JSON_NAME_SIZE - 1; name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        out[used++] = upper ? (char)toupper((unsigned char)*name) : *name;
        upper = false;
    }
    out[used] = '\0';
}

bool skald_json_map(const ProtobufCMessageDescriptor *parent, const ProtobufCFieldDescriptor *field)
{
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE)
        return false;
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    if (entry->n_fields != 2 || entry->fields[0].id != 1 || entry->fields[1].id != 2 ||
        strcmp(entry->fields[0].name, "key") != 0 || strcmp(entry->fields[1].name, "value") != 0)
        return false;
    const ProtobufCType key = entry->fields[0].type;
    if (key == PROTOBUF_C_TYPE_MESSAGE || key == PROTOBUF_C_TYPE_BYTES ||
        key == PROTOBUF_C_TYPE_ENUM || key == PROTOBUF_C_TYPE_DOUBLE ||
        key == PROTOBUF_C_TYPE_FLOAT || entry->fields[0].label == PROTOBUF_C_LABEL_REPEATED ||
        entry->fields[1].label == PROTOBUF_C_LABEL_REPEATED)
        return false;
    char camel[SKALD_JSON_NAME_SIZE];
    char expected[3 * SKALD_JSON_NAME_SIZE];
    skald_json_name_of(field->name, camel);
    camel[0] = (char)toupper((unsigned char)camel[0]);
    snprintf(expected, sizeof expected, "%.300s.%sEntry", parent->name, camel);
    return strcmp(entry->name, expected) == 0;
}

bool skald_json_presence(const ProtobufCFieldDescriptor *field)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return false;
    return field->label != PROTOBUF_C_LABEL_NONE || field->type == PROTOBUF_C_TYPE_MESSAGE ||
           (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
}

/* Values of proto3 that are zero are not there. */
static bool not_zero(const void *member, ProtobufCType type)
{
    static const char zeroes[8];
    if (type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)member;
        return text != NULL && *text != '\0';
    }
    if (type == PROTOBUF_C_TYPE_BYTES)
        return ((const ProtobufCBinaryData *)member)->len > 0;
    return memcmp(member, zeroes, skald_make_value_size(type)) != 0;
}

bool skald_json_given(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const void *member = skald_json_member(message, field->offset);
    const void *quantifier = skald_json_member(message, field->quantifier_offset);
    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)quantifier > 0;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0)
        return *(const uint32_t *)quantifier == field->id;
    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return true;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return *(const ProtobufCMessage *const *)member != NULL;
    if (field->label == PROTOBUF_C_LABEL_NONE)
        return not_zero(member, field->type);
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        const char *text = *(const char *const *)member;
        return text != NULL && (const void *)text != field->default_value;
    }
    return *(const protobuf_c_boolean *)quantifier != 0;
}

/* --- types with a form of their own -------------------------------------------------------- */

static bool field_is(const ProtobufCMessageDescriptor *descriptor, unsigned at, const char *name,
                     ProtobufCType type)
{
    const ProtobufCFieldDescriptor *field = &descriptor->fields[at];
    return strcmp(field->name, name) == 0 && field->id == at + 1 && field->type == type &&
           field->label == PROTOBUF_C_LABEL_NONE &&
           (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0;
}

static bool has_seconds(const ProtobufCMessageDescriptor *descriptor)
{
    return descriptor->n_fields == 2 && field_is(descriptor, 0, "seconds", PROTOBUF_C_TYPE_INT64) &&
           field_is(descriptor, 1, "nanos", PROTOBUF_C_TYPE_INT32);
}

static bool is_wrapper(const ProtobufCMessageDescriptor *descriptor)
{
    static const struct {
        const char *name;
        ProtobufCType type;
    } wrappers[] = {
        {"DoubleValue", PROTOBUF_C_TYPE_DOUBLE}, {"FloatValue", PROTOBUF_C_TYPE_FLOAT},
        {"Int64Value", PROTOBUF_C_TYPE_INT64},   {"UInt64Value", PROTOBUF_C_TYPE_UINT64},
        {"Int32Value", PROTOBUF_C_TYPE_INT32},   {"UInt32Value", PROTOBUF_C_TYPE_UINT32},
        {"BoolValue", PROTOBUF_C_TYPE_BOOL},     {"StringValue", PROTOBUF_C_TYPE_STRING},
        {"BytesValue", PROTOBUF_C_TYPE_BYTES},
    };
    const char *name = descriptor->name + strlen("google.protobuf.");
    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
        if (strcmp(name, wrappers[i].name) == 0)
            return descriptor->n_fields == 1 && field_is(descriptor, 0, "value", wrappers[i].type);
    return false;
}

skald_json_special skald_json_special_of(const ProtobufCMessageDescriptor *descriptor)
{
    const char *name = descriptor->name;
    if (strncmp(name, "google.protobuf.", strlen("google.protobuf.")) != 0)
        return SKALD_JSON_PLAIN;
    if (strcmp(name, "google.protobuf.Timestamp") == 0 && has_seconds(descriptor))
        return SKALD_JSON_TIMESTAMP;
    if (strcmp(name, "google.protobuf.Duration") == 0 && has_seconds(descriptor))
        return SKALD_JSON_DURATION;
    return is_wrapper(descriptor) ? SKALD_JSON_WRAPPER : SKALD_JSON_PLAIN;
}

skald_json_seconds skald_json_seconds_get(const ProtobufCMessage *message)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    return (skald_json_seconds){
        *(const int64_t *)skald_json_member(message, fields[0].offset),
        *(const int32_t *)skald_json_member(message, fields[1].offset),
    };
}

void skald_json_seconds_set(ProtobufCMessage *message, skald_json_seconds value)
{
    const ProtobufCFieldDescriptor *fields = message->descriptor->fields;
    *(int64_t *)skald_json_member(message, fields[0].offset) = value.seconds;
    *(int32_t *)skald_json_member(message, fields[1].offset) = value.nanos;
}
