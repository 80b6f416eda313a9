/* A descriptor and what it refers to, written down. The types found so far are a list; each is
 * looked at once, and what it refers to is appended, so that recursion needs no stack. */
#include "codec/describe.h"
#include "codec/describe_kind.h"
#include "codec/encode.h"
#include "codec/make.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

typedef Skald__V1__TypeDescription type_description;
typedef Skald__V1__MessageDescription message_description;
typedef Skald__V1__FieldDescription field_description;
typedef Skald__V1__EnumDescription enum_description;
typedef Skald__V1__EnumValueDescription value_description;

typedef struct found_types {
    const void *items[SKALD_DESCRIBE_TYPES_MAX];
    size_t count;
} found_types;

typedef struct describer {
    const ProtobufCMessageDescriptor *root;
    skald_arena *arena;
    skald_error *error;
    found_types messages;
    found_types enums;
} describer;

static skald_status refuse_memory(const describer *in)
{
    return skald_error_set(in->error, SKALD_NO_MEMORY, "%s: no memory to describe it",
                           in->root->name);
}

static skald_status refuse_nameless(const describer *in)
{
    return skald_error_set(in->error, SKALD_INVALID,
                           "%s: it cannot be described, because it was generated without names: "
                           "remove optimize_for = CODE_SIZE from its .proto file",
                           in->root->name != NULL ? in->root->name : "a message type");
}

/* The index of a type, which is appended when it is new. */
static skald_status find_or_add(const describer *in, found_types *types, const void *type,
                                uint32_t *index)
{
    for (size_t i = 0; i < types->count; i++) {
        if (types->items[i] == type) {
            *index = (uint32_t)i;
            return SKALD_OK;
        }
    }
    if (types->count == SKALD_DESCRIBE_TYPES_MAX)
        return skald_error_set(in->error, SKALD_FULL, "%s: it refers to more than %d types",
                               in->root->name, SKALD_DESCRIBE_TYPES_MAX);
    *index = (uint32_t)types->count;
    types->items[types->count++] = type;
    return SKALD_OK;
}

static Skald__V1__FieldType type_of(ProtobufCType type)
{
    switch (type) {
#define TYPE_CASE(name)                                                                            \
    case PROTOBUF_C_TYPE_##name:                                                                   \
        return SKALD__V1__FIELD_TYPE__FIELD_TYPE_##name;
        SKALD_DESCRIBE_TYPE_LIST(TYPE_CASE)
#undef TYPE_CASE
    default:
        return SKALD__V1__FIELD_TYPE__FIELD_TYPE_UNSPECIFIED;
    }
}

static Skald__V1__FieldLabel label_of(ProtobufCLabel label)
{
    switch (label) {
#define LABEL_CASE(theirs, ours)                                                                   \
    case PROTOBUF_C_LABEL_##theirs:                                                                \
        return SKALD__V1__FIELD_LABEL__FIELD_LABEL_##ours;
        SKALD_DESCRIBE_LABEL_LIST(LABEL_CASE)
#undef LABEL_CASE
    default:
        return SKALD__V1__FIELD_LABEL__FIELD_LABEL_UNSPECIFIED;
    }
}

/* Members of a oneof have the place in common where their number is kept. The first of them gives
 * the oneof its number: its own index, from 1. */
static uint32_t oneof_of(const ProtobufCMessageDescriptor *message,
                         const ProtobufCFieldDescriptor *field)
{
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) == 0)
        return 0;
    for (unsigned i = 0; i < message->n_fields; i++)
        if ((message->fields[i].flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
            message->fields[i].quantifier_offset == field->quantifier_offset)
            return i + 1;
    return 0;
}

/* Machines that Skald runs on are little-endian, and so are the fixed wire types. Of a oneof's
 * member the default is never used: it is there or another one is. */
static void default_describe(field_description *out, const ProtobufCFieldDescriptor *field)
{
    const void *value = field->default_value;
    if (value == NULL || field->label == PROTOBUF_C_LABEL_NONE ||
        field->label == PROTOBUF_C_LABEL_REPEATED || out->oneof != 0)
        return;
    out->has_default = true;
    if (field->type == PROTOBUF_C_TYPE_STRING)
        out->default_value = (ProtobufCBinaryData){strlen(value), (uint8_t *)(uintptr_t)value};
    else if (field->type == PROTOBUF_C_TYPE_BYTES)
        out->default_value = *(const ProtobufCBinaryData *)value;
    else
        out->default_value =
            (ProtobufCBinaryData){skald_make_value_size(field->type), (uint8_t *)(uintptr_t)value};
}

