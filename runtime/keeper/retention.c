/* What ended long ago is forgotten, with its attempts. Operations and the audit trail are kept. */
#include "keeper/keeper_parts.h"

/* How long ended messages of followers can be looked at and replayed; queues say it themselves. */
#define SKALD_KEEPER_MESSAGES_KEEP_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

/* How long people are not told again of a group of dead jobs that is gone. */
#define SKALD_KEEPER_ALERTS_KEEP_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

/* States in which nothing is owed; the outer statement asks again, because the row may have been
 * replayed while it was waited for. */
#define OVER "('done', 'cancelled', 'discarded', 'skipped', 'expired', 'replaced')"

/* How long answers to commands are given again; see participants/README.md. */
#define SKALD_KEEPER_ANSWERS_KEEP_MS (INT64_C(14) * 24 * 60 * 60 * 1000)
#define SKALD_KEEPER_DONE_KEEP_MS (INT64_C(400) * 24 * 60 * 60 * 1000)

static skald_status touched_of(skald_status status, skald_rows *rows, uint64_t *touched)
{
    if (status == SKALD_OK && skald_rows_touched(rows) > *touched)
        *touched = skald_rows_touched(rows);
    skald_rows_free(rows);
    return status;
}

static skald_status jobs_forget(skald_keeper *keeper, uint64_t *touched, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "DELETE FROM skald.job WHERE state IN " OVER
        " AND id IN (SELECT o.id FROM skald.queue AS q,"
        " LATERAL (SELECT id FROM skald.job AS j WHERE j.queue = q.name AND j.state IN " OVER
        "  AND j.ended_at < (SELECT skald.now()) - q.keep_ms * interval '1 ms'"
        "  ORDER BY j.ended_at LIMIT $1 FOR UPDATE SKIP LOCKED) AS o LIMIT $1)",
        SKALD_KEEPER_STEP_MAX);
    return touched_of(status, rows, touched);
}

static skald_status messages_forget(skald_keeper *keeper, uint64_t *touched, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "DELETE FROM skald.job WHERE state IN " OVER " AND id IN (SELECT id FROM skald.job AS j"
        " WHERE j.queue IS NULL AND j.state IN " OVER
        " AND j.ended_at < (SELECT skald.now()) - $1::bigint * interval '1 ms'"
        " ORDER BY j.ended_at LIMIT $2 FOR UPDATE SKIP LOCKED)",
        SKALD_KEEPER_MESSAGES_KEEP_MS, SKALD_KEEPER_STEP_MAX);
    return touched_of(status, rows, touched);
}

/* Operations that nobody asks about any more. What was done must be known when its undo comes, and
 * only of our own sagas do we know whether they have ended. Each row is looked at when it may be
 * over, and else put off, so that those that are kept for long cost nothing. */
static skald_status answers_forget(skald_keeper *keeper, uint64_t *touched, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "WITH n AS (SELECT skald.now() AS now, $1::bigint * interval '1 ms' AS short,"
        "  $2::bigint * interval '1 ms' AS long),"
        " due AS MATERIALIZED (SELECT f.key, f.state, f.answered_at, s.id IS NOT NULL AS ours,"
        "  s.ended_at FROM skald.fence AS f"
        "  CROSS JOIN skald.service AS o LEFT JOIN skald.saga AS s"
        "  ON s.id = CASE WHEN starts_with(f.key, o.name || '/')"
        "   THEN skald.saga_of_operation(substr(f.key, length(o.name) + 2)) END"
        "  WHERE f.look_at < (SELECT now FROM n) ORDER BY f.look_at LIMIT $3"
        "  FOR UPDATE OF f SKIP LOCKED),"
        " gone AS (DELETE FROM skald.fence WHERE key IN (SELECT d.key FROM due AS d, n"
        "  WHERE d.state <> 'later' AND (d.state IN ('refused', 'undone', 'barred')"
        "  OR d.ended_at < n.now - n.short OR d.answered_at < n.now - n.long)) RETURNING key),"
        " put_off AS (UPDATE skald.fence AS f SET look_at = CASE WHEN d.ours OR d.state = 'later'"
        "  THEN n.now + n.short ELSE d.answered_at + n.long END FROM due AS d, n"
        "  WHERE f.key = d.key AND d.key NOT IN (SELECT key FROM gone))"
        " SELECT count(*) FROM due",
        SKALD_KEEPER_ANSWERS_KEEP_MS, SKALD_KEEPER_DONE_KEEP_MS, SKALD_KEEPER_STEP_MAX);
    if (status == SKALD_OK && (uint64_t)skald_rows_integer(rows, 0, 0) > *touched)
        *touched = (uint64_t)skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

static skald_status alerts_forget(skald_keeper *keeper, skald_error *error)
{
    return skald_pg_do(keeper->pg, NULL, error,
                       "DELETE FROM skald.alert AS a WHERE a.alerted_at < (SELECT skald.now())"
                       " - $1::bigint * interval '1 ms' AND NOT EXISTS (SELECT FROM skald.job AS j"
                       " WHERE j.state = 'dead' AND coalesce(j.follower, j.queue) = a.subscription"
                       " AND coalesce(j.fingerprint, '') = a.fingerprint)",
                       SKALD_KEEPER_ALERTS_KEEP_MS);
}

/* Without a relay nobody else sees to it that the outbox has room in front. */
static skald_status outbox_extend(skald_keeper *keeper, skald_error *error)
{
    if (keeper->options.nats != NULL)
        return SKALD_OK;
    return skald_pg_do(keeper->pg, NULL, error, "SELECT skald.outbox_extend()");
}

skald_status skald_keeper_forget(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    uint64_t touched = 0; /* by the statement that touched most */
    skald_status status = jobs_forget(keeper, &touched, error);
    if (status == SKALD_OK)
        status = messages_forget(keeper, &touched, error);
    if (status == SKALD_OK)
        status = answers_forget(keeper, &touched, error);
    if (status == SKALD_OK)
        status = alerts_forget(keeper, error);
    if (status == SKALD_OK)
        status = outbox_extend(keeper, error);
    if (touched == SKALD_KEEPER_STEP_MAX)
        *wait_ms = 0;
    return status;
}
