/* Who runs what next. A claim is one transaction that says of jobs that they are running, and is
 * committed before any of them begins.
 *
 * Claims of a queue without limits go on beside each other: each takes rows that nobody else has
 * locked. Where there are limits, the queue's row is locked first, so that they hold over all
 * processes; its key is left alone, so that nobody who enqueues has to wait. */
#include "queues/claim.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "pg/array.h"

#include <assert.h>
#include <string.h>

enum {
    CLAIM_IDLE_MS_MAX = 10000, /* how long PostgreSQL keeps the locks of a frozen process */
    CANDIDATES_MAX = 256,
    AGAIN_MS = 10, /* after something was due but locked by somebody else */
};

/* --- rows ---------------------------------------------------------------------------------- */

/* Due jobs, the most urgent first, then the oldest; $1 queue, $2 how many. Only as many rows are
 * read and locked as are wanted. Unlimited ones are claimed only while the queue's row agrees. A
 * queue above its cap (skald_caps) begins nothing new, and goes on with what has failed. */
#define DUE_JOBS(columns)                                                                          \
    "SELECT " columns " FROM (VALUES (3::smallint), (2::smallint), (1::smallint), (0::smallint))"  \
    " AS p(priority) CROSS JOIN LATERAL (SELECT w.id, w.key FROM skald.job AS w"                   \
    "  WHERE w.queue = $1 AND w.state = 'waiting' AND w.priority = p.priority"                     \
    "  AND w.due_at <= (SELECT skald.now())"                                                       \
    "  AND (w.attempts > 0"                                                                        \
    "   OR (SELECT q.full_since IS NULL FROM skald.queue AS q WHERE q.name = $1))"                 \
    "  ORDER BY w.due_at LIMIT $2::bigint FOR NO KEY UPDATE SKIP LOCKED) AS c"                     \
    " WHERE EXISTS (SELECT FROM skald.queue AS q WHERE q.name = $1 AND NOT q.paused"               \
    "  AND ($3::boolean OR (q.concurrency IS NULL AND q.rate IS NULL"                              \
    "   AND q.breaker_failures IS NULL AND q.key_concurrency IS NULL AND q.key_rate IS NULL)))"    \
    " AND EXISTS (SELECT FROM skald.process AS o WHERE o.id = $4::uuid"                            \
    "  AND o.expires_at > clock_timestamp()) LIMIT $2::bigint"

/* What is claimed. Who is too old ends here. The rows are named by an array, so that PostgreSQL
 * finds them by their ids: of a LIMIT that it does not know it expects a tenth of the table, and
 * would read all of it. */
#define CLAIM_EXPIRED "coalesce(j.expires_at <= (SELECT skald.now()), false)"
#define CLAIM_SET(picked)                                                                          \
    "UPDATE skald.job AS j SET"                                                                    \
    " state = CASE WHEN " CLAIM_EXPIRED " THEN 'expired' ELSE 'running' END,"                      \
    " starts = j.starts + 1, holder = $4::uuid,"                                                   \
    " started_at = coalesce('1970-01-01 00:00:00Z'::timestamptz"                                   \
    "  + $5::bigint * interval '1 us', (SELECT skald.now())), tried_at = skald.now(),"             \
    " deadline_at = clock_timestamp() + coalesce(j.timeout_ms, $6::bigint) * interval '1 ms',"     \
    " due_at = CASE WHEN " CLAIM_EXPIRED " THEN 'infinity' ELSE j.due_at END,"                     \
    " ended_at = CASE WHEN " CLAIM_EXPIRED " THEN skald.now() END,"                                \
    " progress = NULL, progress_note = NULL"                                                       \
    " WHERE j.id = ANY (ARRAY(" picked ")) RETURNING " CLAIM_COLUMNS

/* Of attempts that came too early, since it was last replayed. */
#define CLAIM_EARLY(what)                                                                          \
    " CASE WHEN j.first_failed_at IS NOT NULL THEN (SELECT " what " FROM skald.attempt AS a"       \
    "  WHERE a.job = j.id AND a.outcome = 'not yet' AND a.number > coalesce((SELECT max(number)"   \
    "   FROM skald.attempt AS r WHERE r.job = j.id AND r.outcome = 'replayed'), 0)) ELSE 0 END,"

