/* From a message to headers. */
#include "event/cloudevents.h"
#include "event/headers.h"
#include "event/known.h"
#include "event/percent.h"
#include "event/rfc3339.h"

#include <string.h>

typedef struct writer {
    skald_arena *scratch;
    skald_header_sink *sink;
    void *user;
    skald_status status; /* of the first failure; nothing is written after it */
} writer;

static void line_write(writer *out, const char *name, const char *value)
{
    if (out->status == SKALD_OK)
        out->status = out->sink(out->user, name, value);
}

static void attribute_write(writer *out, skald_known header, const char *value)
{
    if (out->status != SKALD_OK || value == NULL || value[0] == '\0')
        return;
    const char *encoded = skald_percent_encode(value, out->scratch);
    if (encoded == NULL)
        out->status = SKALD_NO_MEMORY;
    line_write(out, skald_known_name(header), encoded);
}

static void raw_value_write(writer *out, skald_known header, const char *value)
{
    if (value != NULL && value[0] != '\0' && skald_header_value_valid(value, strlen(value)))
        line_write(out, skald_known_name(header), value);
}

static void number_write(writer *out, skald_known header, int64_t number)
{
    char text[21];
    char *at = text + sizeof text - 1;
    *at = '\0';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    line_write(out, skald_known_name(header), at);
}

static skald_status user_header_write(void *user, const char *name, size_t name_size,
                                      const char *value, size_t value_size)
{
    writer *out = user;
    if (!skald_header_name_valid(name, name_size) || !skald_header_value_valid(value, value_size))
        return SKALD_OK;
    const char *name_text = skald_arena_text_sized(out->scratch, name, name_size);
    const char *value_text = skald_arena_text_sized(out->scratch, value, value_size);
    if (name_text == NULL || value_text == NULL)
        out->status = SKALD_NO_MEMORY;
    line_write(out, name_text, value_text);
    return out->status;
}

/* One line of the control; what is none of ours is left out. */
static skald_status control_line_write(void *user, const char *name, size_t name_size,
                                       const char *value, size_t value_size)
{
    writer *out = user;
    const char *name_text = skald_arena_text_sized(out->scratch, name, name_size);
    const char *value_text = skald_arena_text_sized(out->scratch, value, value_size);
    if (name_text == NULL || value_text == NULL)
        return out->status = SKALD_NO_MEMORY;
    const skald_known header = skald_known_find(name_text);
    if (header >= SKALD_KNOWN_OPERATION && header <= SKALD_KNOWN_REASON &&
        skald_header_value_valid(value, value_size))
        attribute_write(out, header, value_text);
    return out->status;
}

/* What an event does not have. */
static void address_write(writer *out, const skald_message *message)
{
    if (message->addressee == NULL)
        return;
    line_write(out, skald_known_name(SKALD_KNOWN_KIND),
               message->kind == SKALD_KIND_REPLY ? "reply" : "command");
    attribute_write(out, SKALD_KNOWN_ADDRESSEE, message->addressee);
    if (message->control != NULL && out->status == SKALD_OK)
        skald_headers_visit(message->control, control_line_write, out);
}

skald_status skald_cloudevents_write(const skald_message *message, skald_arena *scratch,
                                     skald_header_sink *sink, void *user)
{
    writer out = {.scratch = scratch, .sink = sink, .user = user};
    char time[SKALD_RFC3339_SIZE];
    attribute_write(&out, SKALD_KNOWN_SPECVERSION, SKALD_SPECVERSION);
    attribute_write(&out, SKALD_KNOWN_ID, message->id);
    attribute_write(&out, SKALD_KNOWN_SOURCE, message->source);
    attribute_write(&out, SKALD_KNOWN_TYPE, message->type);
    if (skald_rfc3339_format(message->time_us, time))
        attribute_write(&out, SKALD_KNOWN_TIME, time);
    attribute_write(&out, SKALD_KNOWN_SUBJECT, message->key);
    attribute_write(&out, SKALD_KNOWN_CORRELATION_ID, message->correlation_id);
    attribute_write(&out, SKALD_KNOWN_CAUSATION_ID, message->causation_id);
    attribute_write(&out, SKALD_KNOWN_DATA_CONTENT_TYPE, message->content_type);
    raw_value_write(&out, SKALD_KNOWN_CONTENT_TYPE, message->content_type);
    raw_value_write(&out, SKALD_KNOWN_TRACEPARENT, message->traceparent);
    raw_value_write(&out, SKALD_KNOWN_TRACESTATE, message->tracestate);
    if (message->headers != NULL && out.status == SKALD_OK)
        skald_headers_visit(message->headers, user_header_write, &out);
    if (message->position > 0)
        number_write(&out, SKALD_KNOWN_POSITION, message->position);
    if (message->previous >= 0)
        number_write(&out, SKALD_KNOWN_PREVIOUS, message->previous);
    address_write(&out, message);
    return out.status;
}
