/* Rows of skald.job that belong to lanes: messages that wait behind a failure of their key, and
 * those kept for a person. */
#ifndef SKALD_FOLLOWERS_JOBS_H
#define SKALD_FOLLOWERS_JOBS_H

#include "followers/lane.h"
#include "pg/connection.h"
#include "pg/pipeline.h"

/* Reads the parked keys of a lane that was just taken, and mends keys whose first job is not due at
 * any time (somebody deleted the one before it). */
skald_status skald_jobs_load(skald_pg *pg, skald_lane *lane, skald_error *error);

/* Finds up to `count_max` jobs of these lanes that are due, as items linked by `next`. When there
 * are none, `*wait_ms` says when the next one is due, 1000 at most. */
skald_status skald_jobs_due(skald_pg *pg, skald_lane *const *lanes, size_t lane_count,
                            uint32_t count_max, skald_item **out, uint32_t *wait_ms,
                            uint64_t *heads, skald_error *error);

/* The following queue statements in the transaction in hand. */

/* Parks a message that failed for the first time: due in `delay_ms`, with the reason. */
skald_status skald_jobs_park(skald_pipeline *pipeline, const skald_item *item, uint32_t delay_ms,
                             const skald_error *reason, skald_error *error);

/* Parks a message behind the jobs of its key. */
skald_status skald_jobs_queue(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                              skald_error *error);

/* Keeps a message that cannot be decoded, for a person. */
skald_status skald_jobs_set_aside(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                                  const char *reason, skald_error *error);

/* A job failed again: due in `delay_ms`. */
skald_status skald_jobs_failed(skald_pipeline *pipeline, const skald_item *item, uint32_t delay_ms,
                               const skald_error *reason, skald_error *error);

/* A job is over: done, so that its row goes (`dead_reason` NULL), or undecodable, so that it is
 * kept as a dead one. The next one of its key becomes due; *more says whether there is one. Costs a
 * round trip. SKALD_NOT_FOUND when the row is not parked any more: somebody took it away. */
skald_status skald_jobs_finish(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               const char *dead_reason, bool *more, skald_error *error);

#endif
