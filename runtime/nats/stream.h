/* JetStream streams: made, checked, looked at, searched and trimmed. Every call is a question to
 * the server and waits for its answer (5 s at most).
 *
 * All may answer SKALD_UNAVAILABLE (not connected, no answer in time), SKALD_NOT_FOUND (no such
 * stream or message), SKALD_BROKER with JetStream's own words, SKALD_NO_MEMORY. */
#ifndef SKALD_NATS_STREAM_H
#define SKALD_NATS_STREAM_H

#include "nats/connection.h"

typedef struct skald_stream_state {
    uint64_t first_sequence; /* last_sequence + 1 when it is empty */
    uint64_t last_sequence;  /* 0 when nothing was ever stored */
    uint64_t message_count;
    int64_t created_ns;  /* another value: another stream of the same name */
    uint32_t partitions; /* as its description says; 0 when Skald did not make it */
    bool written_by_skald;
    bool direct; /* allow_direct: the next message behind a hole can be asked for */
} skald_stream_state;

/* A message of a stream. */
typedef struct skald_stream_message {
    uint64_t sequence;
    int64_t time_ns; /* when the server stored it */
    skald_nats_view view;
} skald_stream_message;

/* Makes the stream `service` with the subjects "<service>.event.>", "<service>.command.>" and
 * "<service>.reply.>", or checks that the existing one is as Skald needs it (one that takes events
 * only, made before there were commands, gets the other two): file storage, limits retention,
 * discard new, no expiry, no deletion, the same partitions. SKALD_UNSAFE names the setting, what
 * was found and what is needed. `bytes_max` 0: no limit but the server's; it is not checked. */
skald_status skald_stream_ensure(skald_nats *nats, const char *service, uint32_t partitions,
                                 int64_t bytes_max, skald_error *error);

skald_status skald_stream_look(skald_stream_state *out, skald_nats *nats, const char *stream,
                               skald_error *error);

/* The message at `sequence`, copied into `arena`. SKALD_NOT_FOUND for a hole. */
skald_status skald_stream_load(skald_stream_message *out, skald_nats *nats, const char *stream,
                               uint64_t sequence, skald_arena *arena, skald_error *error);

/* The first message at `sequence` or behind it, over holes. SKALD_NOT_FOUND at the end. */
skald_status skald_stream_next(skald_stream_message *out, skald_nats *nats, const char *stream,
                               uint64_t sequence, skald_arena *arena, skald_error *error);

/* The last message with a subject that matches `subject`, e.g. "orders.event.07.>". */
skald_status skald_stream_last(skald_stream_message *out, skald_nats *nats, const char *stream,
                               const char *subject, skald_arena *arena, skald_error *error);

/* Reads the headers of a message of a stream that Skald wrote: see skald_cloudevents_read; body
 * and partition are filled as well. SKALD_MALFORMED also when subject and headers disagree. */
skald_status skald_stream_decode(skald_message *out, const skald_stream_message *message,
                                 const char *service, skald_arena *arena, skald_error *error);

/* The Skald-Pos of a message as received, 0 when it has none that can be read. */
int64_t skald_nats_position(const skald_nats_view *message);

/* The sequence of the first message whose Skald-Pos is above `position`; last_sequence + 1 when
 * there is none. Messages without a position are taken to lie where their neighbours lie. */
skald_status skald_stream_find_position(uint64_t *out, skald_nats *nats, const char *stream,
                                        int64_t position, skald_error *error);

/* The sequence of the first message stored at `time_us` or later; last_sequence + 1 when there is
 * none. */
skald_status skald_stream_find_time(uint64_t *out, skald_nats *nats, const char *stream,
                                    int64_t time_us, skald_error *error);

/* Removes everything up to and including `sequence`. */
skald_status skald_stream_trim(skald_nats *nats, const char *stream, uint64_t sequence,
                               skald_error *error);

#endif
