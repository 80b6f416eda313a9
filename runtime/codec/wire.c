/* One pass over the bytes with a stack of its own.
 *
 * It is stricter than protobuf-c in what nobody writes on purpose: a known field with another wire
 * type, a varint of more than 64 bits, groups, a message given in pieces. It passes unknown fields,
 * so that a newer program can talk to an older one, and unknown enum values, which proto3 keeps. */
#include "codec/wire.h"
#include "base/utf8.h"
#include "codec/path.h"

#include <stdbool.h>
#include <string.h>

enum {
    FIELD_NUMBER_MAX = (1 << 29) - 1,
    TAG_SIZE_MAX = 5,
    LENGTH_SIZE_MAX = 5,
    VARINT_SIZE_MAX = 10,
    FIELDS_TRACKED = 64, /* of a message, whether they were there */

    /* What protobuf-c allocates beside the values: rounding and an array's pointer, and its notes
     * about each field it has scanned. */
    ALLOCATION_COST = 24,
    FIELD_COST = 64,
};

typedef struct frame {
    const ProtobufCMessageDescriptor *descriptor;
    const unsigned char *end;
    uint64_t seen;     /* a bit for each of the first fields */
    uint32_t expected; /* index of the field that will probably come next */
} frame;

typedef struct walk {
    const unsigned char *start;
    const unsigned char *at;
    skald_status refusal;
    skald_error *error;
    size_t memory;
    size_t depth;
    skald_path path;
    frame frames[SKALD_DECODE_DEPTH_MAX];
} walk;

static skald_status refuse(const walk *in, const ProtobufCFieldDescriptor *field,
                           const char *reason)
{
    char path[SKALD_PATH_TEXT_SIZE];
    skald_path_text(&in->path, field, path);
    return skald_error_set(in->error, in->refusal, "%s: %s at byte %zu", path, reason,
                           (size_t)(in->at - in->start));
}

static skald_status charge(walk *in, size_t size)
{
    in->memory += size;
    if (in->memory <= SKALD_DECODE_MEMORY_MAX)
        return SKALD_OK;
    return skald_error_set(in->error, SKALD_FULL, "%s: would take more than %d bytes decoded",
                           in->path.root->name, SKALD_DECODE_MEMORY_MAX);
}

static size_t left(const walk *in)
{
    return (size_t)(in->frames[in->depth - 1].end - in->at);
}

/* Enters a message of `size` bytes that begins at in->at; `field` is NULL for the outermost. */
static skald_status enter(walk *in, const ProtobufCMessageDescriptor *descriptor,
                          const ProtobufCFieldDescriptor *field, size_t size)
{
    if (in->depth == SKALD_DECODE_DEPTH_MAX)
        return refuse(in, field, "nested too deep");
    if (field != NULL)
        in->path.fields[in->path.count++] = field;
    in->frames[in->depth++] = (frame){.descriptor = descriptor, .end = in->at + size};
    return charge(in, descriptor->sizeof_message + descriptor->n_fields / 8 + ALLOCATION_COST);
}

static skald_status leave(walk *in)
{
    const frame *top = &in->frames[in->depth - 1];
    const ProtobufCMessageDescriptor *descriptor = top->descriptor;
    for (unsigned i = 0; i < descriptor->n_fields && i < FIELDS_TRACKED; i++) {
        const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
        if (field->label == PROTOBUF_C_LABEL_REQUIRED && field->default_value == NULL &&
            (top->seen & (uint64_t)1 << i) == 0)
            return refuse(in, field, "a required field is missing");
    }
    in->depth--;
    if (in->path.count > 0)
        in->path.count--;
    return SKALD_OK;
}

/* Reads a varint of at most `size_max` bytes; how many it has, 0 when it is none. */
static size_t varint_read(const unsigned char *at, size_t size, size_t size_max, uint64_t *out)
{
    const size_t end = size < size_max ? size : size_max;
    uint64_t value = 0;
    for (size_t i = 0; i < end; i++) {
        value |= (uint64_t)(at[i] & 0x7F) << (7 * i);
        if ((at[i] & 0x80) != 0)
            continue;
        if (i == VARINT_SIZE_MAX - 1 && at[i] > 1)
            return 0;
        *out = value;
        return i + 1;
    }
    return 0;
}

