/* As a compiler would lay out the structure that protoc-c writes: the message's head, each field
 * with its count or its "has" before it, and oneofs, whose members share one place. Nobody but
 * protobuf-c and the codec reads such a structure, so only the alignment must be right. */
#include "codec/describe_layout.h"
#include "codec/make.h"

typedef struct oneof_place {
    unsigned chosen; /* offset of the number of the chosen field; 0: not placed yet */
    unsigned value;
} oneof_place;

static unsigned take(size_t *used, size_t size)
{
    const size_t offset = (*used + size - 1) / size * size;
    *used = offset + size;
    return (unsigned)offset;
}

/* Bytes are a length and a pointer: as much space as two, aligned as one. */
static unsigned take_value(size_t *used, ProtobufCType type)
{
    const size_t size = skald_make_value_size(type);
    if (size <= sizeof(void *))
        return take(used, size);
    const unsigned offset = take(used, sizeof(void *));
    *used = offset + size;
    return offset;
}

static bool has_quantifier(const ProtobufCFieldDescriptor *field)
{
    return field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
           field->type != PROTOBUF_C_TYPE_MESSAGE;
}

static void field_place(ProtobufCFieldDescriptor *field, size_t *used)
{
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        field->quantifier_offset = take(used, sizeof(size_t));
        field->offset = take(used, sizeof(void *));
        return;
    }
    if (has_quantifier(field))
        field->quantifier_offset = take(used, sizeof(protobuf_c_boolean));
    field->offset = take_value(used, field->type);
}

static void oneof_join(ProtobufCFieldDescriptor *field, oneof_place *place, size_t *used)
{
    if (place->chosen == 0) {
        place->chosen = take(used, sizeof(uint32_t));
        place->value = take_value(used, PROTOBUF_C_TYPE_BYTES); /* the largest of all */
    }
    field->quantifier_offset = place->chosen;
    field->offset = place->value;
}

bool skald_describe_layout(ProtobufCMessageDescriptor *message, ProtobufCFieldDescriptor *fields,
                           const uint32_t *oneofs, skald_arena *arena)
{
    oneof_place *places = skald_arena_alloc(arena, (message->n_fields + 1) * sizeof *places);
    if (places == NULL)
        return false;
    size_t used = sizeof(ProtobufCMessage);
    for (unsigned i = 0; i < message->n_fields; i++) {
        if (oneofs[i] == 0)
            field_place(&fields[i], &used);
        else
            oneof_join(&fields[i], &places[oneofs[i]], &used);
    }
    take(&used, sizeof(void *));
    message->sizeof_message = used;
    return true;
}