/* It was in hand, not alone, when a process was killed. */
#define CLAIM_SUSPECT                                                                              \
    " j.maybe_done AND EXISTS (SELECT FROM skald.attempt AS a WHERE a.job = j.id"                  \
    "  AND a.outcome = 'lost' AND a.signal IS NOT NULL),"

#define CLAIM_COLUMNS                                                                              \
    "j.id, j.state = 'expired', j.starts, j.attempts, j.crashes, j.maybe_done," CLAIM_SUSPECT      \
    " (extract(epoch FROM skald.now() - j.first_failed_at) * 1000)::bigint," CLAIM_EARLY(          \
        "count(*)")                                                                                \
        CLAIM_EARLY("(extract(epoch FROM skald.now() - min(a.ended_at)) * "                        \
                    "1000)::bigint") " j.partition, j.published_at, j.body, "                      \
                                     "j.message_id, j.source, j.type, j.key,"                      \
                                     " j.content_type, j.correlation_id, "                         \
                                     "j.causation_id, j.traceparent, j.tracestate, "               \
                                     "j.headers, j.addressee, coalesce(j.plan, j.control), "       \
                                     "j.operation, CASE WHEN j.timeout_ms > 604800000 THEN "       \
                                     "604800000 ELSE j.timeout_ms END"

enum {
    COLUMN_PARTITION = 10,
    COLUMN_TIME = 11,
    COLUMN_BODY = 12,
    COLUMN_TEXTS = 13,
    COLUMN_OPERATION = COLUMN_TEXTS + 12,
    COLUMN_TIMEOUT
};

static const char *text_of(const skald_rows *rows, uint32_t row, int column)
{
    /* libpq ends every value with a NUL, and a text of PostgreSQL has none inside. */
    return skald_rows_null(rows, row, column) ? NULL : skald_rows_bytes(rows, row, column).data;
}

static skald_item *item_of(const skald_rows *rows, uint32_t row)
{
    const skald_message message = {
        .kind = SKALD_KIND_EVENT,
        .previous = -1,
        .partition = (uint32_t)skald_rows_integer(rows, row, COLUMN_PARTITION),
        .time_us = skald_rows_time_us(rows, row, COLUMN_TIME),
        .body = skald_rows_bytes(rows, row, COLUMN_BODY),
        /* The outside knows a saga's step by its operation, however many jobs it takes. */
        .id =
            text_of(rows, row,
                    skald_rows_null(rows, row, COLUMN_OPERATION) ? COLUMN_TEXTS : COLUMN_OPERATION),
        .source = text_of(rows, row, COLUMN_TEXTS + 1),
        .type = text_of(rows, row, COLUMN_TEXTS + 2),
        .key = text_of(rows, row, COLUMN_TEXTS + 3),
        .content_type = text_of(rows, row, COLUMN_TEXTS + 4),
        .correlation_id = text_of(rows, row, COLUMN_TEXTS + 5),
        .causation_id = text_of(rows, row, COLUMN_TEXTS + 6),
        .traceparent = text_of(rows, row, COLUMN_TEXTS + 7),
        .tracestate = text_of(rows, row, COLUMN_TEXTS + 8),
        .headers = text_of(rows, row, COLUMN_TEXTS + 9),
        .addressee = text_of(rows, row, COLUMN_TEXTS + 10),
        .control = text_of(rows, row, COLUMN_TEXTS + 11),
    };
    return skald_item_new(&message, NULL);
}

/* The clock may have been put back. */
static uint64_t time_of(const skald_rows *rows, uint32_t row, int column)
{
    const int64_t ms = skald_rows_integer(rows, row, column);
    return ms > 0 ? (uint64_t)ms : 0;
}

