/* One transaction whose statements go to PostgreSQL without waiting for each other.
 *
 * Every statement belongs to an `owner`, a number of the caller's (the message in hand), so that
 * when something fails it is known whose statement it was. */
#ifndef SKALD_PG_PIPELINE_H
#define SKALD_PG_PIPELINE_H

#include "pg/connection.h"

typedef struct skald_pipeline skald_pipeline;

/* The owner of statements that belong to no message. */
#define SKALD_PIPELINE_NOBODY UINT32_MAX

/* `pg` is borrowed and must be used for nothing else between begin and the end of a transaction. */
skald_status skald_pipeline_open(skald_pipeline **out, skald_pg *pg);
void skald_pipeline_close(skald_pipeline *pipeline);

/* Starts a transaction: READ COMMITTED, and PostgreSQL ends the session when it has waited for us
 * longer than `idle_ms_max` in the midst of it, so that a frozen process cannot keep its locks.
 * SKALD_UNAVAILABLE. */
skald_status skald_pipeline_begin(skald_pipeline *pipeline, uint32_t idle_ms_max,
                                  skald_error *error);

/* Queues one statement. Transaction control in `sql` is SKALD_INVALID. When something queued
 * earlier is known to have failed, answers that failure. */
skald_status skald_pipeline_send(skald_pipeline *pipeline, uint32_t owner, const char *sql,
                                 size_t count, const skald_param *params, skald_error *error);

/* Could skald_pipeline_send take this? SKALD_INVALID says why not. For who sends it later. */
skald_status skald_pipeline_check(const char *sql, size_t count, const skald_param *params,
                                  skald_error *error);

/* Queues one statement and waits for its rows, and so for everything before it. */
skald_status skald_pipeline_query(skald_pipeline *pipeline, uint32_t owner, skald_rows **rows,
                                  const char *sql, size_t count, const skald_param *params,
                                  skald_error *error);

/* The same with the answer in binary format. */
skald_status skald_pipeline_query_binary(skald_pipeline *pipeline, uint32_t owner,
                                         skald_rows **rows, const char *sql, size_t count,
                                         const skald_param *params, skald_error *error);

/* Sends COMMIT and waits for everything. SKALD_OK: committed. Any other status: nothing of it is in
 * the database and the transaction is over, except SKALD_UNAVAILABLE, where the outcome is unknown.
 * skald_pipeline_failed_owner tells whose statement failed. */
skald_status skald_pipeline_commit(skald_pipeline *pipeline, skald_error *error);

/* Waits for everything, and leaves the transaction open on the connection, which from then on takes
 * statements that are waited for (skald_pg_run), ROLLBACK the last of them. On failure nothing of
 * it happened and the transaction is over. */
skald_status skald_pipeline_leave_open(skald_pipeline *pipeline, skald_error *error);

/* Ends the transaction without effect. SKALD_UNAVAILABLE when the connection is lost (the effect is
 * the same). */
skald_status skald_pipeline_rollback(skald_pipeline *pipeline, skald_error *error);

/* What has gone wrong in this transaction, as far as it is known yet; SKALD_OK: nothing. */
skald_status skald_pipeline_failure(const skald_pipeline *pipeline, skald_error *error);

/* After a failure: the owner of the statement that failed first; NOBODY when it was none of theirs,
 * e.g. COMMIT itself. */
uint32_t skald_pipeline_failed_owner(const skald_pipeline *pipeline);

#endif
