/* Rows of skald.job that belong to lanes: messages that wait behind a failure of their key, and
 * what became of others. jobs.c reads them, jobs_write.c writes them. */
#ifndef SKALD_FOLLOWERS_JOBS_H
#define SKALD_FOLLOWERS_JOBS_H

#include "fingerprint.h"
#include "followers/attempts.h"
#include "followers/hub.h"
#include "followers/lane.h"
#include "pg/connection.h"
#include "pg/pipeline.h"

/* --- reading: outside of a transaction ------------------------------------------------------ */

/* Reads the keys of a lane that are held back, after mending those whose first job is due at no
 * time (somebody deleted the one before it), or that have another one due before its turn (somebody
 * replayed one before it). */
skald_status skald_jobs_load(skald_pg *pg, skald_lane *lane, skald_error *error);

/* Finds up to `count_max` jobs of these lanes that are due and the first of their key, as items
 * linked by `next`. When there are none, `*wait_ms` says when the next one is due, 1000 at most. */
skald_status skald_jobs_due(skald_pg *pg, skald_lane *const *lanes, size_t lane_count,
                            uint32_t count_max, skald_item **out, uint32_t *wait_ms,
                            skald_error *error);

/* Is what is known of the lanes' keys still so? `*changed` is true when people have replayed,
 * discarded or deleted something, and the lanes must be loaded again. */
skald_status skald_jobs_check(skald_pg *pg, skald_lane *const *lanes, size_t lane_count,
                              bool *changed, skald_error *error);

/* The job with this number as an item without a lane, whatever its state; NULL when there is none. */
skald_status skald_jobs_find(skald_pg *pg, int64_t id, skald_item **out, skald_error *error);

/* --- writing: these queue statements in the transaction in hand ------------------------------ */

/* What a message becomes as a row. */
typedef struct skald_job_end {
    const char *state;
    int64_t delay_ms; /* until it is due; -1: not by itself */
    bool holds;
    bool over; /* it ends now: dead, skipped, expired */
    const char *reason;
    const char *error_class;
    const char *sqlstate;
    char fingerprint[SKALD_FINGERPRINT_SIZE]; /* "": none */
} skald_job_end;

/* A fresh message becomes a job; nothing happens when it is one already. */
skald_status skald_jobs_insert(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               const skald_job_end *end, skald_attempts *attempts,
                               skald_error *error);

/* A job changes. Nothing happens when it is not parked any more: somebody took it away. */
skald_status skald_jobs_change(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               const skald_job_end *end, skald_attempts *attempts,
                               skald_error *error);

/* A fresh message waits behind those of its key. */
skald_status skald_jobs_queue(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                              skald_error *error);

/* A job is done: its row goes, and the next one of its key has its turn; *more says whether the key
 * is still held back. Costs a round trip. SKALD_NOT_FOUND when the row is not parked any more:
 * somebody took it away. */
skald_status skald_jobs_finish(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               bool *more, skald_error *error);

/* A job ended otherwise, and its key goes on: the next one of its key has its turn. */
skald_status skald_jobs_release(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                                bool *more, skald_error *error);

#endif