static skald_status run_fill(skald_run *run, const skald_rows *rows, uint32_t row,
                             skald_error *error)
{
    run->item = item_of(rows, row);
    if (run->item == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a job");
    run->job_id = skald_rows_integer(rows, row, 0);
    run->expired = skald_rows_boolean(rows, row, 1);
    run->starts = (uint32_t)skald_rows_integer(rows, row, 2);
    run->attempts = (uint32_t)skald_rows_integer(rows, row, 3);
    run->crashes = (uint32_t)skald_rows_integer(rows, row, 4);
    run->maybe_done = skald_rows_boolean(rows, row, 5);
    run->suspect = skald_rows_boolean(rows, row, 6);
    run->failing_ms = time_of(rows, row, 7);
    run->not_yets = (uint32_t)skald_rows_integer(rows, row, 8);
    run->early_ms = time_of(rows, row, 9);
    run->claimed_ms = skald_clock_ms();
    run->timeout_ms = run->queue->options.timeout_ms;
    if (!skald_rows_null(rows, row, COLUMN_TIMEOUT))
        run->timeout_ms = (uint32_t)skald_rows_integer(rows, row, COLUMN_TIMEOUT);
    run->item->job_id = run->job_id;
    run->item->attempts = run->attempts;
    return SKALD_OK;
}

static skald_status runs_fill(skald_claim *claim, const skald_rows *rows, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < skald_rows_count(rows) && status == SKALD_OK; i++) {
        assert(claim->claimed < claim->wanted);
        status = run_fill(claim->runs[claim->claimed++], rows, i, error);
    }
    return status;
}

/* Where a rate is held, the time of a start is that by which the rate was reckoned. */
static skald_param began_at(const skald_claim *claim)
{
    const skald_queue_limits *limits = &claim->limits;
    return limits->rate > 0.0 || limits->key_rate > 0.0 ? skald_integer(limits->now_us)
                                                        : skald_null();
}

/* --- without regard to keys ---------------------------------------------------------------- */

static skald_status plain_claim(skald_claim *claim, skald_error *error)
{
    const skald_param params[] = {
        skald_text(claim->queue->name),
        skald_integer(claim->allowed),
        skald_boolean(claim->limits.locked),
        skald_text(claim->queues->hub->process_id),
        began_at(claim),
        skald_integer(claim->queue->options.timeout_ms),
    };
    skald_rows *rows = NULL;
    skald_status status = skald_pipeline_query_binary(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY, &rows, CLAIM_SET(DUE_JOBS("c.id")),
        sizeof params / sizeof params[0], params, error);
    if (status == SKALD_OK)
        status = runs_fill(claim, rows, error);
    skald_rows_free(rows);
    return status;
}

/* --- by keys ------------------------------------------------------------------------------- */

/* A job may not begin while one of its key runs, or stands before it and is not over. */
#define UNFINISHED "(b.state IN ('waiting', 'running') OR (b.state = 'dead' AND b.holds))"
#define KEY_BEFORE                                                                                 \
    "b.queue = c.queue AND b.key = c.key AND b.key <> '' AND " UNFINISHED                          \
    " AND (b.begins_at, b.id) < (c.begins_at, c.id) ORDER BY b.begins_at, b.id LIMIT 1"
#define KEY_RUNNING                                                                                \
    "b.queue = c.queue AND b.key = c.key AND b.key <> '' AND b.state = 'running' LIMIT 1"

/* Two claims must not judge one key at a time: each would see the other's job as waiting still.
 * Whoever comes second leaves that key for later. */
static skald_status candidates_lock(skald_claim *claim, skald_error *error)
{
    const skald_param params[] = {
        skald_text(claim->queue->name),       skald_integer(claim->candidate_max),
        skald_boolean(claim->limits.locked),  skald_text(claim->queues->hub->process_id),
        skald_boolean(claim->queue->ordered),
    };
    skald_rows *rows = NULL;
    const skald_status status = skald_pipeline_query_binary(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY, &rows,
        "WITH due AS MATERIALIZED (" DUE_JOBS(
            "c.id, c.key") ")"
                           " SELECT id, key, NOT $5::boolean OR key = ''"
                           " OR pg_try_advisory_xact_lock(hashtextextended($1 || chr(10) || key, "
                           "1)) FROM due",
        sizeof params / sizeof params[0], params, error);
    if (status != SKALD_OK)
        return status;
    claim->candidates = rows;
    return SKALD_OK;
}

/* The candidates that may begin as far as the limits of their keys say. */
static skald_status chosen_list(skald_claim *claim, skald_array *ids, skald_error *error)
{
    skald_status status = SKALD_OK;
    if (claim->limits.key_limited)
        status = skald_key_limits_load(claim, error);
    for (uint32_t i = 0; i < skald_rows_count(claim->candidates) && status == SKALD_OK; i++) {
        if (!skald_rows_boolean(claim->candidates, i, 2))
            continue;
        if (!claim->limits.key_limited || skald_key_limits_allow(claim, i))
            skald_array_integer(ids, skald_rows_integer(claim->candidates, i, 0));
    }
    if (status == SKALD_OK && !skald_array_ok(ids))
        status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for a claim");
    return status;
}

