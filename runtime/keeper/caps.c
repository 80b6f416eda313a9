/* Caps: how much of what fails and of what is dead a subscription may keep. Above them it is marked
 * as full, and takes nothing new until there is room, or the oldest dead ones are discarded. */
#include "base/clock.h"
#include "keeper/keeper_parts.h"

#include <inttypes.h>

#define CAP_ROWS_DEFAULT UINT64_C(1000000)
#define CAP_BYTES_DEFAULT (UINT64_C(4) * 1024 * 1024 * 1024)

enum {
    LOOK_MS = 1000,
    SHARE = 20, /* counting takes one part in so many of the time, however long it takes */
};

/* What is kept, as far as it was counted: up to one step above the cap. */
typedef struct load {
    int64_t rows;
    int64_t bytes;
    int64_t age_ms; /* of the oldest dead one */
} load;

static int64_t signed_of(uint64_t value)
{
    return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

/* Of a follower's messages all that are parked count; of a queue's jobs those that have failed,
 * since waiting for one's turn is what a queue is for. */
static skald_status load_count(load *out, skald_keeper *keeper, const skald_keeper_watch_row *watch,
                               skald_error *error)
{
    static const char of_follower[] =
        "WITH kept AS (SELECT * FROM ((SELECT octet_length(body) AS size FROM skald.job"
        "  WHERE follower = $1 AND state = 'parked' LIMIT $2) UNION ALL"
        " (SELECT octet_length(body) FROM skald.job WHERE coalesce(follower, queue) = $1"
        "  AND follower IS NOT NULL AND state = 'dead' LIMIT $2)) AS k LIMIT $2)"
        " SELECT count(*), coalesce(sum(size), 0)::bigint, coalesce((SELECT"
        "  extract(epoch FROM skald.now() - ended_at) * 1000 FROM skald.job"
        "  WHERE coalesce(follower, queue) = $1 AND follower IS NOT NULL AND state = 'dead'"
        "  ORDER BY ended_at LIMIT 1), 0)::bigint FROM kept";
    static const char of_queue[] =
        "WITH kept AS (SELECT * FROM ((SELECT octet_length(body) AS size FROM skald.job"
        "  WHERE queue = $1 AND state = 'waiting' AND attempts > 0 LIMIT $2) UNION ALL"
        " (SELECT octet_length(body) FROM skald.job WHERE coalesce(follower, queue) = $1"
        "  AND queue IS NOT NULL AND state = 'dead' LIMIT $2)) AS k LIMIT $2)"
        " SELECT count(*), coalesce(sum(size), 0)::bigint, coalesce((SELECT"
        "  extract(epoch FROM skald.now() - ended_at) * 1000 FROM skald.job"
        "  WHERE coalesce(follower, queue) = $1 AND queue IS NOT NULL AND state = 'dead'"
        "  ORDER BY ended_at LIMIT 1), 0)::bigint FROM kept";
    skald_rows *rows = NULL;
    const skald_param params[] = {
        skald_text(watch->name),
        skald_integer(signed_of(watch->caps.rows) + SKALD_KEEPER_STEP_MAX),
    };
    const skald_status status =
        skald_pg_run(keeper->pg, &rows, watch->is_queue ? of_queue : of_follower, 2, params, error);
    if (status != SKALD_OK)
        return status;
    out->rows = skald_rows_integer(rows, 0, 0);
    out->bytes = skald_rows_integer(rows, 0, 1);
    out->age_ms = skald_rows_integer(rows, 0, 2);
    skald_rows_free(rows);
    return SKALD_OK;
}

static bool is_above(const load *kept, const skald_caps *caps)
{
    return kept->rows > signed_of(caps->rows) || kept->bytes > signed_of(caps->bytes) ||
           (caps->age_ms > 0 && kept->age_ms > signed_of(caps->age_ms));
}

/* --- marking -------------------------------------------------------------------------------- */

static void mark_say(skald_keeper *keeper, const skald_keeper_watch_row *watch, bool full)
{
    const char *kind = watch->is_queue ? "queue" : "follower";
    if (full)
        skald_log_say(keeper->options.log, SKALD_LOG_ERROR, "KEEPER-FULL",
                      "%s \"%s\" keeps more than its caps allow and takes nothing new: replay or "
                      "discard what is dead",
                      kind, watch->name);
    else
        skald_log_say(keeper->options.log, SKALD_LOG_INFO, "KEEPER-ROOM",
                      "%s \"%s\" has room again", kind, watch->name);
}

/* Writes only when it changes. */
static skald_status mark(skald_keeper *keeper, const skald_keeper_watch_row *watch, bool full,
                         skald_error *error)
{
    const skald_param params[] = {skald_text(watch->name), skald_boolean(full)};
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_run(
        keeper->pg, &rows,
        watch->is_queue ? "UPDATE skald.queue SET full_since = CASE WHEN $2 THEN skald.now() END"
                          " WHERE name = $1 AND (full_since IS NOT NULL) <> $2"
                        : "UPDATE skald.follower SET full_since = CASE WHEN $2 THEN skald.now() END"
                          " WHERE name = $1 AND (full_since IS NOT NULL) <> $2",
        2, params, error);
    if (status != SKALD_OK)
        return status;
    const bool changed = skald_rows_touched(rows) > 0;
    skald_rows_free(rows);
    if (!changed)
        return SKALD_OK;
    mark_say(keeper, watch, full);
    keeper->options.published(keeper->options.user);
    return SKALD_OK;
}

/* --- discarding ----------------------------------------------------------------------------- */

static int64_t excess_of(int64_t kept, uint64_t cap)
{
    return kept > signed_of(cap) ? kept - signed_of(cap) : 0;
}

/* What was held by them has its turn. A statement of its own, which sees that they are gone. */
static skald_status keys_release(skald_keeper *keeper, const skald_keeper_watch_row *watch,
                                 const char *ids, skald_error *error)
{
    const skald_param params[] = {skald_text(ids)};
    return skald_pg_run(keeper->pg, NULL,
                        watch->is_queue
                            ? "SELECT skald.queue_release(array_agg(queue), array_agg(key)) FROM"
                              " (SELECT DISTINCT queue, key FROM skald.job"
                              "  WHERE id = ANY ($1::bigint[]) AND key <> '') AS k"
                            : "SELECT skald.key_release(follower, partition, key) FROM (SELECT"
                              " DISTINCT follower, partition, key FROM skald.job"
                              " WHERE id = ANY ($1::bigint[]) AND key IS NOT NULL) AS k",
                        1, params, error);
}

/* One row of skald.audit for all of them: a storm must not grow that table instead. */
static skald_status oldest_discard(skald_keeper *keeper, const skald_keeper_watch_row *watch,
                                   const load *kept, int64_t *count, skald_error *error)
{
    skald_rows *rows = NULL;
    skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "WITH oldest AS (SELECT id, ended_at, octet_length(body) AS size FROM skald.job"
        "  WHERE coalesce(follower, queue) = $1 AND (queue IS NOT NULL) = $2 AND state = 'dead'"
        "  ORDER BY ended_at, id LIMIT $3 FOR UPDATE SKIP LOCKED),"
        " counted AS (SELECT id, ended_at, row_number() OVER w AS number,"
        "  sum(size) OVER w - size AS before FROM oldest WINDOW w AS (ORDER BY ended_at, id)),"
        " gone AS (UPDATE skald.job AS j SET state = 'discarded', holds = false,"
        "  due_at = 'infinity', ended_at = skald.now() FROM counted AS c WHERE j.id = c.id"
        "  AND (c.number <= $4 OR c.before < $5 OR c.ended_at < (SELECT skald.now())"
        "   - nullif($6::bigint, 0) * interval '1 ms') RETURNING j.id),"
        " noted AS (INSERT INTO skald.audit (actor, action, object, reason, detail)"
        "  SELECT 'keeper', 'discard', CASE WHEN $2 THEN 'queue ' ELSE 'follower ' END || $1,"
        "   'above its caps', count(*) || ' dead jobs, from job ' || min(id) || ' to job '"
        "   || max(id) FROM gone HAVING count(*) > 0)"
        " SELECT count(*), array_agg(id) FROM gone",
        watch->name, watch->is_queue, SKALD_KEEPER_STEP_MAX,
        excess_of(kept->rows, watch->caps.rows), excess_of(kept->bytes, watch->caps.bytes),
        signed_of(watch->caps.age_ms));
    if (status != SKALD_OK)
        return status;
    *count = skald_rows_integer(rows, 0, 0);
    if (*count > 0)
        status = keys_release(keeper, watch, skald_rows_text(rows, 0, 1), error);
    skald_rows_free(rows);
    return status;
}

