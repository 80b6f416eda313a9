/* Reads a stream in order from a sequence on, without hole or repeat, or says that it cannot.
 *
 * Behind it is a private consumer (no acks, in memory, gone after 30 s without interest) and our
 * own pull requests. It promises: messages arrive in the order of their sequences and none is left
 * out; as soon as that is in doubt (connection renewed, consumer gone, gap, silence) `doubt` is
 * called once and then nothing more. The user then closes it and opens another where it knows it
 * stands. */
#ifndef SKALD_NATS_PULLER_H
#define SKALD_NATS_PULLER_H

#include "nats/connection.h"
#include "nats/stream.h"

typedef struct skald_puller skald_puller;

/* Receives the next message; see connection.h for what a callback may do. skald_puller_allow is
 * allowed. */
typedef void skald_puller_data(void *user, const skald_stream_message *message);

/* Says why the puller cannot go on. */
typedef void skald_puller_doubt(void *user, const char *reason);

typedef struct skald_puller_options {
    const char *stream;
    const char *filter;      /* a subject with wildcards; NULL: everything */
    uint64_t start_sequence; /* 1 or more; may lie behind the end of the stream */
    skald_puller_data *data;
    skald_puller_doubt *doubt;
    void *user;
} skald_puller_options;

/* Creates the consumer. Brings nothing before skald_puller_allow. SKALD_NOT_FOUND when there is no
 * such stream, SKALD_UNAVAILABLE, SKALD_BROKER. */
skald_status skald_puller_open(skald_puller **out, skald_nats *nats,
                               const skald_puller_options *options, skald_error *error);

/* After the return no callback runs any more. NULL is accepted. */
void skald_puller_close(skald_puller *puller);

/* Grants room for `count` more messages. What is not granted is not sent, so the user's memory is
 * bounded by what it grants. Any thread. */
void skald_puller_allow(skald_puller *puller, uint32_t count);

#endif
