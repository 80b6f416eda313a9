/* Delayed messages: what is due goes from the queue "@publish" to the outbox, in the order in which
 * it is due. */
#include "keeper/keeper_parts.h"

/* One at a time, so that two keepers cannot mix their rows: whoever finds the queue's row locked
 * has nothing to do. Inserting a job locks that row less, and is not held up. A queue that is
 * paused keeps its messages. */
static skald_status move(skald_keeper *keeper, int64_t *moved, uint32_t *wait_ms,
                         skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "WITH mine AS (SELECT name FROM skald.queue WHERE name = '@publish' AND NOT paused"
        "  FOR NO KEY UPDATE SKIP LOCKED),"
        " due AS (SELECT j.id FROM skald.job AS j WHERE j.queue = (SELECT name FROM mine)"
        "  AND j.priority = 1 AND j.state = 'waiting' AND j.due_at <= (SELECT skald.now())"
        "  ORDER BY j.due_at, j.id LIMIT $1 FOR UPDATE SKIP LOCKED),"
        " taken AS (DELETE FROM skald.job AS j USING due WHERE j.id = due.id RETURNING j.*),"
        " written AS (INSERT INTO skald.outbox (event_id, partition, type, key, correlation_id,"
        "   causation_id, traceparent, tracestate, headers, body)"
        "  SELECT message_id::uuid, partition, type, key, correlation_id, causation_id,"
        "   traceparent, tracestate, headers, body FROM taken ORDER BY due_at, id RETURNING 1)"
        " SELECT (SELECT count(*) FROM written),"
        " (SELECT ceil(extract(epoch FROM due_at - skald.now()) * 1000)::bigint FROM skald.job"
        "  WHERE queue = '@publish' AND priority = 1 AND state = 'waiting'"
        "  AND due_at > (SELECT skald.now()) AND due_at < 'infinity' ORDER BY due_at LIMIT 1)",
        SKALD_KEEPER_STEP_MAX);
    if (status != SKALD_OK)
        return status;
    *moved = skald_rows_integer(rows, 0, 0);
    if (!skald_rows_null(rows, 0, 1))
        skald_keeper_sooner(wait_ms, skald_rows_integer(rows, 0, 1));
    skald_rows_free(rows);
    return status;
}

/* Somebody else than Skald may have put a row there that no outbox takes: it must not hold up all
 * others. */
static skald_status set_aside(skald_keeper *keeper, skald_error *error)
{
    return skald_pg_do(
        keeper->pg, NULL, error,
        "UPDATE skald.job SET state = 'dead', ended_at = skald.now(), due_at = 'infinity',"
        " error_class = 'undecodable', fingerprint = '',"
        " reason = 'it lacks a UUID, a partition, a type or a key, so it cannot be published'"
        " WHERE queue = '@publish' AND priority = 1 AND state = 'waiting'"
        " AND due_at <= (SELECT skald.now()) AND (message_id !~* '^[0-9a-f]{8}(-?[0-9a-f]{4}){3}-?"
        "[0-9a-f]{12}$' OR message_id IS NULL OR partition IS NULL OR type IS NULL"
        " OR key IS NULL)");
}

skald_status skald_keeper_delayed(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    int64_t moved = 0;
    skald_status status = move(keeper, &moved, wait_ms, error);
    if (status == SKALD_DATABASE) {
        skald_error second = {0};
        if (set_aside(keeper, &second) == SKALD_OK)
            status = move(keeper, &moved, wait_ms, error);
    }
    if (moved > 0)
        keeper->options.published(keeper->options.user);
    if (moved == SKALD_KEEPER_STEP_MAX)
        *wait_ms = 0;
    return status;
}
