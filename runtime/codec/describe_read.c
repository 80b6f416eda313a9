/* A description, which may come from anybody, as descriptors that protobuf-c can work with: it
 * trusts them entirely, so every number and every name in them is looked at first. */
#include "codec/decode.h"
#include "codec/describe.h"
#include "codec/describe_kind.h"
#include "codec/describe_layout.h"
#include "codec/make.h"

#include "base/utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

typedef Skald__V1__TypeDescription type_description;
typedef Skald__V1__MessageDescription message_description;
typedef Skald__V1__FieldDescription field_description;
typedef Skald__V1__EnumDescription enum_description;

enum { FIELD_NUMBER_MAX = (1 << 29) - 1 };

typedef struct reader {
    const type_description *from;
    skald_arena *arena;
    skald_error *error;
    ProtobufCMessageDescriptor *messages;
    ProtobufCEnumDescriptor *enums;
} reader;

static skald_status refuse(const reader *in, const char *type, const char *name, const char *reason)
{
    return skald_error_set(in->error, SKALD_MALFORMED, "type description: %.80s%s%.80s: %s", type,
                           *name != '\0' ? "." : "", name, reason);
}

static skald_status refuse_memory(const reader *in)
{
    return skald_error_set(in->error, SKALD_NO_MEMORY, "no memory for a type description");
}

/* --- names --------------------------------------------------------------------------------- */

static bool word_starts(char letter)
{
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '_';
}

/* An identifier of protobuf, with dots between its parts where it is a full name. */
static bool name_valid(const char *name, bool dots)
{
    if (strlen(name) > SKALD_DESCRIBE_NAME_MAX || !word_starts(*name))
        return false;
    for (const char *at = name + 1; *at != '\0'; at++) {
        const bool digit = *at >= '0' && *at <= '9';
        const bool dot = dots && *at == '.' && word_starts(at[1]);
        if (!word_starts(*at) && !digit && !dot)
            return false;
    }
    return true;
}

static const char *short_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL ? dot + 1 : name;
}

/* --- fields -------------------------------------------------------------------------------- */

static bool type_read(Skald__V1__FieldType from, ProtobufCType *out)
{
    switch (from) {
#define TYPE_CASE(name)                                                                            \
    case SKALD__V1__FIELD_TYPE__FIELD_TYPE_##name:                                                 \
        *out = PROTOBUF_C_TYPE_##name;                                                             \
        return true;
        SKALD_DESCRIBE_TYPE_LIST(TYPE_CASE)
#undef TYPE_CASE
    default:
        return false;
    }
}

static bool label_read(Skald__V1__FieldLabel from, ProtobufCLabel *out)
{
    switch (from) {
#define LABEL_CASE(theirs, ours)                                                                   \
    case SKALD__V1__FIELD_LABEL__FIELD_LABEL_##ours:                                               \
        *out = PROTOBUF_C_LABEL_##theirs;                                                          \
        return true;
        SKALD_DESCRIBE_LABEL_LIST(LABEL_CASE)
#undef LABEL_CASE
    default:
        return false;
    }
}

static bool is_prefixed(ProtobufCType type)
{
    return type == PROTOBUF_C_TYPE_STRING || type == PROTOBUF_C_TYPE_BYTES ||
           type == PROTOBUF_C_TYPE_MESSAGE;
}

/* What protobuf-c would fall over, or what no .proto file can say. */
static const char *field_objection(const field_description *from,
                                   const ProtobufCFieldDescriptor *field, size_t field_count)
{
    const bool repeated = field->label == PROTOBUF_C_LABEL_REPEATED;
    if (!name_valid(field->name, false))
        return "no valid name";
    if (field->id == 0 || field->id > FIELD_NUMBER_MAX)
        return "no valid field number";
    if (from->packed && (!repeated || is_prefixed(field->type)))
        return "packed, but not repeated numbers";
    if (from->oneof > field_count)
        return "a oneof that there is not";
    if (from->oneof != 0 && (repeated || field->label == PROTOBUF_C_LABEL_REQUIRED))
        return "repeated or required inside a oneof";
    if (from->has_default && (repeated || field->label == PROTOBUF_C_LABEL_NONE ||
                              from->oneof != 0 || field->type == PROTOBUF_C_TYPE_MESSAGE))
        return "a default where there can be none";
    return NULL;
}

