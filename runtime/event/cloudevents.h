/* A message as CloudEvents 1.0 in binary mode over NATS, and back: which header carries what.
 *
 * This file knows header names and formats and no NATS library: it writes to and reads from a
 * callback, so that cnats stays in runtime/nats. Attribute values are percent-encoded as the NATS
 * binding of CloudEvents asks. */
#ifndef SKALD_EVENT_CLOUDEVENTS_H
#define SKALD_EVENT_CLOUDEVENTS_H

#include "base/arena.h"

#include <skald/message.h>
#include <skald/status.h>
#include <stdbool.h>

/* Skald's own headers beside the ce- ones. */
#define SKALD_HEADER_POSITION "Skald-Pos"    /* decimal; the row's place in the origin's outbox */
#define SKALD_HEADER_PREVIOUS "Skald-Prev"   /* decimal; the position before it in the same lane */
#define SKALD_HEADER_KIND "Skald-Kind"       /* "command" or "reply"; absent: an event */
#define SKALD_HEADER_ADDRESSEE "Skald-To"    /* of a command or a reply: the service it is for */
#define SKALD_HEADER_MISSING "Skald-Missing" /* "end" on the last message of a repair's answer */

/* Receives one header; value is NUL-terminated and only lives during the call. */
typedef skald_status skald_header_sink(void *user, const char *name, const char *value);

/* Writes every header of `message`: ce-specversion, ce-id, ce-source, ce-type, ce-time (RFC 3339,
 * UTC, microseconds), ce-subject (the key), ce-correlationid, ce-causationid, ce-datacontenttype
 * and Content-Type, traceparent, tracestate, the user's own, Skald-Pos and Skald-Prev; of a command
 * or a reply also Skald-Kind, Skald-To and the lines of its control (event/control.h); what is
 * NULL, empty or unknown is left out, and so is a trace or a header of the user's that is not a
 * valid value (rows can be written by hand, and the relay must not stop at one). `scratch` is used
 * during the call. SKALD_NO_MEMORY, or what the sink answered. */
skald_status skald_cloudevents_write(const skald_message *message, skald_arena *scratch,
                                     skald_header_sink *sink, void *user);

/* One header as received. */
typedef struct skald_header_view {
    const char *name;
    const char *value;
} skald_header_view;

/* Fills `message` from headers in any case: ids, source, type, key (ce-partitionkey, else
 * ce-subject, else ""), time (0 when absent), content type (Content-Type, else ce-datacontenttype),
 * correlation, trace (bare, else ce-), the user's own (everything that is not reserved and is a
 * valid header; others are dropped, as is a trace that is not a valid value), position and previous
 * (0 and -1 when absent; id from Nats-Msg-Id when there is no ce-id), kind, addressee and control
 * (an event, NULL and NULL when absent). Values are percent-decoded and copied into `arena`; body
 * and partition are left alone. SKALD_MALFORMED with the
 * header's name and what is wrong with it: bad percent-encoding or UTF-8, a position that is not a
 * positive decimal, a limit of <skald/message.h> passed, a ce-time that is none, a ce-specversion
 * other than 1.0, Content-Type of structured mode, a duplicate of a header that must be single, a
 * kind that is none or has no addressee.
 * SKALD_NO_MEMORY. `message` is left alone on failure. */
skald_status skald_cloudevents_read(skald_message *message, const skald_header_view *headers,
                                    size_t count, skald_arena *arena, skald_error *error);

/* "<service>.event.<pp>.<Type>", "<service>.command.<addressee>.<pp>.<Type>" or
 * "<service>.reply.<addressee>.<pp>.<Type>" for a message to publish; NULL without memory. */
char *skald_subject_of(const char *service, const skald_message *message, skald_arena *arena);

/* What a subject of one of those forms says. */
typedef struct skald_subject {
    skald_kind kind;
    skald_bytes addressee; /* borrowed from the subject; empty: an event */
    uint32_t partition;
} skald_subject;

/* False when `subject` is not one of `service`'s. */
bool skald_subject_read(skald_subject *out, const char *subject, const char *service);

/* Does the subject say the same as the headers that were read into `message`? */
bool skald_subject_agrees(const skald_subject *subject, const skald_message *message);

enum { SKALD_ADDRESSEE_SIZE_MAX = 63 };

/* Lower-case letters, digits and "-", as the names of services. */
bool skald_addressee_valid(const char *name);

#endif
