/* From what a user wants to have done to the job that is stored: checks, defaults, inheritance. */
#ifndef SKALD_EFFECTS_ENQUEUE_H
#define SKALD_EFFECTS_ENQUEUE_H

#include "base/arena.h"

#include <skald/queue.h>

enum { SKALD_QUEUE_NAME_SIZE = 64, SKALD_UNIQUE_SIZE_MAX = 255 };

/* A job on its way into a queue. */
typedef struct skald_new_job {
    const char *queue;
    skald_message message; /* id, type, key, body, partition, ids of the conversation, headers */
    uint32_t priority;     /* as skald.job.priority: 0 low to 3 urgent */
    uint64_t delay_ms;
    int64_t at_us;      /* 0: delay_ms counts */
    uint64_t expire_ms; /* 0: as the queue says */
    const char *unique; /* NULL: not */
} skald_new_job;

/* Fills `out` with an encoded `input`. What `options` (NULL: none) leaves open is taken from
 * `parent`, the message or job in hand (NULL: none), or made; without a key it is "". All memory is
 * from `arena` or borrowed from the arguments. SKALD_INVALID, SKALD_FULL and SKALD_NO_MEMORY as
 * skald_enqueue. */
skald_status skald_new_job_compose(skald_new_job *out, const char *queue,
                                   const ProtobufCMessage *input,
                                   const skald_enqueue_options *options,
                                   const skald_message *parent, uint32_t partitions,
                                   skald_arena *arena, skald_error *error);

/* Messages that are published later wait in this queue, which needs no program: the keeper moves
 * them to the outbox (keeper/delayed.c). */
#define SKALD_DELAYED_QUEUE "@publish"

/* The job as which `event`, composed with `options`, waits until it is published. Borrows from it.
 */
skald_new_job skald_new_job_delayed(const skald_message *event,
                                    const skald_publish_options *options);

/* Puts one job into a queue of `service` on the user's connection; `id` (NULL: not wanted) receives
 * the id of the job, which is another's when it is unique and there already. SKALD_NOT_FOUND: there
 * is no such queue. */
skald_status skald_new_job_write_on(struct pg_conn *connection, const char *service,
                                    const skald_new_job *job, char id[37], skald_error *error);

#endif