/* Fields mostly come in the order of their numbers, and repeated ones many times in a row. */
static const ProtobufCFieldDescriptor *field_find(frame *top, uint32_t number)
{
    const ProtobufCMessageDescriptor *descriptor = top->descriptor;
    for (uint32_t i = top->expected; i < descriptor->n_fields && i < top->expected + 2; i++) {
        if (descriptor->fields[i].id == number) {
            top->expected = i;
            return &descriptor->fields[i];
        }
    }
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field(descriptor, number);
    if (field != NULL)
        top->expected = (uint32_t)(field - descriptor->fields);
    return field;
}

static ProtobufCWireType wire_type_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

/* Moves behind the length; *size is then what it announces, and lies inside the message. */
static skald_status length_read(walk *in, const ProtobufCFieldDescriptor *field, size_t *size)
{
    uint64_t value = 0;
    const size_t used = varint_read(in->at, left(in), LENGTH_SIZE_MAX, &value);
    if (used == 0)
        return refuse(in, field, "a broken length");
    if (value > left(in) - used)
        return refuse(in, field, "a length that goes past the end");
    in->at += used;
    *size = (size_t)value;
    return SKALD_OK;
}

static skald_status varint_skip(walk *in, const ProtobufCFieldDescriptor *field)
{
    uint64_t value = 0;
    const size_t used = varint_read(in->at, left(in), VARINT_SIZE_MAX, &value);
    if (used == 0)
        return refuse(in, field, "a broken varint");
    in->at += used;
    return SKALD_OK;
}

static skald_status fixed_skip(walk *in, const ProtobufCFieldDescriptor *field, size_t size)
{
    if (left(in) < size)
        return refuse(in, field, "a value that goes past the end");
    in->at += size;
    return SKALD_OK;
}

static skald_status text_check(walk *in, const ProtobufCFieldDescriptor *field, size_t size)
{
    const char *text = (const char *)in->at;
    const size_t valid_size = skald_utf8_valid_size(text, size);
    if (valid_size != size) {
        in->at += valid_size;
        return refuse(in, field, "not UTF-8");
    }
    const char *nul = memchr(text, '\0', size);
    if (nul != NULL) {
        in->at += nul - text;
        return refuse(in, field, "a NUL inside a string");
    }
    return SKALD_OK;
}

/* A string, bytes or a message. */
static skald_status value_check(walk *in, const ProtobufCFieldDescriptor *field)
{
    size_t size = 0;
    skald_status status = length_read(in, field, &size);
    if (status == SKALD_OK && field->type == PROTOBUF_C_TYPE_MESSAGE)
        return enter(in, field->descriptor, field, size);
    if (status == SKALD_OK && field->type == PROTOBUF_C_TYPE_STRING)
        status = text_check(in, field, size);
    if (status == SKALD_OK)
        status = charge(in, size + ALLOCATION_COST + sizeof(ProtobufCBinaryData));
    in->at += size;
    return status;
}

static skald_status packed_varints_check(walk *in, const ProtobufCFieldDescriptor *field,
                                         const unsigned char *end)
{
    uint64_t value = 0;
    while (in->at < end) {
        const size_t used = varint_read(in->at, (size_t)(end - in->at), VARINT_SIZE_MAX, &value);
        if (used == 0)
            return refuse(in, field, "a broken varint");
        in->at += used;
    }
    return SKALD_OK;
}

/* Many numbers behind one length. protobuf-c reads them so whether or not the field is declared
 * packed, as the language asks. No number takes more than 8 bytes decoded for one on the wire. */
