/* Bulk operations: each step locks the operation, works off its next few jobs or sagas at its rate,
 * and commits; whoever is the keeper then finds the rest. */
#include "bucket.h"
#include "keeper/keeper_parts.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

enum {
    STEP_JOBS_MAX = 50, /* each takes a subtransaction */
    STEPS_PER_TURN = 20,
    RUNNING_MAX = 64,
    BURSTS_PER_SECOND = 10,
};

/* What a step needs to know, and what it comes to. */
typedef struct step {
    int64_t id;
    bool found; /* it runs, and nobody else is just at it */
    bool limited;
    double rate;
    skald_bucket bucket;
    int64_t now_us;
    int64_t worked;
    uint32_t wait_ms;
} step;

static skald_status step_load(step *out, skald_keeper *keeper, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "SELECT rate, tokens, (extract(epoch FROM coalesce(moved_at, created_at)) * 1000000)"
        "::bigint, (extract(epoch FROM skald.now()) * 1000000)::bigint FROM skald.operation"
        " WHERE id = $1 AND state = 'running' FOR UPDATE SKIP LOCKED",
        out->id);
    if (status != SKALD_OK)
        return status;
    out->found = skald_rows_count(rows) > 0;
    if (out->found) {
        out->limited = !skald_rows_null(rows, 0, 0);
        out->rate = out->limited ? strtod(skald_rows_text(rows, 0, 0), NULL) : 0;
        out->bucket.tokens = strtod(skald_rows_text(rows, 0, 1), NULL);
        out->bucket.at_us = skald_rows_integer(rows, 0, 2);
        out->now_us = skald_rows_integer(rows, 0, 3);
    }
    skald_rows_free(rows);
    return SKALD_OK;
}

static uint32_t step_allow(step *of)
{
    if (!of->limited) {
        of->bucket.at_us = of->now_us;
        return STEP_JOBS_MAX;
    }
    const double burst = ceil(of->rate / BURSTS_PER_SECOND);
    const uint32_t size = burst < 1 ? 1 : burst > UINT32_MAX ? UINT32_MAX : (uint32_t)burst;
    skald_bucket after = of->bucket;
    const uint32_t allowed = skald_bucket_take(&of->bucket, of->rate, size, of->now_us,
                                               STEP_JOBS_MAX, &after, &of->wait_ms);
    of->bucket = after;
    return allowed;
}

static skald_status step_work(step *of, skald_keeper *keeper, skald_error *error)
{
    skald_status status = step_load(of, keeper, error);
    if (status != SKALD_OK || !of->found)
        return status;
    /* The bucket is kept also when none is allowed, with its own time: then it may be from before.
     */
    const uint32_t allowed = step_allow(of);
    skald_rows *rows = NULL;
    status = skald_pg_do(keeper->pg, &rows, error,
                         "SELECT skald.operation_work($1, $2, $3, '1970-01-01 00:00:00Z'"
                         "::timestamptz + $4::bigint * interval '1 us')",
                         of->id, allowed, of->bucket.tokens, of->bucket.at_us);
    if (status == SKALD_OK)
        of->worked = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

static void end_say(skald_keeper *keeper, const step *of)
{
    skald_rows *rows = NULL;
    if (skald_pg_do(
            keeper->pg, &rows, NULL,
            "SELECT action, succeeded, refused, actor, object FROM skald.operation WHERE id = $1"
            " AND state = 'done'",
            of->id) != SKALD_OK)
        return;
    if (skald_rows_count(rows) > 0)
        skald_log_say(keeper->options.log, SKALD_LOG_INFO, "KEEPER-OPERATION-DONE",
                      "operation %" PRId64 " of %s is done: %s of %" PRId64 " %ss, %" PRId64
                      " refused",
                      of->id, skald_rows_text(rows, 0, 3), skald_rows_text(rows, 0, 0),
                      skald_rows_integer(rows, 0, 1), skald_rows_text(rows, 0, 4),
                      skald_rows_integer(rows, 0, 2));
    skald_rows_free(rows);
}

/* Steps of one operation until its rate, its end or the others want a pause. */
static skald_status operation_run(skald_keeper *keeper, int64_t id, uint32_t *wait_ms,
                                  skald_error *error)
{
    for (int i = 0; i < STEPS_PER_TURN; i++) {
        step of = {.id = id};
        skald_status status = skald_keeper_begin(keeper, error);
        if (status != SKALD_OK)
            return status;
        status = skald_keeper_end(keeper, step_work(&of, keeper, error), error);
        if (status != SKALD_OK)
            return status;
        if (of.worked > 0) {
            end_say(keeper, &of);
            keeper->options.published(keeper->options.user);
        }
        if (of.wait_ms > 0)
            skald_keeper_sooner(wait_ms, of.wait_ms);
        if (!of.found || of.wait_ms > 0)
            return SKALD_OK;
    }
    *wait_ms = 0;
    return SKALD_OK;
}

skald_status skald_keeper_operations(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    skald_rows *rows = NULL;
    skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "SELECT id FROM skald.operation WHERE state = 'running' ORDER BY id LIMIT $1", RUNNING_MAX);
    if (status != SKALD_OK)
        return status;
    const uint32_t count = skald_rows_count(rows);
    for (uint32_t i = 0; i < count && status == SKALD_OK; i++)
        status = operation_run(keeper, skald_rows_integer(rows, i, 0), wait_ms, error);
    skald_rows_free(rows);
    return status;
}
