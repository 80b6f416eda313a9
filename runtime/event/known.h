/* The headers that carry an attribute of a message, by number. */
#ifndef SKALD_EVENT_KNOWN_H
#define SKALD_EVENT_KNOWN_H

#include "event/cloudevents.h"
#include "event/control.h"

#define SKALD_SPECVERSION "1.0"

/* One list for number and name. The four traces stand together, and so do the lines of control. */
#define SKALD_KNOWN_LIST(X)                                                                        \
    X(SPECVERSION, "ce-specversion")                                                               \
    X(ID, "ce-id")                                                                                 \
    X(SOURCE, "ce-source")                                                                         \
    X(TYPE, "ce-type")                                                                             \
    X(TIME, "ce-time")                                                                             \
    X(SUBJECT, "ce-subject")                                                                       \
    X(PARTITION_KEY, "ce-partitionkey")                                                            \
    X(CORRELATION_ID, "ce-correlationid")                                                          \
    X(CAUSATION_ID, "ce-causationid")                                                              \
    X(DATA_CONTENT_TYPE, "ce-datacontenttype")                                                     \
    X(CONTENT_TYPE, "Content-Type")                                                                \
    X(TRACEPARENT, "traceparent")                                                                  \
    X(TRACESTATE, "tracestate")                                                                    \
    X(CE_TRACEPARENT, "ce-traceparent")                                                            \
    X(CE_TRACESTATE, "ce-tracestate")                                                              \
    X(MESSAGE_ID, "Nats-Msg-Id")                                                                   \
    X(POSITION, SKALD_HEADER_POSITION)                                                             \
    X(PREVIOUS, SKALD_HEADER_PREVIOUS)                                                             \
    X(KIND, SKALD_HEADER_KIND)                                                                     \
    X(ADDRESSEE, SKALD_HEADER_ADDRESSEE)                                                           \
    X(OPERATION, SKALD_CONTROL_OPERATION)                                                          \
    X(UNDOES, SKALD_CONTROL_UNDOES)                                                                \
    X(ATTEMPT, SKALD_CONTROL_ATTEMPT)                                                              \
    X(OUTCOME, SKALD_CONTROL_OUTCOME)                                                              \
    X(REASON, SKALD_CONTROL_REASON)

typedef enum skald_known {
#define SKALD_KNOWN_ENUM(name, text) SKALD_KNOWN_##name,
    SKALD_KNOWN_LIST(SKALD_KNOWN_ENUM)
#undef SKALD_KNOWN_ENUM
        SKALD_KNOWN_COUNT,
} skald_known;

const char *skald_known_name(skald_known header);

/* The name in any case; SKALD_KNOWN_COUNT when it is none of them. */
skald_known skald_known_find(const char *name);

#endif
