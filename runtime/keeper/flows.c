/* Forgets instances of flows that have ended, or that nothing has begun, when their time is over.
 */
#include "keeper/keeper_parts.h"

/* An instance that a batch has in hand is locked, and waits for the next turn. */
skald_status skald_keeper_flows(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "WITH over AS (SELECT o.flow, o.key FROM skald.flow_definition AS d,"
        "  LATERAL (SELECT f.flow, f.key FROM skald.flow AS f WHERE f.flow = d.name"
        "   AND f.phase <> 'open'"
        "   AND f.changed_at < (SELECT skald.now()) - d.keep_ms * interval '1 ms'"
        "   ORDER BY f.changed_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS o LIMIT $1),"
        " events AS (DELETE FROM skald.flow_event AS e USING over AS o"
        "  WHERE e.flow = o.flow AND e.key = o.key)"
        " DELETE FROM skald.flow AS f USING over AS o WHERE f.flow = o.flow AND f.key = o.key",
        SKALD_KEEPER_STEP_MAX);
    if (status == SKALD_OK && skald_rows_touched(rows) == SKALD_KEEPER_STEP_MAX)
        *wait_ms = 0;
    skald_rows_free(rows);
    return status;
}
