/* Civil time, as PostgreSQL knows its zones, for schedules. */
#ifndef SKALD_KEEPER_CIVIL_H
#define SKALD_KEEPER_CIVIL_H

#include "cron.h"
#include "pg/connection.h"

/* Does PostgreSQL know the zone? SKALD_INVALID with a sentence about schedule `name`. */
skald_status skald_civil_zone_check(skald_pg *pg, const char *name, const char *zone,
                                    skald_error *error);

/* When `cron`, which is not "@every", is due for the first time after `after_us`, in `zone`. A time
 * that a clock put forward leaves out is at the end of what is left out; one that a clock put back
 * brings twice is the first of the two. Times are microseconds since 1970-01-01 UTC. */
skald_status skald_civil_next(int64_t *next_us, skald_pg *pg, const skald_cron *cron,
                              const char *zone, int64_t after_us, skald_error *error);

/* Moves `*due_us`, which is due, forward so that at most `count_max` runs are due up to `now_us`.
 */
skald_status skald_civil_skip(int64_t *due_us, skald_pg *pg, const skald_cron *cron,
                              const char *zone, int64_t now_us, uint32_t count_max,
                              skald_error *error);

#endif