static skald_status field_describe(describer *in, const ProtobufCMessageDescriptor *message,
                                   const ProtobufCFieldDescriptor *field, field_description **out)
{
    field_description *to = skald_arena_alloc(in->arena, sizeof *to);
    if (to == NULL)
        return refuse_memory(in);
    if (field->name == NULL)
        return refuse_nameless(in);
    skald__v1__field_description__init(to);
    to->name = (char *)(uintptr_t)field->name;
    to->number = field->id;
    to->type = type_of(field->type);
    to->label = label_of(field->label);
    to->oneof = oneof_of(message, field);
    to->packed = (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;
    default_describe(to, field);
    *out = to;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE)
        return find_or_add(in, &in->messages, field->descriptor, &to->refers_to);
    if (field->type == PROTOBUF_C_TYPE_ENUM)
        return find_or_add(in, &in->enums, field->descriptor, &to->refers_to);
    return SKALD_OK;
}

static skald_status message_describe(describer *in, const ProtobufCMessageDescriptor *from,
                                     message_description **out)
{
    message_description *to = skald_arena_alloc(in->arena, sizeof *to);
    field_description **fields = skald_arena_alloc(in->arena, from->n_fields * sizeof *fields);
    if (to == NULL || fields == NULL)
        return refuse_memory(in);
    if (from->name == NULL)
        return refuse_nameless(in);
    skald__v1__message_description__init(to);
    to->name = (char *)(uintptr_t)from->name;
    to->fields = fields;
    skald_status status = SKALD_OK;
    for (; to->n_fields < from->n_fields && status == SKALD_OK; to->n_fields++)
        status = field_describe(in, from, &from->fields[to->n_fields], &fields[to->n_fields]);
    *out = to;
    return status;
}

static value_description *value_describe(const describer *in, const char *name, int number)
{
    value_description *to = skald_arena_alloc(in->arena, sizeof *to);
    if (to == NULL)
        return NULL;
    skald__v1__enum_value_description__init(to);
    to->name = (char *)(uintptr_t)name;
    to->number = number;
    return to;
}

/* Each value under its name, then under its aliases. */
static skald_status values_describe(const describer *in, const ProtobufCEnumDescriptor *from,
                                    enum_description *to)
{
    for (unsigned i = 0; i < from->n_values; i++) {
        const ProtobufCEnumValue *value = &from->values[i];
        to->values[to->n_values++] = value_describe(in, value->name, value->value);
        for (unsigned j = 0; j < from->n_value_names; j++) {
            const ProtobufCEnumValueIndex *alias = &from->values_by_name[j];
            if (alias->index == i && strcmp(alias->name, value->name) != 0)
                to->values[to->n_values++] = value_describe(in, alias->name, value->value);
        }
    }
    assert(to->n_values == from->n_value_names);
    for (size_t i = 0; i < to->n_values; i++)
        if (to->values[i] == NULL)
            return refuse_memory(in);
    return SKALD_OK;
}

static skald_status enum_describe(const describer *in, const ProtobufCEnumDescriptor *from,
                                  enum_description **out)
{
    if (from->name == NULL || from->values_by_name == NULL)
        return refuse_nameless(in);
    enum_description *to = skald_arena_alloc(in->arena, sizeof *to);
    if (to == NULL)
        return refuse_memory(in);
    skald__v1__enum_description__init(to);
    to->name = (char *)(uintptr_t)from->name;
    to->values = skald_arena_alloc(in->arena, from->n_value_names * sizeof(value_description *));
    *out = to;
    return to->values == NULL ? refuse_memory(in) : values_describe(in, from, to);
}

/* The list of messages grows while it is worked off. */
static skald_status all_describe(describer *in, type_description *to)
{
    uint32_t root = 0;
    skald_status status = find_or_add(in, &in->messages, in->root, &root);
    to->messages = skald_arena_alloc(in->arena, sizeof in->messages.items);
    to->enums = skald_arena_alloc(in->arena, sizeof in->enums.items);
    if (to->messages == NULL || to->enums == NULL)
        return refuse_memory(in);
    for (; to->n_messages < in->messages.count && status == SKALD_OK; to->n_messages++)
        status =
            message_describe(in, in->messages.items[to->n_messages], &to->messages[to->n_messages]);
    for (; to->n_enums < in->enums.count && status == SKALD_OK; to->n_enums++)
        status = enum_describe(in, in->enums.items[to->n_enums], &to->enums[to->n_enums]);
    return status;
}

skald_status skald_describe(skald_bytes *out, const ProtobufCMessageDescriptor *descriptor,
                            skald_arena *arena, skald_error *error)
{
    assert(descriptor->magic == PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC);
    describer *in = skald_arena_alloc(arena, sizeof *in);
    if (in == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory to describe a message type");
    in->root = descriptor;
    in->arena = arena;
    in->error = error;
    type_description to;
    skald__v1__type_description__init(&to);
    const skald_status status = all_describe(in, &to);
    return status == SKALD_OK ? skald_encode(out, &to.base, arena, error) : status;
}
