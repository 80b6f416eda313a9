/* What ended long ago is forgotten, with its attempts. Operations and the audit trail are kept. */
#include "keeper/keeper_parts.h"

/* How long ended messages of followers can be looked at and replayed; queues say it themselves. */
#define SKALD_KEEPER_MESSAGES_KEEP_MS (INT64_C(7) * 24 * 60 * 60 * 1000)

/* How long people are not told again of a group of dead jobs that is gone. */
#define SKALD_KEEPER_ALERTS_KEEP_MS (INT64_C(30) * 24 * 60 * 60 * 1000)

/* States in which nothing is owed; the outer statement asks again, because the row may have been
 * replayed while it was waited for. */
#define OVER "('done', 'cancelled', 'discarded', 'skipped', 'expired', 'replaced')"

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
        status = alerts_forget(keeper, error);
    if (status == SKALD_OK)
        status = outbox_extend(keeper, error);
    if (touched == SKALD_KEEPER_STEP_MAX)
        *wait_ms = 0;
    return status;
}
