/* From headers to a message. Headers come from anybody: each is checked before it is believed. */
#include "event/cloudevents.h"
#include "event/headers.h"
#include "event/known.h"
#include "event/percent.h"
#include "event/rfc3339.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define CONTENT_TYPE_STRUCTURED "application/cloudevents"

typedef struct reader {
    skald_arena *arena;
    skald_error *error;
    const char *values[SKALD_KNOWN_COUNT]; /* as received; NULL: absent */
    size_t own_size;                       /* of the user's headers as lines */
} reader;

static skald_status malformed(const reader *in, skald_known header, const char *reason)
{
    return skald_error_set(in->error, SKALD_MALFORMED, "header \"%s\" %s", skald_known_name(header),
                           reason);
}

static skald_status no_memory(const reader *in)
{
    return skald_error_set(in->error, SKALD_NO_MEMORY, "no memory for a message's headers");
}

/* Several programs on a message's way may each have added a trace in their own case: the first is
 * kept. Of anything else there is one. */
static skald_status known_note(reader *in, skald_known header, const char *value)
{
    const bool trace = header >= SKALD_KNOWN_TRACEPARENT && header <= SKALD_KNOWN_CE_TRACESTATE;
    if (in->values[header] != NULL && !trace)
        return malformed(in, header, "is there twice");
    if (in->values[header] == NULL)
        in->values[header] = value;
    return SKALD_OK;
}

static skald_bytes blanks_strip(const char *value)
{
    size_t size = strlen(value);
    while (size > 0 && (value[0] == ' ' || value[0] == '\t')) {
        value++;
        size--;
    }
    while (size > 0 && (value[size - 1] == ' ' || value[size - 1] == '\t'))
        size--;
    return (skald_bytes){value, size};
}

static bool own_valid(const skald_header_view *header)
{
    const skald_bytes value = blanks_strip(header->value);
    return skald_header_name_valid(header->name, strlen(header->name)) &&
           skald_header_value_valid(value.data, value.size);
}

static skald_status headers_sort(reader *in, const skald_header_view *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const skald_known header = skald_known_find(headers[i].name);
        if (header == SKALD_KNOWN_COUNT) {
            if (own_valid(&headers[i]))
                in->own_size += strlen(headers[i].name) + blanks_strip(headers[i].value).size + 3;
            continue;
        }
        const skald_status status = known_note(in, header, headers[i].value);
        if (status != SKALD_OK)
            return status;
    }
    return SKALD_OK;
}

/* The user's own headers as lines, see headers.h. */
static skald_status own_read(reader *in, const char **out, const skald_header_view *headers,
                             size_t count)
{
    if (in->own_size > SKALD_HEADERS_SIZE_MAX)
        return skald_error_set(in->error, SKALD_MALFORMED,
                               "the user's headers take %zu bytes together, %u may be",
                               in->own_size, SKALD_HEADERS_SIZE_MAX);
    if (in->own_size == 0)
        return SKALD_OK;
    char *lines = skald_arena_alloc(in->arena, in->own_size + 1);
    if (lines == NULL)
        return no_memory(in);
    *out = lines;
    for (size_t i = 0; i < count; i++) {
        if (skald_known_find(headers[i].name) != SKALD_KNOWN_COUNT || !own_valid(&headers[i]))
            continue;
        const skald_bytes value = blanks_strip(headers[i].value);
        lines = stpcpy(stpcpy(lines, headers[i].name), ": ");
        lines = mempcpy(lines, value.data, value.size);
        *lines++ = '\n';
    }
    return SKALD_OK;
}

/* *out keeps what it has when the header is absent or empty. */
static skald_status attribute_read(const reader *in, const char **out, skald_known header,
                                   size_t size_max)
{
    if (in->values[header] == NULL)
        return SKALD_OK;
    const char *reason = NULL;
    const char *value = NULL;
    const skald_status status =
        skald_percent_decode(&value, blanks_strip(in->values[header]), in->arena, &reason);
    if (status == SKALD_NO_MEMORY)
        return no_memory(in);
    if (status != SKALD_OK)
        return malformed(in, header, reason);
    if (strlen(value) > size_max)
        return skald_error_set(in->error, SKALD_MALFORMED,
                               "header \"%s\" has %zu bytes, %zu may be", skald_known_name(header),
                               strlen(value), size_max);
    if (value[0] != '\0')
        *out = value;
    return SKALD_OK;
}

/* An attribute that may be absent but not empty. */
static skald_status name_read(const reader *in, const char **out, skald_known header,
                              size_t size_max)
{
    const skald_status status = attribute_read(in, out, header, size_max);
    if (status == SKALD_OK && *out == NULL && in->values[header] != NULL)
        return malformed(in, header, "is empty");
    return status;
}

