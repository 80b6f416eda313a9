/* What the two files of a claim share: claim.c, the transaction, and limits.c, how many may begin.
 */
#ifndef SKALD_QUEUES_CLAIM_H
#define SKALD_QUEUES_CLAIM_H

#include "bucket.h"
#include "queues/inside.h"

/* The row of a queue with limits, locked until the claim is committed. */
typedef struct skald_queue_limits {
    bool locked;
    bool key_limited;
    int64_t now_us; /* the database's, after the lock was had */
    double rate;    /* 0: none */
    uint32_t burst;
    skald_bucket bucket;
    bool probing; /* the one that is claimed will be the breaker's probe */
    uint32_t key_concurrency;
    double key_rate;
    uint32_t key_burst;
} skald_queue_limits;

/* What the limits of one key still allow. */
typedef struct skald_key_limit {
    const char *key;
    uint32_t running;
    bool has_bucket;
    skald_bucket bucket;
    uint32_t taken;   /* candidates that may begin */
    uint32_t refused; /* for the rate */
} skald_key_limit;

typedef struct skald_claim {
    skald_queues *queues;
    skald_work_queue *queue;
    skald_run **runs;
    uint32_t wanted;
    uint32_t allowed; /* by the limits of the queue */
    uint32_t claimed; /* runs filled, expired ones among them */
    uint32_t wait_ms; /* when a limit allows the next one; 0: none stands in the way */
    skald_queue_limits limits;
    uint32_t candidate_max;
    skald_rows *candidates; /* id, key, may be judged */
    skald_key_limit *keys;  /* one per key of the candidates */
    uint32_t key_count;
    skald_array delayed, delays, crowded; /* put off: for so long, until one of its key ends */
} skald_claim;

/* Locks the queue's row, and says in claim->allowed how many may begin. Nothing is locked when
 * nothing is due. */
skald_status skald_limits_lock(skald_claim *claim, skald_error *error);

/* Writes down that `started` have begun. */
skald_status skald_limits_store(skald_claim *claim, uint32_t started, skald_error *error);

/* What the keys of the candidates are allowed; whether candidate `row` may begin, in their order;
 * and what became of it. */
skald_status skald_key_limits_load(skald_claim *claim, skald_error *error);
bool skald_key_limits_allow(skald_claim *claim, uint32_t row);
skald_status skald_key_limits_store(skald_claim *claim, skald_error *error);
void skald_key_limits_done(skald_claim *claim);

#endif