static skald_status packed_check(walk *in, const ProtobufCFieldDescriptor *field)
{
    size_t size = 0;
    const skald_status status = length_read(in, field, &size);
    if (status != SKALD_OK)
        return status;
    if (charge(in, size * sizeof(uint64_t) + ALLOCATION_COST) != SKALD_OK)
        return SKALD_FULL;
    const ProtobufCWireType type = wire_type_of(field->type);
    if (type == PROTOBUF_C_WIRE_TYPE_VARINT)
        return packed_varints_check(in, field, in->at + size);
    if (size % (type == PROTOBUF_C_WIRE_TYPE_32BIT ? 4 : 8) != 0)
        return refuse(in, field, "packed values of the wrong size");
    in->at += size;
    return SKALD_OK;
}

static skald_status known_check(walk *in, const ProtobufCFieldDescriptor *field, unsigned type)
{
    const ProtobufCWireType wanted = wire_type_of(field->type);
    const bool many =
        field->label == PROTOBUF_C_LABEL_REPEATED && wanted != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    if (many && type == PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        return packed_check(in, field);
    if (type != (unsigned)wanted)
        return refuse(in, field, "another wire type than the field's");
    switch (wanted) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        return varint_skip(in, field);
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        return fixed_skip(in, field, 8);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        return fixed_skip(in, field, 4);
    default:
        return value_check(in, field);
    }
}

static skald_status unknown_check(walk *in, unsigned type)
{
    const unsigned char *before = in->at;
    size_t size = 0;
    skald_status status = SKALD_OK;
    switch (type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        status = varint_skip(in, NULL);
        break;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        status = fixed_skip(in, NULL, 8);
        break;
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        status = fixed_skip(in, NULL, 4);
        break;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        status = length_read(in, NULL, &size);
        in->at += size;
        break;
    default:
        return refuse(in, NULL, "a group or an unknown wire type");
    }
    if (status != SKALD_OK)
        return status;
    return charge(in, (size_t)(in->at - before) + ALLOCATION_COST +
                          sizeof(ProtobufCMessageUnknownField));
}

/* The language lets a message be given in pieces that are merged; nobody writes that on purpose,
 * and protobuf-c 1.4.1 loses proto3 numbers when it merges, or fails at a oneof that is not set. */
static skald_status seen_note(walk *in, frame *top, const ProtobufCFieldDescriptor *field)
{
    if (top->expected >= FIELDS_TRACKED)
        return SKALD_OK;
    const uint64_t bit = (uint64_t)1 << top->expected;
    if (field->type == PROTOBUF_C_TYPE_MESSAGE && field->label != PROTOBUF_C_LABEL_REPEATED &&
        (top->seen & bit) != 0)
        return refuse(in, field, "a message given twice");
    top->seen |= bit;
    return SKALD_OK;
}

static skald_status field_check(walk *in)
{
    uint64_t tag = 0;
    const size_t used = varint_read(in->at, left(in), TAG_SIZE_MAX, &tag);
    const uint64_t number = tag >> 3;
    if (used == 0 || number == 0 || number > FIELD_NUMBER_MAX)
        return refuse(in, NULL, "no valid field number");
    frame *top = &in->frames[in->depth - 1];
    const ProtobufCFieldDescriptor *field = field_find(top, (uint32_t)number);
    in->at += used;
    if (charge(in, FIELD_COST) != SKALD_OK)
        return SKALD_FULL;
    if (field == NULL)
        return unknown_check(in, tag & 7);
    const skald_status status = seen_note(in, top, field);
    return status == SKALD_OK ? known_check(in, field, tag & 7) : status;
}

skald_status skald_wire_check(const ProtobufCMessageDescriptor *descriptor, skald_bytes body,
                              skald_status refusal, skald_error *error)
{
    static const unsigned char nothing[1];
    walk in;
    in.start = in.at = body.size == 0 ? nothing : body.data;
    in.refusal = refusal;
    in.error = error;
    in.memory = in.depth = 0;
    in.path.root = descriptor;
    in.path.count = 0;
    skald_status status = enter(&in, descriptor, NULL, body.size);
    while (status == SKALD_OK && in.depth > 0)
        status = in.at == in.frames[in.depth - 1].end ? leave(&in) : field_check(&in);
    return status;
}
