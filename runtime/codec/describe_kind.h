/* Types and labels in protobuf-c's numbers and in those of skald.v1: one row each, used both ways.
 */
#ifndef SKALD_CODEC_DESCRIBE_KIND_H
#define SKALD_CODEC_DESCRIBE_KIND_H

#include <protobuf-c/protobuf-c.h>
#include <skald/v1/types.pb-c.h>

#define SKALD_DESCRIBE_TYPE_LIST(X)                                                                \
    X(DOUBLE)                                                                                      \
    X(FLOAT)                                                                                       \
    X(INT64)                                                                                       \
    X(UINT64)                                                                                      \
    X(INT32)                                                                                       \
    X(FIXED64)                                                                                     \
    X(FIXED32)                                                                                     \
    X(BOOL)                                                                                        \
    X(STRING)                                                                                      \
    X(MESSAGE)                                                                                     \
    X(BYTES)                                                                                       \
    X(UINT32)                                                                                      \
    X(ENUM)                                                                                        \
    X(SFIXED32)                                                                                    \
    X(SFIXED64)                                                                                    \
    X(SINT32)                                                                                      \
    X(SINT64)

#define SKALD_DESCRIBE_LABEL_LIST(X)                                                               \
    X(NONE, IMPLICIT)                                                                              \
    X(OPTIONAL, OPTIONAL)                                                                          \
    X(REQUIRED, REQUIRED)                                                                          \
    X(REPEATED, REPEATED)

#endif