static skald_status discard(skald_keeper *keeper, const skald_keeper_watch_row *watch,
                            const load *kept, int64_t *count, skald_error *error)
{
    skald_status status = skald_keeper_begin(keeper, error);
    if (status != SKALD_OK)
        return status;
    status = skald_keeper_end(keeper, oldest_discard(keeper, watch, kept, count, error), error);
    if (status != SKALD_OK || *count == 0)
        return status;
    skald_log_say(keeper->options.log, SKALD_LOG_WARNING, "KEEPER-DISCARDS",
                  "%" PRId64 " dead jobs of %s \"%s\" are discarded, because it is above its caps",
                  *count, watch->is_queue ? "queue" : "follower", watch->name);
    keeper->options.published(keeper->options.user);
    return SKALD_OK;
}

/* --- turns ---------------------------------------------------------------------------------- */

static skald_status watch_turn(skald_keeper *keeper, skald_keeper_watch_row *watch,
                               skald_error *error)
{
    const uint64_t begun_ms = skald_clock_ms();
    load kept = {0};
    int64_t discarded = 0;
    skald_status status = load_count(&kept, keeper, watch, error);
    if (status == SKALD_OK && !watch->caps.discard)
        status = mark(keeper, watch, is_above(&kept, &watch->caps), error);
    else if (status == SKALD_OK && is_above(&kept, &watch->caps))
        status = discard(keeper, watch, &kept, &discarded, error);
    const uint64_t now_ms = skald_clock_ms();
    const uint64_t pause_ms = (now_ms - begun_ms) * SHARE;
    watch->next_ms = now_ms + (pause_ms > LOOK_MS ? pause_ms : LOOK_MS);
    if (discarded == SKALD_KEEPER_STEP_MAX)
        watch->next_ms = now_ms;
    return status;
}

