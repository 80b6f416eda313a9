/* Single messages of a stream, and where in it a position or a time lies. */
#include "event/cloudevents.h"
#include "nats/stream.h"
#include "nats/stream_request.h"

#include <strings.h>

/* Takes `message`. */
static skald_status message_read(skald_stream_message *out, natsMsg *message, const char *stream,
                                 skald_arena *arena, skald_error *error)
{
    skald_stream_message read = {
        .sequence = natsMsg_GetSequence(message),
        .time_ns = natsMsg_GetTime(message),
    };
    const skald_status status = skald_nats_view_copy(&read.view, message, arena);
    natsMsg_Destroy(message);
    if (status != SKALD_OK)
        return skald_error_set(error, status, "NATS: no memory for a message of stream \"%s\"",
                               stream);
    *out = read;
    return SKALD_OK;
}

skald_status skald_stream_load(skald_stream_message *out, skald_nats *nats, const char *stream,
                               uint64_t sequence, skald_arena *arena, skald_error *error)
{
    natsMsg *message = NULL;
    jsErrCode code = 0;
    const skald_status connected = skald_stream_connected(nats, stream, error);
    if (connected != SKALD_OK)
        return connected;
    const natsStatus status = js_GetMsg(&message, nats->jetstream, stream, sequence, NULL, &code);
    if (status != NATS_OK)
        return skald_stream_failure(status, code, error, "read a message of", stream);
    return message_read(out, message, stream, arena, error);
}

skald_status skald_stream_last(skald_stream_message *out, skald_nats *nats, const char *stream,
                               const char *subject, skald_arena *arena, skald_error *error)
{
    natsMsg *message = NULL;
    jsErrCode code = 0;
    const skald_status connected = skald_stream_connected(nats, stream, error);
    if (connected != SKALD_OK)
        return connected;
    const natsStatus status =
        js_GetLastMsg(&message, nats->jetstream, stream, subject, NULL, &code);
    if (status != NATS_OK)
        return skald_stream_failure(status, code, error, "read the last message of", stream);
    return message_read(out, message, stream, arena, error);
}

static skald_status end_said(skald_error *error, const char *stream)
{
    return skald_error_set(error, SKALD_NOT_FOUND, "stream \"%s\" ends before that sequence",
                           stream);
}

/* For streams without direct access: one question per hole. */
static skald_status next_by_steps(skald_stream_message *out, skald_nats *nats, const char *stream,
                                  uint64_t sequence, const skald_stream_state *state,
                                  skald_arena *arena, skald_error *error)
{
    skald_status status = SKALD_NOT_FOUND;
    for (; status == SKALD_NOT_FOUND && sequence <= state->last_sequence; sequence++)
        status = skald_stream_load(out, nats, stream, sequence, arena, error);
    return status == SKALD_NOT_FOUND ? end_said(error, stream) : status;
}

static skald_status next_directly(skald_stream_message *out, skald_nats *nats, const char *stream,
                                  uint64_t sequence, skald_arena *arena, skald_error *error)
{
    natsMsg *message = NULL;
    jsDirectGetMsgOptions options;
    jsDirectGetMsgOptions_Init(&options);
    options.Sequence = sequence;
    options.NextBySubject = ">";
    const natsStatus status = js_DirectGetMsg(&message, nats->jetstream, stream, NULL, &options);
    if (status == NATS_NOT_FOUND)
        return end_said(error, stream);
    if (status != NATS_OK)
        return skald_stream_failure(status, 0, error, "read a message of", stream);
    return message_read(out, message, stream, arena, error);
}

skald_status skald_stream_next(skald_stream_message *out, skald_nats *nats, const char *stream,
                               uint64_t sequence, skald_arena *arena, skald_error *error)
{
    skald_status status = skald_stream_load(out, nats, stream, sequence, arena, error);
    if (status != SKALD_NOT_FOUND)
        return status;
    /* A hole, or there is no such stream. */
    skald_stream_state state;
    status = skald_stream_look(&state, nats, stream, error);
    if (status != SKALD_OK)
        return status;
    if (sequence < state.first_sequence)
        sequence = state.first_sequence;
    if (sequence > state.last_sequence)
        return end_said(error, stream);
    return state.direct ? next_directly(out, nats, stream, sequence, arena, error)
                        : next_by_steps(out, nats, stream, sequence, &state, arena, error);
}

