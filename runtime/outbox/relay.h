/* The relay: copies the outbox to the stream, in order, without hole or repeat. One process of a
 * service leads; leases decide which. Even two leaders at once do no harm: the stream's chained
 * publish lets only one of them through.
 *
 * It keeps no cursor: it resumes from the position in the stream's last message. */
#ifndef SKALD_OUTBOX_RELAY_H
#define SKALD_OUTBOX_RELAY_H

#include "base/log.h"
#include "nats/connection.h"
#include "outbox/bell.h"

#include <skald/status.h>
#include <stdatomic.h>
#include <stdint.h>

typedef struct skald_relay skald_relay;

typedef struct skald_relay_options {
    const char *service; /* borrowed, as all of these, until the relay is closed */
    const char *database;
    const char *application; /* for pg_stat_activity */
    uint32_t partitions;
    skald_nats *nats;
    skald_bell *bell;
    skald_log *log;
    atomic_uint_fast64_t *relayed; /* counts confirmed rows */
    uint32_t retention_seconds;    /* of rows and messages that all have passed; 0: 7 days */
} skald_relay_options;

/* Looks whether stream and database agree, as a leading relay does before it publishes; makes the
 * stream if it does not exist. SKALD_HISTORY_LOST, SKALD_UNSAFE, SKALD_UNAVAILABLE. */
skald_status skald_relay_check(const skald_relay_options *options, skald_error *error);

/* Starts the relay's thread, standing by. */
skald_status skald_relay_open(skald_relay **out, const skald_relay_options *options,
                              skald_error *error);

/* Lead (true) or stand by (false); returns at once. When told to stand by it confirms what is in
 * flight, briefly, and publishes nothing more. Any thread. */
void skald_relay_lead(skald_relay *relay, bool leads);

/* Was it told to lead? Any thread. */
bool skald_relay_leads(const skald_relay *relay);

/* The position up to which the stream has confirmed, or -1 when unknown. Any thread. */
int64_t skald_relay_confirmed(const skald_relay *relay);

/* Stops the thread and frees. NULL is accepted. */
void skald_relay_close(skald_relay *relay);

#endif