static skald_status reference_read(const reader *in, const message_description *message,
                                   const field_description *from, ProtobufCFieldDescriptor *field)
{
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (from->refers_to >= in->from->n_messages)
            return refuse(in, message->name, from->name, "of a message that is not described");
        field->descriptor = &in->messages[from->refers_to];
    } else if (field->type == PROTOBUF_C_TYPE_ENUM) {
        if (from->refers_to >= in->from->n_enums)
            return refuse(in, message->name, from->name, "of an enum that is not described");
        field->descriptor = &in->enums[from->refers_to];
    } else if (from->refers_to != 0) {
        return refuse(in, message->name, from->name, "refers to a type, but is a plain value");
    }
    return SKALD_OK;
}

static skald_status default_text_read(const reader *in, const message_description *message,
                                      const field_description *from,
                                      ProtobufCFieldDescriptor *field)
{
    const char *text = (const char *)from->default_value.data;
    const size_t size = from->default_value.len;
    if (size > 0 && (skald_utf8_valid_size(text, size) != size || memchr(text, 0, size) != NULL))
        return refuse(in, message->name, from->name, "a default that is no text");
    field->default_value = skald_arena_text_sized(in->arena, size > 0 ? text : "", size);
    return field->default_value == NULL ? refuse_memory(in) : SKALD_OK;
}

static skald_status default_read(const reader *in, const message_description *message,
                                 const field_description *from, ProtobufCFieldDescriptor *field)
{
    /* proto3 has the empty text as default. In a oneof there must be none: protobuf-c would write
     * it into the place that all members share, and free it as if it were another member's value.
     */
    if (field->type == PROTOBUF_C_TYPE_STRING && field->label == PROTOBUF_C_LABEL_NONE &&
        from->oneof == 0)
        field->default_value = protobuf_c_empty_string;
    if (!from->has_default)
        return SKALD_OK;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        return default_text_read(in, message, from, field);
    if (field->type == PROTOBUF_C_TYPE_BYTES) {
        field->default_value = &from->default_value;
        return SKALD_OK;
    }
    if (from->default_value.len != skald_make_value_size(field->type))
        return refuse(in, message->name, from->name, "a default of another size than its type");
    /* Copied, because a number must lie where its alignment wants it. */
    void *value = skald_arena_alloc(in->arena, from->default_value.len);
    if (value == NULL)
        return refuse_memory(in);
    memcpy(value, from->default_value.data, from->default_value.len);
    field->default_value = value;
    return SKALD_OK;
}

static skald_status field_read(const reader *in, const message_description *message,
                               const field_description *from, ProtobufCFieldDescriptor *field)
{
    field->name = from->name;
    field->id = from->number;
    if (!type_read(from->type, &field->type) || !label_read(from->label, &field->label))
        return refuse(in, message->name, from->name, "an unknown type or label");
    const char *objection = field_objection(from, field, message->n_fields);
    if (objection != NULL)
        return refuse(in, message->name, from->name, objection);
    if (from->packed)
        field->flags |= PROTOBUF_C_FIELD_FLAG_PACKED;
    if (from->oneof != 0)
        field->flags |= PROTOBUF_C_FIELD_FLAG_ONEOF;
    const skald_status status = reference_read(in, message, from, field);
    return status == SKALD_OK ? default_read(in, message, from, field) : status;
}

/* --- messages ------------------------------------------------------------------------------ */