/* As it came. One that is not valid is left out: it is not worth losing the message for. */
static skald_status raw_read(const reader *in, const char **out, const char *value)
{
    if (value == NULL)
        return SKALD_OK;
    const skald_bytes raw = blanks_strip(value);
    if (raw.size == 0 || raw.size > SKALD_HEADERS_SIZE_MAX ||
        !skald_header_value_valid(raw.data, raw.size))
        return SKALD_OK;
    const char *copy = skald_arena_text_sized(in->arena, raw.data, raw.size);
    if (copy == NULL)
        return no_memory(in);
    *out = copy;
    return SKALD_OK;
}

static skald_status trace_read(const reader *in, const char **out, skald_known bare,
                               skald_known extension)
{
    return raw_read(in, out, in->values[bare] != NULL ? in->values[bare] : in->values[extension]);
}

/* NATS' own id is no CloudEvents attribute: nothing in it is encoded. */
static skald_status id_read(const reader *in, const char **out)
{
    if (in->values[SKALD_KNOWN_ID] != NULL)
        return name_read(in, out, SKALD_KNOWN_ID, SKALD_ID_SIZE_MAX);
    const skald_status status = raw_read(in, out, in->values[SKALD_KNOWN_MESSAGE_ID]);
    if (status != SKALD_OK || in->values[SKALD_KNOWN_MESSAGE_ID] == NULL)
        return status;
    if (*out == NULL || strlen(*out) > SKALD_ID_SIZE_MAX)
        return malformed(in, SKALD_KNOWN_MESSAGE_ID, "is empty, too long or not text");
    return SKALD_OK;
}

static skald_status number_read(const reader *in, int64_t *out, skald_known header, int64_t min)
{
    if (in->values[header] == NULL)
        return SKALD_OK;
    const skald_bytes raw = blanks_strip(in->values[header]);
    const char *digits = raw.data;
    int64_t number = 0;
    bool fits = raw.size > 0;
    for (size_t i = 0; i < raw.size && fits; i++) {
        const int digit = digits[i] - '0';
        fits = digit >= 0 && digit <= 9 && number <= (INT64_MAX - digit) / 10;
        number = fits ? number * 10 + digit : 0;
    }
    if (!fits || number < min)
        return malformed(in, header, "is not a positive decimal number");
    *out = number;
    return SKALD_OK;
}

static skald_status place_read(const reader *in, skald_message *message)
{
    message->position = 0;
    message->previous = -1;
    skald_status status = number_read(in, &message->position, SKALD_KNOWN_POSITION, 1);
    if (status == SKALD_OK)
        status = number_read(in, &message->previous, SKALD_KNOWN_PREVIOUS, 0);
    if (status == SKALD_OK && message->position != 0 && message->previous >= message->position)
        return malformed(in, SKALD_KNOWN_PREVIOUS, "is not before the message's own position");
    return status;
}

static skald_status mode_check(const reader *in)
{
    const char *version = NULL;
    const skald_status status = attribute_read(in, &version, SKALD_KNOWN_SPECVERSION, SIZE_MAX);
    if (status != SKALD_OK)
        return status;
    if (version != NULL && strcmp(version, SKALD_SPECVERSION) != 0)
        return malformed(in, SKALD_KNOWN_SPECVERSION, "is not " SKALD_SPECVERSION);
    const char *type = in->values[SKALD_KNOWN_CONTENT_TYPE];
    if (type != NULL && strncasecmp(blanks_strip(type).data, CONTENT_TYPE_STRUCTURED,
                                    strlen(CONTENT_TYPE_STRUCTURED)) == 0)
        return malformed(in, SKALD_KNOWN_CONTENT_TYPE,
                         "is that of structured mode; Skald reads binary mode");
    return SKALD_OK;
}

static skald_status names_read(const reader *in, skald_message *message)
{
    message->id = message->source = message->type = message->content_type = NULL;
    skald_status status = id_read(in, &message->id);
    if (status == SKALD_OK)
        status = name_read(in, &message->source, SKALD_KNOWN_SOURCE, SKALD_HEADERS_SIZE_MAX);
    if (status == SKALD_OK)
        status = name_read(in, &message->type, SKALD_KNOWN_TYPE, SKALD_TYPE_SIZE_MAX);
    if (status == SKALD_OK)
        status = attribute_read(in, &message->content_type, SKALD_KNOWN_DATA_CONTENT_TYPE,
                                SKALD_HEADERS_SIZE_MAX);
    if (status == SKALD_OK)
        status = raw_read(in, &message->content_type, in->values[SKALD_KNOWN_CONTENT_TYPE]);
    return status;
}

