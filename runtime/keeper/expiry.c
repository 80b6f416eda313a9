/* Jobs that have waited so long that they do not matter any more. */
#include "keeper/keeper_parts.h"

/* The next job of a key that was behind one of them has its turn: asked by a statement of its own,
 * which sees that they are over. */
static skald_status expire(skald_keeper *keeper, int64_t *count, skald_error *error)
{
    skald_rows *rows = NULL;
    skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "WITH late AS (SELECT id FROM skald.job WHERE state = 'waiting'"
        "  AND expires_at <= (SELECT skald.now()) ORDER BY expires_at LIMIT $1"
        "  FOR UPDATE SKIP LOCKED),"
        " over AS (UPDATE skald.job AS j SET state = 'expired', ended_at = skald.now(),"
        "  due_at = 'infinity', reason = CASE j.reason WHEN '' THEN 'it waited until it did not"
        " matter any more' ELSE j.reason END FROM late WHERE j.id = late.id"
        "  RETURNING j.queue, j.key)"
        " SELECT count(*), array_agg(queue) FILTER (WHERE key <> ''),"
        " array_agg(key) FILTER (WHERE key <> '') FROM over",
        SKALD_KEEPER_STEP_MAX);
    if (status != SKALD_OK)
        return status;
    *count = skald_rows_integer(rows, 0, 0);
    if (!skald_rows_null(rows, 0, 1))
        status = skald_pg_do(keeper->pg, NULL, error, "SELECT skald.queue_release($1, $2)",
                             skald_rows_text(rows, 0, 1), skald_rows_text(rows, 0, 2));
    skald_rows_free(rows);
    return status;
}

skald_status skald_keeper_expire(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    int64_t count = 0;
    skald_status status = skald_keeper_begin(keeper, error);
    if (status != SKALD_OK)
        return status;
    status = skald_keeper_end(keeper, expire(keeper, &count, error), error);
    if (status == SKALD_OK && count > 0)
        keeper->options.published(keeper->options.user);
    if (count == SKALD_KEEPER_STEP_MAX)
        *wait_ms = 0;
    return status;
}
