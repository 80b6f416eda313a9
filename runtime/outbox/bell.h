/* The doorbell: "something was committed, look now". Rings are merged, may be lost, never block. */
#ifndef SKALD_OUTBOX_BELL_H
#define SKALD_OUTBOX_BELL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct skald_bell {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    uint64_t rings; /* guarded by mutex */
} skald_bell;

void skald_bell_init(skald_bell *bell);
void skald_bell_done(skald_bell *bell);
void skald_bell_ring(skald_bell *bell);

/* Waits until it rang after `*heard` was last set, or for `wait_ms`; true when it rang. */
bool skald_bell_wait(skald_bell *bell, uint64_t *heard, uint32_t wait_ms);

#endif