int64_t skald_nats_position(const skald_nats_view *message)
{
    for (size_t i = 0; i < message->header_count; i++) {
        if (strcasecmp(message->headers[i].name, SKALD_HEADER_POSITION) != 0)
            continue;
        const char *digit = message->headers[i].value;
        int64_t position = 0;
        for (; *digit >= '0' && *digit <= '9'; digit++) {
            if (position > (INT64_MAX - (*digit - '0')) / 10)
                return 0;
            position = position * 10 + (*digit - '0');
        }
        return *digit == '\0' ? position : 0;
    }
    return 0;
}

skald_status skald_stream_decode(skald_message *out, const skald_stream_message *message,
                                 const char *service, skald_arena *arena, skald_error *error)
{
    const skald_nats_view *view = &message->view;
    skald_subject subject;
    if (!skald_subject_read(&subject, view->subject, service))
        return skald_error_set(error, SKALD_MALFORMED,
                               "subject \"%s\" is not one of service \"%s\"", view->subject,
                               service);
    *out = (skald_message){.partition = subject.partition, .body = view->body};
    const skald_status status =
        skald_cloudevents_read(out, view->headers, view->header_count, arena, error);
    if (status == SKALD_OK && !skald_subject_agrees(&subject, out))
        return skald_error_set(error, SKALD_MALFORMED,
                               "subject \"%s\" says another kind or addressee than the headers",
                               view->subject);
    return status;
}

/* What is looked for: the first message for which `behind` is true; it is false for all before it
 * and true for all after. */
typedef struct skald_search {
    skald_nats *nats;
    const char *stream;
    int64_t wanted;
    bool by_time; /* else by position */
} skald_search;

/* False when the message cannot tell, which is a message without a position. */
static bool message_tells(const skald_search *search, const skald_stream_message *message,
                          bool *behind)
{
    if (search->by_time) {
        *behind = message->time_ns / 1000 >= search->wanted;
        return true;
    }
    const int64_t position = skald_nats_position(&message->view);
    *behind = position > search->wanted;
    return position > 0;
}

/* Asks the first message at `from` or behind it that can tell. *found is `end` when there is none
 * before it. */
static skald_status probe(const skald_search *search, uint64_t from, uint64_t end, uint64_t *found,
                          bool *behind, skald_arena *arena, skald_error *error)
{
    for (;;) {
        skald_stream_message message;
        skald_arena_reset(arena);
        const skald_status status =
            skald_stream_next(&message, search->nats, search->stream, from, arena, error);
        if (status != SKALD_OK && status != SKALD_NOT_FOUND)
            return status;
        *found = status == SKALD_OK && message.sequence < end ? message.sequence : end;
        if (*found == end || message_tells(search, &message, behind))
            return SKALD_OK;
        from = message.sequence + 1;
    }
}

/* Before `low` nothing is behind; at `high` and after it everything is. */
static skald_status halve(const skald_search *search, uint64_t low, uint64_t high, uint64_t *out,
                          skald_arena *arena, skald_error *error)
{
    uint64_t first = high;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        uint64_t found = high;
        bool behind = false;
        const skald_status status = probe(search, middle, high, &found, &behind, arena, error);
        if (status != SKALD_OK)
            return status;
        if (found < high && !behind) {
            low = found + 1;
        } else {
            if (found < high)
                first = found;
            high = middle;
        }
    }
    *out = first;
    return SKALD_OK;
}

static skald_status search_run(const skald_search *search, uint64_t *out, skald_error *error)
{
    skald_stream_state state;
    skald_status status = skald_stream_look(&state, search->nats, search->stream, error);
    if (status != SKALD_OK)
        return status;
    skald_arena arena = {0};
    status = halve(search, state.first_sequence, state.last_sequence + 1, out, &arena, error);
    skald_arena_done(&arena);
    return status;
}

skald_status skald_stream_find_position(uint64_t *out, skald_nats *nats, const char *stream,
                                        int64_t position, skald_error *error)
{
    const skald_search wanted = {.nats = nats, .stream = stream, .wanted = position};
    return search_run(&wanted, out, error);
}

skald_status skald_stream_find_time(uint64_t *out, skald_nats *nats, const char *stream,
                                    int64_t time_us, skald_error *error)
{
    const skald_search wanted = {
        .nats = nats, .stream = stream, .wanted = time_us, .by_time = true};
    return search_run(&wanted, out, error);
}
