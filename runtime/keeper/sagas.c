/* Looks for sagas that nothing will ever move, says why, and mends what can be mended: there should
 * be none. Forgets signals whose saga never came, and sagas that ended long ago. */
#include "keeper/keeper_parts.h"

/* How long a signal waits for its saga. */
#define SKALD_KEEPER_SIGNALS_KEEP_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

/* A child that has ended tells its parent again: an answer that comes twice does no harm. */
static skald_status ends_tell(skald_keeper *keeper, skald_error *error)
{
    return skald_pg_do(
        keeper->pg, NULL, error,
        "WITH v AS MATERIALIZED (SELECT saga FROM skald.v_saga_stuck WHERE future = 'child')"
        " INSERT INTO skald.saga_input (partition, saga, event, operation, type, body, reason)"
        " SELECT p.partition, p.id, CASE c.phase WHEN 'completed' THEN 'child-completed'"
        "  ELSE 'child-compensated' END, c.parent_operation, c.state_type, c.state,"
        "  'told again by the keeper'"
        " FROM v CROSS JOIN LATERAL (SELECT s.id, s.partition FROM skald.saga AS s"
        "  WHERE s.id = v.saga OFFSET 0) AS p"
        " CROSS JOIN LATERAL (SELECT s.phase, s.parent_operation, s.state_type, s.state"
        "  FROM skald.saga AS s WHERE s.parent = p.id AND s.ended_at IS NOT NULL OFFSET 0) AS c");
}

/* Whoever waits in a row is due when nobody holds what it waits for; what else stands still is
 * looked at by its engine. */
static skald_status stuck_wake(skald_keeper *keeper, uint64_t *found, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "WITH stuck AS MATERIALIZED (SELECT saga, why FROM skald.v_saga_stuck LIMIT $1::bigint),"
        " woken AS (UPDATE skald.saga SET due_at = skald.now()"
        "  WHERE id = ANY (ARRAY(SELECT saga FROM stuck)) AND future <> 'child')"
        " SELECT saga, why FROM stuck",
        SKALD_KEEPER_STEP_MAX);
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++)
        skald_log_say(keeper->options.log, SKALD_LOG_ERROR, "SAGA-STUCK",
                      "saga \"%s\" would never move again: %s; it is looked at anew",
                      skald_rows_text(rows, i, 0), skald_rows_text(rows, i, 1));
    if (status == SKALD_OK)
        *found = skald_rows_count(rows);
    skald_rows_free(rows);
    return status;
}

/* Locks whose holder has ended, by whatever accident. */
static skald_status locks_free(skald_keeper *keeper, skald_error *error)
{
    return skald_pg_do(
        keeper->pg, NULL, error,
        "SELECT skald.saga_lock_free(ids) FROM (SELECT array_agg(DISTINCT l.saga) AS ids FROM"
        " (SELECT saga FROM skald.saga_lock UNION SELECT saga FROM skald.saga_lock_wait) AS l"
        " WHERE (SELECT s.ended_at FROM skald.saga AS s WHERE s.id = l.saga) IS NOT NULL) AS over"
        " WHERE ids IS NOT NULL");
}

static skald_status signals_forget(skald_keeper *keeper, skald_error *error)
{
    return skald_pg_do(keeper->pg, NULL, error,
                       "DELETE FROM skald.saga_input AS i WHERE i.early AND i.created_at <"
                       " (SELECT skald.now()) - $1::bigint * interval '1 ms'"
                       " AND (SELECT s.id FROM skald.saga AS s WHERE s.id = i.saga) IS NULL",
                       SKALD_KEEPER_SIGNALS_KEEP_MS);
}

/* Nobody can want anything of them any more: they ended long ago, as did the first of their
 * ancestors, which might have taken them back; nothing was told and nothing runs. */
static skald_status ended_forget(skald_keeper *keeper, uint64_t *forgotten, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "DELETE FROM skald.saga WHERE ended_at IS NOT NULL AND id = ANY (ARRAY(SELECT o.id"
        " FROM skald.saga_definition AS d CROSS JOIN LATERAL (SELECT s.id FROM skald.saga AS s"
        "  WHERE s.definition = d.name AND s.version = d.version AND s.ended_at"
        "   < (SELECT skald.now()) - d.keep_ms * interval '1 ms'"
        "  AND (SELECT r.id FROM skald.saga AS r WHERE r.id = s.root AND r.id <> s.id) IS NULL"
        "  AND (SELECT i.id FROM skald.saga_input AS i WHERE i.saga = s.id LIMIT 1) IS NULL"
        "  AND (SELECT j.id FROM skald.job AS j WHERE j.queue = '@sagas' AND j.key = s.id"
        "   AND j.key <> '' AND j.state IN ('waiting', 'running') LIMIT 1) IS NULL"
        "  ORDER BY s.ended_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS o LIMIT $1))",
        SKALD_KEEPER_STEP_MAX);
    if (status == SKALD_OK)
        *forgotten = skald_rows_touched(rows);
    skald_rows_free(rows);
    return status;
}

skald_status skald_keeper_sagas(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    uint64_t found = 0;
    uint64_t forgotten = 0;
    skald_status status = locks_free(keeper, error);
    if (status == SKALD_OK)
        status = ends_tell(keeper, error);
    if (status == SKALD_OK)
        status = stuck_wake(keeper, &found, error);
    if (status == SKALD_OK)
        status = signals_forget(keeper, error);
    if (status == SKALD_OK)
        status = ended_forget(keeper, &forgotten, error);
    if (forgotten == SKALD_KEEPER_STEP_MAX)
        *wait_ms = 0;
    if (status == SKALD_OK && found > 0)
        keeper->options.published(keeper->options.user);
    return status;
}