skald_status skald_keeper_caps(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < keeper->watch_count && status == SKALD_OK; i++) {
        if (skald_clock_ms() >= keeper->watches[i].next_ms)
            status = watch_turn(keeper, &keeper->watches[i], error);
    }
    const uint64_t now_ms = skald_clock_ms();
    for (uint32_t i = 0; i < keeper->watch_count; i++)
        skald_keeper_sooner(wait_ms, (int64_t)keeper->watches[i].next_ms - (int64_t)now_ms);
    return status;
}

skald_status skald_keeper_watch(skald_keeper *keeper, const char *subscription, bool is_queue,
                                const skald_caps *caps, skald_error *error)
{
    if (keeper->watch_count == SKALD_KEEPER_WATCHES_MAX)
        return skald_error_set(error, SKALD_FULL,
                               "the keeper watches at most %d followers and queues",
                               SKALD_KEEPER_WATCHES_MAX);
    skald_keeper_watch_row *watch = &keeper->watches[keeper->watch_count++];
    *watch = (skald_keeper_watch_row){.name = subscription, .is_queue = is_queue, .caps = *caps};
    if (watch->caps.rows == 0)
        watch->caps.rows = CAP_ROWS_DEFAULT;
    if (watch->caps.bytes == 0)
        watch->caps.bytes = CAP_BYTES_DEFAULT;
    return SKALD_OK;
}