static int by_field_name(const void *left, const void *right, void *user)
{
    const ProtobufCFieldDescriptor *fields = user;
    return strcmp(fields[*(const unsigned *)left].name, fields[*(const unsigned *)right].name);
}

/* protobuf-c looks fields up by number in ranges and by name in a sorted list. */
static skald_status fields_index(const reader *in, ProtobufCMessageDescriptor *to)
{
    const ProtobufCFieldDescriptor *fields = to->fields;
    unsigned *sorted = skald_arena_alloc(in->arena, (to->n_fields + 1) * sizeof *sorted);
    ProtobufCIntRange *ranges = skald_arena_alloc(in->arena, (to->n_fields + 1) * sizeof *ranges);
    if (sorted == NULL || ranges == NULL)
        return refuse_memory(in);
    for (unsigned i = 0; i < to->n_fields; i++) {
        if (i > 0 && fields[i].id <= fields[i - 1].id)
            return refuse(in, to->name, fields[i].name, "not in the order of its number");
        if (i == 0 || fields[i].id != fields[i - 1].id + 1)
            ranges[to->n_field_ranges++] = (ProtobufCIntRange){(int)fields[i].id, i};
        sorted[i] = i;
    }
    ranges[to->n_field_ranges] = (ProtobufCIntRange){0, to->n_fields};
    qsort_r(sorted, to->n_fields, sizeof *sorted, by_field_name, (void *)(uintptr_t)fields);
    for (unsigned i = 1; i < to->n_fields; i++)
        if (strcmp(fields[sorted[i - 1]].name, fields[sorted[i]].name) == 0)
            return refuse(in, to->name, fields[sorted[i]].name, "a name that another field has");
    to->field_ranges = ranges;
    to->fields_sorted_by_name = sorted;
    return SKALD_OK;
}

static skald_status message_read(const reader *in, const message_description *from,
                                 ProtobufCMessageDescriptor *to)
{
    if (!name_valid(from->name, true))
        return refuse(in, "a message", "", "no valid name");
    to->magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC;
    to->name = to->c_name = from->name;
    to->short_name = short_name(from->name);
    to->package_name = "";
    ProtobufCFieldDescriptor *fields =
        skald_arena_alloc(in->arena, (from->n_fields + 1) * sizeof *fields);
    uint32_t *oneofs = skald_arena_alloc(in->arena, (from->n_fields + 1) * sizeof *oneofs);
    if (fields == NULL || oneofs == NULL)
        return refuse_memory(in);
    to->fields = fields;
    skald_status status = SKALD_OK;
    for (; to->n_fields < from->n_fields && status == SKALD_OK; to->n_fields++) {
        oneofs[to->n_fields] = from->fields[to->n_fields]->oneof;
        status = field_read(in, from, from->fields[to->n_fields], &fields[to->n_fields]);
    }
    if (status == SKALD_OK)
        status = fields_index(in, to);
    if (status == SKALD_OK && !skald_describe_layout(to, fields, oneofs, in->arena))
        status = refuse_memory(in);
    return status;
}

/* --- enums --------------------------------------------------------------------------------- */

static int by_value_name(const void *left, const void *right)
{
    return strcmp(((const ProtobufCEnumValueIndex *)left)->name,
                  ((const ProtobufCEnumValueIndex *)right)->name);
}

typedef struct enum_lists {
    ProtobufCEnumValue *values;
    ProtobufCEnumValueIndex *names;
    ProtobufCIntRange *ranges;
} enum_lists;

static bool enum_lists_alloc(enum_lists *lists, size_t count, skald_arena *arena)
{
    lists->values = skald_arena_alloc(arena, (count + 1) * sizeof *lists->values);
    lists->names = skald_arena_alloc(arena, (count + 1) * sizeof *lists->names);
    lists->ranges = skald_arena_alloc(arena, (count + 1) * sizeof *lists->ranges);
    return lists->values != NULL && lists->names != NULL && lists->ranges != NULL;
}