/* In a statement of its own, which sees what was committed until the locks were ours. */
static skald_status chosen_claim(skald_claim *claim, skald_array *ids, skald_error *error)
{
    const skald_param params[] = {
        skald_array_param(ids),
        skald_integer(claim->allowed),
        skald_boolean(claim->queue->ordered),
        skald_text(claim->queues->hub->process_id),
        began_at(claim),
        skald_integer(claim->queue->options.timeout_ms),
    };
    skald_rows *rows = NULL;
    skald_status status = skald_pipeline_query_binary(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY, &rows,
        CLAIM_SET("SELECT c.id FROM unnest($1) WITH ORDINALITY AS u(id, place)"
                  " JOIN skald.job AS c ON c.id = u.id WHERE NOT $3::boolean OR c.key = ''"
                  " OR ((SELECT b.id FROM skald.job AS b WHERE " KEY_BEFORE ") IS NULL"
                  "  AND (SELECT b.id FROM skald.job AS b WHERE " KEY_RUNNING ") IS NULL)"
                  " ORDER BY u.place LIMIT $2::bigint"),
        sizeof params / sizeof params[0], params, error);
    if (status == SKALD_OK)
        status = runs_fill(claim, rows, error);
    skald_rows_free(rows);
    return status;
}

/* Who stands behind another job is put off until that one ends: its end makes the next of its key
 * due. It cannot miss it, since its row is locked here; if we cannot lock it, it may be ending this
 * moment, and the job is looked at again. */
static skald_status blocked_put_off(skald_claim *claim, skald_array *ids, skald_error *error)
{
    const skald_param param = skald_array_param(ids);
    return skald_pipeline_send(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY,
        "UPDATE skald.job AS j SET due_at = 'infinity' FROM unnest($1) AS u(id)"
        " JOIN skald.job AS c ON c.id = u.id CROSS JOIN LATERAL ("
        "  SELECT id FROM (SELECT b.id FROM skald.job AS b WHERE " KEY_BEFORE
        "   FOR SHARE SKIP LOCKED) AS before"
        "  UNION ALL SELECT id FROM (SELECT b.id FROM skald.job AS b WHERE " KEY_RUNNING
        "   FOR SHARE SKIP LOCKED) AS running LIMIT 1) AS blocker"
        " WHERE j.id = c.id AND j.state = 'waiting'",
        1, &param, error);
}

static skald_status keyed_claim(skald_claim *claim, skald_error *error)
{
    claim->candidate_max = claim->allowed * 4 + 16;
    if (claim->candidate_max > CANDIDATES_MAX)
        claim->candidate_max = CANDIDATES_MAX;
    skald_array ids;
    skald_array_init(&ids, SKALD_ARRAY_INT8);
    skald_status status = candidates_lock(claim, error);
    if (status == SKALD_OK && skald_rows_count(claim->candidates) > 0) {
        status = chosen_list(claim, &ids, error);
        if (status == SKALD_OK && ids.count > 0)
            status = chosen_claim(claim, &ids, error);
        if (status == SKALD_OK && ids.count > 0 && claim->queue->ordered)
            status = blocked_put_off(claim, &ids, error);
        if (status == SKALD_OK && claim->limits.key_limited)
            status = skald_key_limits_store(claim, error);
    }
    skald_array_done(&ids);
    return status;
}

/* --- the transaction ----------------------------------------------------------------------- */

static uint32_t running_count(const skald_claim *claim)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < claim->claimed; i++)
        count += !claim->runs[i]->expired;
    return count;
}

/* Those that expired are over: the next of their keys have their turn. */
static skald_status expired_release(skald_claim *claim, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < claim->claimed && status == SKALD_OK; i++) {
        const skald_run *run = claim->runs[i];
        const skald_job_end end = {
            .held = run->expired, .queue = run->queue->name, .key = run->item->message.key};
        status = skald_job_ends_release(claim->queues->pipeline, &end, 1, error);
    }
    return status;
}

