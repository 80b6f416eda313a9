/* Descriptors for what events.proto has not: proto2's required and optional fields, packed fixed
 * numbers, repeated bytes. protoc would make the same. */
#ifndef TEST_CODEC_HANDMADE_H
#define TEST_CODEC_HANDMADE_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

enum { REQUIRED_MANY = 70 }; /* more than the check keeps track of */

/* ---- required fields ---- */

typedef struct needy {
    ProtobufCMessage base;
    int32_t number;      /* 1, required */
    struct needy *child; /* 2, optional */
} needy;

static const ProtobufCMessageDescriptor needy_descriptor;

static const ProtobufCFieldDescriptor needy_fields[] = {
    {.name = "number",
     .id = 1,
     .label = PROTOBUF_C_LABEL_REQUIRED,
     .type = PROTOBUF_C_TYPE_INT32,
     .offset = offsetof(needy, number)},
    {.name = "child",
     .id = 2,
     .label = PROTOBUF_C_LABEL_OPTIONAL,
     .type = PROTOBUF_C_TYPE_MESSAGE,
     .offset = offsetof(needy, child),
     .descriptor = &needy_descriptor},
};
static const ProtobufCIntRange needy_ranges[] = {{1, 0}, {0, 2}};
static const ProtobufCMessageDescriptor needy_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.v1.Needy",
    .sizeof_message = sizeof(needy),
    .n_fields = 2,
    .fields = needy_fields,
    .n_field_ranges = 1,
    .field_ranges = needy_ranges,
};

typedef struct needier {
    ProtobufCMessage base;
    int32_t numbers[REQUIRED_MANY]; /* 1 to 70, all required */
} needier;

static inline const ProtobufCMessageDescriptor *needier_descriptor(void)
{
    static ProtobufCFieldDescriptor fields[REQUIRED_MANY];
    static const ProtobufCIntRange ranges[] = {{1, 0}, {0, REQUIRED_MANY}};
    static const ProtobufCMessageDescriptor descriptor = {
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
        .name = "test.v1.Needier",
        .sizeof_message = sizeof(needier),
        .n_fields = REQUIRED_MANY,
        .fields = fields,
        .n_field_ranges = 1,
        .field_ranges = ranges,
    };
    for (unsigned i = 0; i < REQUIRED_MANY; i++)
        fields[i] = (ProtobufCFieldDescriptor){
            .name = "number",
            .id = i + 1,
            .label = PROTOBUF_C_LABEL_REQUIRED,
            .type = PROTOBUF_C_TYPE_INT32,
            .offset = (unsigned)(offsetof(needier, numbers) + i * sizeof(int32_t))};
    return &descriptor;
}

/* ---- other shapes ---- */

typedef struct shapes {
    ProtobufCMessage base;
    size_t n_small;
    uint32_t *small; /* 1, fixed32, packed */
    size_t n_large;
    uint64_t *large; /* 2, fixed64, packed */
    size_t n_blobs;
    ProtobufCBinaryData *blobs; /* 3 */
    protobuf_c_boolean has_blob;
    ProtobufCBinaryData blob; /* 4, optional */
} shapes;

static const ProtobufCFieldDescriptor shapes_fields[] = {
    {.name = "small",
     .id = 1,
     .label = PROTOBUF_C_LABEL_REPEATED,
     .type = PROTOBUF_C_TYPE_FIXED32,
     .quantifier_offset = offsetof(shapes, n_small),
     .offset = offsetof(shapes, small),
     .flags = PROTOBUF_C_FIELD_FLAG_PACKED},
    {.name = "large",
     .id = 2,
     .label = PROTOBUF_C_LABEL_REPEATED,
     .type = PROTOBUF_C_TYPE_FIXED64,
     .quantifier_offset = offsetof(shapes, n_large),
     .offset = offsetof(shapes, large),
     .flags = PROTOBUF_C_FIELD_FLAG_PACKED},
    {.name = "blobs",
     .id = 3,
     .label = PROTOBUF_C_LABEL_REPEATED,
     .type = PROTOBUF_C_TYPE_BYTES,
     .quantifier_offset = offsetof(shapes, n_blobs),
     .offset = offsetof(shapes, blobs)},
    {.name = "blob",
     .id = 4,
     .label = PROTOBUF_C_LABEL_OPTIONAL,
     .type = PROTOBUF_C_TYPE_BYTES,
     .quantifier_offset = offsetof(shapes, has_blob),
     .offset = offsetof(shapes, blob)},
};
static const ProtobufCIntRange shapes_ranges[] = {{1, 0}, {0, 4}};
static const ProtobufCMessageDescriptor shapes_descriptor = {
    .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
    .name = "test.v1.Shapes",
    .sizeof_message = sizeof(shapes),
    .n_fields = 4,
    .fields = shapes_fields,
    .n_field_ranges = 1,
    .field_ranges = shapes_ranges,
};

#endif
