/* What the JSON mapping needs to know of a field beside its type, and access to its value. */
#ifndef SKALD_JSON_FIELD_H
#define SKALD_JSON_FIELD_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

enum { SKALD_JSON_NAME_SIZE = 256 };

/* The member that holds what no field could: a name with "@" never belongs to a field. */
#define SKALD_JSON_UNKNOWN "@unknown"

/* "unit_price" in JSON: "unitPrice". Descriptors of protobuf-c do not hold a json_name of its own.
 */
void skald_json_name_of(const char *name, char out[SKALD_JSON_NAME_SIZE]);

/* Is this field a map? protoc makes it a repeated message inside its parent, with fields "key" and
 * "value": map<...> unit_prices in shop.v1.Order is shop.v1.Order.UnitPricesEntry. */
bool skald_json_map(const ProtobufCMessageDescriptor *parent,
                    const ProtobufCFieldDescriptor *field);

/* Is the field given? Repeated ones and those of proto3 without presence: are they not empty? */
bool skald_json_given(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field);

/* Can it be told whether the field is given? */
bool skald_json_presence(const ProtobufCFieldDescriptor *field);

/* Types of google.protobuf that JSON has its own form for. */
typedef enum skald_json_special {
    SKALD_JSON_PLAIN,
    SKALD_JSON_TIMESTAMP,
    SKALD_JSON_DURATION,
    SKALD_JSON_WRAPPER, /* StringValue, Int64Value, ...: written as the value in it */
} skald_json_special;

/* By name and by fields: a type that only has the name is plain. */
skald_json_special skald_json_special_of(const ProtobufCMessageDescriptor *descriptor);

/* Of a timestamp or a duration. */
typedef struct skald_json_seconds {
    int64_t seconds;
    int32_t nanos;
} skald_json_seconds;

skald_json_seconds skald_json_seconds_get(const ProtobufCMessage *message);
void skald_json_seconds_set(ProtobufCMessage *message, skald_json_seconds value);

static inline void *skald_json_member(const ProtobufCMessage *message, unsigned offset)
{
    return (char *)(uintptr_t)message + offset;
}

#endif
