/* Key, ids, trace and headers are carried on by themselves. */
#include "outbox/compose.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "codec/encode.h"
#include "event/headers.h"

#include <inttypes.h>
#include <skald/partition.h>
#include <string.h>

/* The first that is given. */
static const char *either(const char *given, const char *inherited)
{
    return given != NULL ? given : inherited;
}

static skald_status text_check(const char *what, const char *text, size_t size_max,
                               skald_error *error)
{
    if (text == NULL)
        return SKALD_OK;
    const size_t size = strlen(text);
    if (size > size_max)
        return skald_error_set(error, SKALD_FULL, "the %s has %zu bytes, at most %zu are possible",
                               what, size, size_max);
    if (skald_utf8_valid_size(text, size) != size)
        return skald_error_set(error, SKALD_INVALID, "the %s is not valid UTF-8", what);
    return SKALD_OK;
}

static skald_status texts_check(const skald_message *message, skald_error *error)
{
    const struct {
        const char *what;
        const char *text;
        size_t size_max;
    } checks[] = {
        {"key", message->key, SKALD_KEY_SIZE_MAX},
        {"correlation id", message->correlation_id, SKALD_ID_SIZE_MAX},
        {"causation id", message->causation_id, SKALD_ID_SIZE_MAX},
        {"traceparent", message->traceparent, SKALD_ID_SIZE_MAX},
        {"tracestate", message->tracestate, 512},
    };
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        const skald_status status =
            text_check(checks[i].what, checks[i].text, checks[i].size_max, error);
        if (status != SKALD_OK)
            return status;
    }
    return SKALD_OK;
}

static skald_status id_choose(const char **out, const char *given, skald_arena *arena,
                              skald_error *error)
{
    unsigned char bytes[16];
    if (given != NULL && !skald_uuid_parse(given, bytes))
        return skald_error_set(error, SKALD_INVALID, "the event id \"%.60s\" is not a UUID", given);
    char *id = skald_arena_alloc(arena, 37);
    if (id == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for an event");
    if (given != NULL)
        skald_uuid_format(bytes, id);
    else
        skald_uuid7(id);
    *out = id;
    return SKALD_OK;
}

/* An empty set of options, and options of a size this library does not know, would be read wrongly.
 */
static skald_status options_check(const skald_publish_options *options, skald_error *error)
{
    if (options->size != sizeof *options)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_publish_options.size is %zu, not %zu: use "
                               "SKALD_PUBLISH_OPTIONS_INIT",
                               options->size, sizeof *options);
    if (options->header_count > 0 && options->headers == NULL)
        return skald_error_set(error, SKALD_INVALID, "header_count is %zu, but headers is NULL",
                               options->header_count);
    if (options->delay_ms > 0 && options->at_us != 0)
        return skald_error_set(error, SKALD_INVALID,
                               "a message is published after delay_ms or at at_us, not both: leave "
                               "one of them 0");
    if (options->at_us < 0 || options->delay_ms > SKALD_DELAY_MS_MAX)
        return skald_error_set(error, SKALD_INVALID,
                               "a message is to be published in %" PRIu64 " ms or at %" PRId64
                               " us, which is before 1970 or in more than ten years",
                               options->delay_ms, options->at_us);
    return SKALD_OK;
}

bool skald_publish_waits(const skald_publish_options *options)
{
    return options != NULL && (options->delay_ms > 0 || options->at_us > 0);
}

skald_status skald_compose(skald_message *out, const ProtobufCMessage *event,
                           const skald_publish_options *options, const skald_message *parent,
                           uint32_t partitions, skald_arena *arena, skald_error *error)
{
    static const skald_publish_options nothing = SKALD_PUBLISH_OPTIONS_INIT;
    static const skald_message nobody;
    if (options == NULL)
        options = &nothing;
    if (parent == NULL)
        parent = &nobody;
    skald_message message = {.kind = SKALD_KIND_EVENT, .previous = -1};
    skald_status status = options_check(options, error);
    if (status == SKALD_OK)
        status = skald_encode(&message.body, event, arena, error);
    if (status == SKALD_OK)
        status = id_choose(&message.id, options->id, arena, error);
    if (status == SKALD_OK)
        status = skald_headers_merge(&message.headers, parent->headers, options->headers,
                                     options->header_count, arena, error);
    if (status != SKALD_OK)
        return status;
    message.type = event->descriptor->name;
    message.key = either(options->key, parent->key);
    if (message.key == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "%s is published without a key: set skald_publish_options.key",
                               message.type);
    message.correlation_id = either(options->correlation_id,
                                    either(parent->correlation_id, either(parent->id, message.id)));
    message.causation_id = either(options->causation_id, parent->id);
    message.traceparent = either(options->traceparent, parent->traceparent);
    message.tracestate = either(options->tracestate, parent->tracestate);
    message.partition = skald_partition_of(message.key, strlen(message.key), partitions);
    status = texts_check(&message, error);
    if (status == SKALD_OK)
        *out = message;
    return status;
}
