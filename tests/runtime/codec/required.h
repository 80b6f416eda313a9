/* A message with required fields, as proto2 has them; protoc would make the same. */
#ifndef TEST_CODEC_REQUIRED_H
#define TEST_CODEC_REQUIRED_H

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

enum { REQUIRED_MANY = 70 }; /* more than the check keeps track of */

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

#endif
