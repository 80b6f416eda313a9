/* The questions leases ask of the database. */
#ifndef SKALD_LEASES_ROWS_H
#define SKALD_LEASES_ROWS_H

#include "pg/connection.h"

#include <skald/partition.h>
#include <skald/status.h>

enum { SKALD_PROCESSES_MAX = 256, SKALD_PROCESS_ID_SIZE = 37 };

/* Living processes, in the order of their ids. */
typedef struct skald_processes {
    uint32_t count;
    char ids[SKALD_PROCESSES_MAX][SKALD_PROCESS_ID_SIZE];
} skald_processes;

/* One row of skald.position. */
typedef struct skald_position_row {
    int64_t position;
    int64_t epoch;
    char holder[SKALD_PROCESS_ID_SIZE]; /* "" when free */
} skald_position_row;

typedef struct skald_positions {
    uint32_t count;
    skald_position_row rows[SKALD_PARTITIONS_MAX];
} skald_positions;

/* What taking a partition brought. */
typedef struct skald_taken {
    bool taken;
    int64_t epoch;
    int64_t position;
} skald_taken;

/* Says that this process lives for another `lease_ms`, with the followers it takes part in, an
 * array literal of PostgreSQL such as {"@relay","orders"}. */
skald_status skald_process_renew(skald_pg *pg, const char *id, const char *followers,
                                 uint32_t lease_ms, skald_error *error);

/* Ends the sessions of processes that have expired, and forgets processes that expired long ago. */
skald_status skald_process_bury(skald_pg *pg, const char *service, uint32_t lease_ms,
                                skald_error *error);

/* That process is known to have ended: its lease is over now. */
skald_status skald_process_expire(skald_pg *pg, const char *id, skald_error *error);

/* This process leaves in order. */
skald_status skald_process_leave(skald_pg *pg, const char *id, skald_error *error);

/* Who lives and takes part in `follower`. */
skald_status skald_processes_load(skald_processes *out, skald_pg *pg, const char *follower,
                                  skald_error *error);

skald_status skald_positions_load(skald_positions *out, skald_pg *pg, const char *follower,
                                  skald_error *error);

/* Takes a partition that nobody living holds, unless somebody is just at it. */
skald_status skald_position_take(skald_taken *out, skald_pg *pg, const char *follower,
                                 uint32_t partition, const char *id, skald_error *error);

/* Takes a partition anew that is ours, under the next epoch. Waits for a transaction of ours that
 * may still be under way: afterwards its outcome is decided. */
skald_status skald_position_retake(skald_taken *out, skald_pg *pg, const char *follower,
                                   uint32_t partition, const char *id, skald_error *error);

/* Gives a partition back. */
skald_status skald_position_give(skald_pg *pg, const char *follower, uint32_t partition,
                                 const char *id, int64_t epoch, skald_error *error);

#endif