static void value_add(ProtobufCEnumDescriptor *to, const enum_lists *lists, const char *name,
                      int number)
{
    const unsigned at = to->n_values;
    const bool alias = at > 0 && lists->values[at - 1].value == number;
    if (!alias) {
        /* Differences as 64 bits: values may lie at the ends of the range. */
        if (at == 0 || (int64_t)number != (int64_t)lists->values[at - 1].value + 1)
            lists->ranges[to->n_value_ranges++] = (ProtobufCIntRange){number, at};
        lists->values[to->n_values++] = (ProtobufCEnumValue){name, name, number};
    }
    lists->names[to->n_value_names++] = (ProtobufCEnumValueIndex){name, to->n_values - 1};
}

static skald_status enum_read(const reader *in, const enum_description *from,
                              ProtobufCEnumDescriptor *to)
{
    enum_lists lists;
    if (!name_valid(from->name, true))
        return refuse(in, "an enum", "", "no valid name");
    if (!enum_lists_alloc(&lists, from->n_values, in->arena))
        return refuse_memory(in);
    to->magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC;
    to->name = to->c_name = from->name;
    to->short_name = short_name(from->name);
    to->package_name = "";
    to->values = lists.values;
    to->values_by_name = lists.names;
    to->value_ranges = lists.ranges;
    for (size_t i = 0; i < from->n_values; i++) {
        const char *name = from->values[i]->name;
        if (!name_valid(name, false))
            return refuse(in, from->name, "", "a value without a valid name");
        if (i > 0 && from->values[i]->number < from->values[i - 1]->number)
            return refuse(in, from->name, name, "not in the order of its number");
        value_add(to, &lists, name, from->values[i]->number);
    }
    lists.ranges[to->n_value_ranges] = (ProtobufCIntRange){0, to->n_values};
    qsort(lists.names, to->n_value_names, sizeof *lists.names, by_value_name);
    for (unsigned i = 1; i < to->n_value_names; i++)
        if (strcmp(lists.names[i - 1].name, lists.names[i].name) == 0)
            return refuse(in, from->name, lists.names[i].name, "a name that is there twice");
    return SKALD_OK;
}

/* --- all ----------------------------------------------------------------------------------- */

static skald_status all_read(reader *in)
{
    const type_description *from = in->from;
    if (from->n_messages == 0)
        return refuse(in, "", "", "it describes no message");
    if (from->n_messages > SKALD_DESCRIBE_TYPES_MAX || from->n_enums > SKALD_DESCRIBE_TYPES_MAX)
        return skald_error_set(in->error, SKALD_FULL, "type description: more than %d types",
                               SKALD_DESCRIBE_TYPES_MAX);
    in->messages = skald_arena_alloc(in->arena, from->n_messages * sizeof *in->messages);
    in->enums = skald_arena_alloc(in->arena, (from->n_enums + 1) * sizeof *in->enums);
    if (in->messages == NULL || in->enums == NULL)
        return refuse_memory(in);
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < from->n_messages && status == SKALD_OK; i++)
        status = message_read(in, from->messages[i], &in->messages[i]);
    for (size_t i = 0; i < from->n_enums && status == SKALD_OK; i++)
        status = enum_read(in, from->enums[i], &in->enums[i]);
    return status;
}

skald_status skald_describe_read(const ProtobufCMessageDescriptor **out, skald_bytes description,
                                 skald_arena *arena, skald_error *error)
{
    const ProtobufCMessage *decoded = NULL;
    skald_status status =
        skald_decode(&decoded, &skald__v1__type_description__descriptor, description, arena, error);
    if (status != SKALD_OK)
        return status;
    reader in = {.from = (const type_description *)decoded, .arena = arena, .error = error};
    status = all_read(&in);
    if (status == SKALD_OK)
        *out = &in.messages[0];
    return status;
}