static skald_status relations_read(const reader *in, skald_message *message)
{
    message->key = "";
    message->correlation_id = message->causation_id = NULL;
    message->traceparent = message->tracestate = NULL;
    skald_status status =
        attribute_read(in, &message->key, SKALD_KNOWN_SUBJECT, SKALD_KEY_SIZE_MAX);
    if (status == SKALD_OK)
        status = attribute_read(in, &message->key, SKALD_KNOWN_PARTITION_KEY, SKALD_KEY_SIZE_MAX);
    if (status == SKALD_OK)
        status = attribute_read(in, &message->correlation_id, SKALD_KNOWN_CORRELATION_ID,
                                SKALD_ID_SIZE_MAX);
    if (status == SKALD_OK)
        status =
            attribute_read(in, &message->causation_id, SKALD_KNOWN_CAUSATION_ID, SKALD_ID_SIZE_MAX);
    if (status == SKALD_OK)
        status = trace_read(in, &message->traceparent, SKALD_KNOWN_TRACEPARENT,
                            SKALD_KNOWN_CE_TRACEPARENT);
    if (status == SKALD_OK)
        status =
            trace_read(in, &message->tracestate, SKALD_KNOWN_TRACESTATE, SKALD_KNOWN_CE_TRACESTATE);
    return status;
}

static skald_status time_read(const reader *in, int64_t *out_us)
{
    const char *text = NULL;
    const skald_status status = attribute_read(in, &text, SKALD_KNOWN_TIME, SKALD_HEADERS_SIZE_MAX);
    *out_us = 0;
    if (status == SKALD_OK && text != NULL && !skald_rfc3339_parse(out_us, text))
        return malformed(in, SKALD_KNOWN_TIME, "is not a time in RFC 3339's form");
    return status;
}

static skald_status kind_read(const reader *in, skald_message *message)
{
    const char *kind = NULL;
    const char *addressee = NULL;
    skald_status status = name_read(in, &kind, SKALD_KNOWN_KIND, SKALD_HEADERS_SIZE_MAX);
    if (status == SKALD_OK)
        status = name_read(in, &addressee, SKALD_KNOWN_ADDRESSEE, SKALD_ADDRESSEE_SIZE_MAX);
    if (status != SKALD_OK)
        return status;
    message->kind = SKALD_KIND_EVENT;
    message->addressee = NULL;
    if (kind == NULL && addressee == NULL)
        return SKALD_OK;
    if (addressee == NULL || !skald_addressee_valid(addressee))
        return malformed(in, SKALD_KNOWN_ADDRESSEE, "is not the name of a service");
    const bool reply = kind != NULL && strcmp(kind, "reply") == 0;
    if (!reply && (kind == NULL || strcmp(kind, "command") != 0))
        return malformed(in, SKALD_KNOWN_KIND, "is neither command nor reply");
    message->kind = reply ? SKALD_KIND_REPLY : SKALD_KIND_COMMAND;
    message->addressee = addressee;
    return SKALD_OK;
}

/* Back to lines. A value that would break them was not written by Skald. */
static skald_status control_read(const reader *in, const char **out)
{
    const char *lines = NULL;
    for (int i = SKALD_KNOWN_OPERATION; i <= SKALD_KNOWN_REASON; i++) {
        const char *value = NULL;
        const skald_known header = (skald_known)i;
        const skald_status status =
            attribute_read(in, &value, header, SKALD_CONTROL_VALUE_SIZE_MAX);
        if (status != SKALD_OK)
            return status;
        if (value == NULL)
            continue;
        if (!skald_header_value_valid(value, strlen(value)))
            return malformed(in, header, "has control characters or a blank at an end");
        lines = skald_arena_format(in->arena, "%s%s: %s\n", lines != NULL ? lines : "",
                                   skald_known_name(header), value);
        if (lines == NULL)
            return no_memory(in);
    }
    *out = lines;
    return SKALD_OK;
}

skald_status skald_cloudevents_read(skald_message *message, const skald_header_view *headers,
                                    size_t count, skald_arena *arena, skald_error *error)
{
    reader in = {.arena = arena, .error = error};
    skald_message result = *message;
    result.headers = NULL;
    result.control = NULL;
    skald_status status = headers_sort(&in, headers, count);
    if (status == SKALD_OK)
        status = mode_check(&in);
    if (status == SKALD_OK)
        status = place_read(&in, &result);
    if (status == SKALD_OK)
        status = names_read(&in, &result);
    if (status == SKALD_OK)
        status = relations_read(&in, &result);
    if (status == SKALD_OK)
        status = time_read(&in, &result.time_us);
    if (status == SKALD_OK)
        status = own_read(&in, &result.headers, headers, count);
    if (status == SKALD_OK)
        status = kind_read(&in, &result);
    if (status == SKALD_OK && result.kind != SKALD_KIND_EVENT)
        status = control_read(&in, &result.control);
    if (status == SKALD_OK)
        *message = result;
    return status;
}