static skald_status claim_fill(skald_claim *claim, skald_error *error)
{
    const skald_work_queue *queue = claim->queue;
    claim->allowed = claim->wanted;
    skald_status status = SKALD_OK;
    if (queue->limited)
        status = skald_limits_lock(claim, error);
    if (status != SKALD_OK || claim->allowed == 0)
        return status;
    status = queue->ordered || claim->limits.key_limited ? keyed_claim(claim, error)
                                                         : plain_claim(claim, error);
    if (status == SKALD_OK && queue->limited)
        status = skald_limits_store(claim, running_count(claim), error);
    return status == SKALD_OK ? expired_release(claim, error) : status;
}

skald_status skald_queue_claim_within(skald_queues *queues, skald_work_queue *queue,
                                      skald_run **runs, uint32_t wanted, uint32_t *claimed,
                                      skald_error *error)
{
    assert(!queue->limited);
    skald_claim claim = {.queues = queues, .queue = queue, .runs = runs, .wanted = wanted};
    const skald_status status = claim_fill(&claim, error);
    skald_rows_free(claim.candidates);
    skald_key_limits_done(&claim);
    *claimed = claim.claimed;
    return status;
}

static skald_status claim_try(skald_claim *claim, skald_error *error)
{
    skald_pipeline *pipeline = claim->queues->pipeline;
    skald_status status = skald_pipeline_begin(pipeline, CLAIM_IDLE_MS_MAX, error);
    if (status != SKALD_OK)
        return status;
    status = claim_fill(claim, error);
    if (status == SKALD_OK)
        return skald_pipeline_commit(pipeline, error);
    skald_error lost;
    if (skald_pipeline_rollback(pipeline, &lost) != SKALD_OK) {
        *error = lost;
        return lost.status;
    }
    return status;
}

/* When is the next job due that may be claimed then? Asked only when fewer were claimed than
 * wanted. */
static skald_status wait_find(skald_claim *claim, uint32_t *wait_ms, skald_error *error)
{
    const skald_param param = skald_text(claim->queue->name);
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_run(
        claim->queues->pg, &rows,
        "SELECT ceil(extract(epoch FROM min(c.due_at) - skald.now()) * 1000)"
        " FROM (VALUES (3::smallint), (2::smallint), (1::smallint), (0::smallint)) AS p(priority)"
        " CROSS JOIN LATERAL (SELECT w.due_at FROM skald.job AS w WHERE w.queue = $1"
        "  AND w.state = 'waiting' AND w.priority = p.priority AND w.due_at < 'infinity'"
        "  ORDER BY w.due_at LIMIT 1) AS c",
        1, &param, error);
    if (status != SKALD_OK)
        return status;
    const int64_t due_ms = skald_rows_null(rows, 0, 0) ? INT64_MAX : skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    if (due_ms >= *wait_ms)
        return SKALD_OK;
    /* Due, and not claimed: somebody has it locked, or a limit says when. */
    if (due_ms <= 0)
        *wait_ms = claim->wait_ms != 0 ? claim->wait_ms : AGAIN_MS;
    else
        *wait_ms = (uint32_t)due_ms;
    return SKALD_OK;
}

skald_status skald_queue_claim(skald_queues *queues, skald_work_queue *queue, skald_run **runs,
                               uint32_t wanted, uint32_t *claimed, uint32_t *wait_ms,
                               skald_error *error)
{
    skald_claim claim = {.queues = queues, .queue = queue, .runs = runs, .wanted = wanted};
    skald_status status = claim_try(&claim, error);
    const bool more =
        claim.candidates != NULL && skald_rows_count(claim.candidates) == claim.candidate_max;
    skald_rows_free(claim.candidates);
    skald_key_limits_done(&claim);
    if (status == SKALD_OK && claim.claimed > 0)
        skald_crash_here(SKALD_CRASH_JOB_CLAIMED);
    if (status == SKALD_OK && claim.claimed < wanted && !more)
        status = wait_find(&claim, wait_ms, error);
    else
        *wait_ms = 0;
    if (status != SKALD_OK) {
        for (uint32_t i = 0; i < claim.claimed; i++)
            skald_run_clear(runs[i]);
        return status;
    }
    *claimed = claim.claimed;
    return SKALD_OK;
}
