/* The rows of skald.fence that a transaction is about: read at once before its commands run,
 * changed in memory while they do, written at once behind them. One thread. */
#ifndef SKALD_PARTICIPANTS_FENCE_ROWS_H
#define SKALD_PARTICIPANTS_FENCE_ROWS_H

#include "base/arena.h"
#include "fence.h"
#include "participants/command.h"
#include "pg/array.h"
#include "pg/pipeline.h"

typedef struct skald_fence_row {
    const char *key;
    skald_fence_state state;
    skald_command_answer answer; /* outcome NULL: none yet */
    int64_t partition;           /* of the answer that a job will give; -1: none will */
    bool changed;
} skald_fence_row;

typedef struct skald_fence {
    skald_arena memory; /* of keys, rows and answers; forgotten with the transaction */
    const char **keys;  /* as they are collected */
    size_t key_count;
    size_t key_room;
    skald_fence_row *rows; /* by key */
    size_t count;
    skald_array columns[7];
} skald_fence;

void skald_fence_init(skald_fence *fence);
void skald_fence_done(skald_fence *fence);

/* Forgets the transaction before. */
void skald_fence_clear(skald_fence *fence);

/* The transaction is about this key (and NULL: nothing). Copied. SKALD_NO_MEMORY. */
skald_status skald_fence_want(skald_fence *fence, const char *key);

/* Reads what is known of all wanted keys: one round trip, none when none is wanted. */
skald_status skald_fence_load(skald_fence *fence, skald_pipeline *pipeline, skald_error *error);

/* The row of a wanted key. */
skald_fence_row *skald_fence_find(skald_fence *fence, const char *key);

/* Changes a row; `answer` (NULL: leaves what it has) is copied. SKALD_NO_MEMORY. */
skald_status skald_fence_note(skald_fence *fence, skald_fence_row *row, skald_fence_state state,
                              const skald_command_answer *answer);

/* Queues the writing of what has changed. */
skald_status skald_fence_send(skald_fence *fence, skald_pipeline *pipeline, skald_error *error);

#endif
