/* Puts jobs into queues: collected over a batch and inserted by one statement. */
#ifndef SKALD_EFFECTS_JOB_WRITER_H
#define SKALD_EFFECTS_JOB_WRITER_H

#include "effects/enqueue.h"
#include "pg/array.h"
#include "pg/pipeline.h"

typedef struct skald_job_writer {
    char source[SKALD_QUEUE_NAME_SIZE + 1];
    skald_array queues;
    skald_array ids;
    skald_array partitions;
    skald_array types;
    skald_array keys;
    skald_array bodies;
    skald_array priorities;
    skald_array delays;
    skald_array times;
    skald_array expiries;
    skald_array uniques;
    skald_array correlation_ids;
    skald_array causation_ids;
    skald_array traceparents;
    skald_array tracestates;
    skald_array headers;
    skald_array addressees;
    skald_array controls;
} skald_job_writer;

/* `service` is copied: where the jobs come from. */
void skald_job_writer_init(skald_job_writer *writer, const char *service);
void skald_job_writer_done(skald_job_writer *writer);

/* Forgets what was collected. */
void skald_job_writer_clear(skald_job_writer *writer);

/* Copies `job`. SKALD_NO_MEMORY. */
skald_status skald_job_writer_add(skald_job_writer *writer, const skald_new_job *job);

uint32_t skald_job_writer_count(const skald_job_writer *writer);

/* Queues the INSERT of everything collected, in the order it was added; nothing when there is
 * nothing. A job whose unique text stands in its queue already is left out. A queue that does not
 * exist fails the transaction. */
skald_status skald_job_writer_send(skald_job_writer *writer, skald_pipeline *pipeline,
                                   skald_error *error);

#endif
