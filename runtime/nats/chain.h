/* The chained publisher: every message names the sequence and the id that must be the stream's
 * last, so that the server itself keeps the stream without hole, repeat or second writer. Messages
 * are in flight many at a time; if one is refused or lost, all behind it are refused too.
 *
 * A chain that broke stays broken: close it, look where the stream ends, open another there. One
 * thread uses a chain; skald_chain_confirmed may be called from any. */
#ifndef SKALD_NATS_CHAIN_H
#define SKALD_NATS_CHAIN_H

#include "nats/connection.h"

typedef struct skald_chain skald_chain;

enum {
    SKALD_CHAIN_MESSAGES_MAX = 4096,        /* in flight */
    SKALD_CHAIN_SIZE_MAX = 8 * 1024 * 1024, /* in flight, bytes */
    SKALD_CHAIN_CONFIRM_MS_MAX = 5000,      /* for one message; then the chain counts as broken */
};

/* Begins behind `last_sequence`, which is the stream's last (0: it is empty). */
skald_status skald_chain_open(skald_chain **out, skald_nats *nats, const char *service,
                              uint64_t last_sequence, int64_t last_position, skald_error *error);

/* What is still in flight may or may not be stored. NULL is accepted. */
void skald_chain_close(skald_chain *chain);

/* Puts `message` in flight and returns without waiting for its confirmation; may wait for room in
 * the window until `wait_ms` have passed. SKALD_FULL: no room yet, nothing was sent, call again.
 * Any other failure means that the chain is broken: SKALD_FENCED (somebody else wrote to the
 * stream), SKALD_UNAVAILABLE (connection lost), SKALD_TIMEOUT (a confirmation did not come),
 * SKALD_NOT_FOUND (no such stream), SKALD_BROKER (JetStream's words, e.g. the stream is full). */
skald_status skald_chain_publish(skald_chain *chain, const skald_message *message, uint32_t wait_ms,
                                 skald_error *error);

/* Makes what was published leave now. Does not wait. */
void skald_chain_flush(skald_chain *chain);

/* SKALD_OK, or why it broke. */
skald_status skald_chain_state(skald_chain *chain, skald_error *error);

/* Waits until everything is confirmed. SKALD_TIMEOUT when `wait_ms` passed first (the chain may
 * still be whole: see its state), otherwise why it broke. */
skald_status skald_chain_settle(skald_chain *chain, uint32_t wait_ms, skald_error *error);

/* How many messages are confirmed, and the position of the last of them (`last_position` before the
 * first). */
uint64_t skald_chain_confirmed(skald_chain *chain, int64_t *position);

#endif
