/* What the relay's files share; relay.h is the door.
 *
 * Two threads. The relay's own reads the outbox and publishes; nothing else may hold it up. The
 * keeper has a connection to PostgreSQL of its own and does what takes longer: it answers followers
 * that miss something, notes how far they are, and trims. */
#ifndef SKALD_OUTBOX_RELAY_PARTS_H
#define SKALD_OUTBOX_RELAY_PARTS_H

#include "nats/chain.h"
#include "outbox/reader.h"
#include "outbox/relay.h"
#include "pg/connection.h"

#include <pthread.h>
#include <skald/partition.h>

enum {
    SKALD_RELAY_REQUESTS_MAX = 32, /* waiting for the keeper; more are dropped and asked again */
    SKALD_RELAY_REQUEST_SIZE_MAX = 4096, /* of one, as it came */
    SKALD_RELAY_REPLY_SIZE_MAX = 256,
    SKALD_RELAY_KEEP_MS = 5000, /* between two rounds of housekeeping */
};

/* How long rows and messages are kept after all have passed them: a confirmation of nats-server 2.9
 * is no promise that a power cut spares, and what the stream lost comes from here again. */
#define SKALD_RELAY_RETENTION_SECONDS (7u * 24u * 3600u)

/* A message to the relay, copied out of the callback that brought it. */
typedef struct skald_relay_request {
    bool missing; /* else: reached */
    char reply[SKALD_RELAY_REPLY_SIZE_MAX];
    size_t size;
    unsigned char body[SKALD_RELAY_REQUEST_SIZE_MAX];
} skald_relay_request;

typedef struct skald_relay_keeper {
    pthread_t thread;
    skald_pg *pg;
    bool failing; /* said already */
    uint64_t round;

    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wanted;
    bool stopping;
    size_t request_count;
    skald_relay_request requests[SKALD_RELAY_REQUESTS_MAX]; /* oldest first */
} skald_relay_keeper;

/* What is known about the stream's end. */
typedef struct skald_relay_place {
    uint64_t first_sequence;
    uint64_t last_sequence;
    bool dense;               /* no message between the first and the last is missing */
    uint64_t foreign_count;   /* messages at the end that are not Skald's */
    int64_t position;         /* of the last that is; without one, where the outbox begins */
    bool found;               /* there is one */
    char event_id[40];        /* of it */
    int64_t trimmed_position; /* the outbox holds nothing up to here */
} skald_relay_place;

struct skald_relay {
    skald_relay_options options;
    char source[80]; /* CloudEvents source: "/<service>" */
    atomic_bool leads;
    atomic_bool stopping;
    atomic_int_fast64_t confirmed;

    /* The rest but for the keeper belongs to the relay's thread. */
    pthread_t thread;
    skald_pg *pg;
    skald_outbox_reader *reader;
    skald_chain *chain;
    int64_t previous[SKALD_PARTITIONS_MAX]; /* the last position of each lane */
    uint64_t counted;                       /* of what the chain confirmed */
    uint64_t heard;                         /* of the bell */
    skald_relay_place place;                /* where the chain in hand began */
    uint32_t failures;
    skald_status said; /* the outage that was logged last, and when; SKALD_OK: it is over */
    uint64_t said_ms;
    int64_t said_position; /* the place that was logged last */
    uint64_t said_sequence;
    skald_nats_listener *bell_listener;
    skald_nats_listener *missing_listener;
    skald_nats_listener *reached_listener;

    skald_relay_keeper keeper;
};

/* Looks where the stream ends and opens reader and chain there. SKALD_HISTORY_LOST when the stream
 * holds what the database does not. */
skald_status skald_relay_resume(skald_relay *relay, skald_error *error);

/* Opens relay->pg if it is not open. */
skald_status skald_relay_connect(skald_pg **pg, const skald_relay *relay, skald_error *error);

/* The keeper's thread works from start to stop, and only while the relay leads. */
skald_status skald_relay_keeper_start(skald_relay *relay, skald_error *error);
void skald_relay_keeper_stop(skald_relay *relay);

/* Callbacks of cnats: put the message into the keeper's queue. */
void skald_relay_hear_missing(void *relay, const skald_nats_view *message);
void skald_relay_hear_reached(void *relay, const skald_nats_view *message);

/* Answers one MissingRequest from the outbox. */
skald_status skald_relay_answer_missing(skald_relay *relay, const skald_relay_request *request,
                                        skald_error *error);

/* Stores one ReachedReport. */
skald_status skald_relay_note_reached(skald_relay *relay, const skald_relay_request *request,
                                      skald_error *error);

/* Drops ranges of the outbox, and messages of the stream, that nobody needs any more. */
skald_status skald_relay_trim_outbox(skald_relay *relay, skald_error *error);
skald_status skald_relay_trim_stream(skald_relay *relay, skald_error *error);

#endif
