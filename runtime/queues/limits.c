/* How many of a queue's jobs may begin now. The numbers are rows, so that they hold over all
 * processes and may be changed at any time; the arithmetic is sagas/bucket.h and breaker.h. */
#include "breaker.h"
#include "pg/array.h"
#include "queues/claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CROWDED_WAIT_MS = 250, /* somebody's end makes room; those of other processes may be missed */
    KEY_DELAY_MS_MAX = 5000,
};

/* --- the queue ----------------------------------------------------------------------------- */

enum {
    LIMIT_CONCURRENCY,
    LIMIT_RATE,
    LIMIT_BURST,
    LIMIT_KEY_CONCURRENCY,
    LIMIT_KEY_RATE,
    LIMIT_KEY_BURST,
    LIMIT_BREAKER_FAILURES,
    LIMIT_BREAKER_OPEN_MS,
    LIMIT_TOKENS,
    LIMIT_TOKENS_AT,
    LIMIT_FAILURES,
    LIMIT_BREAKER_SINCE,
    LIMIT_BREAKER_PROBE,
};

static double real_of(const skald_rows *rows, uint32_t row, int column)
{
    const char *text = skald_rows_text(rows, row, column);
    return text == NULL ? 0.0 : strtod(text, NULL);
}

static void allow_fewer(skald_claim *claim, uint32_t allowed, uint32_t wait_ms)
{
    if (allowed >= claim->allowed)
        return;
    claim->allowed = allowed;
    if (wait_ms > claim->wait_ms)
        claim->wait_ms = wait_ms;
}

static void rate_apply(skald_claim *claim, const skald_rows *row)
{
    skald_queue_limits *limits = &claim->limits;
    limits->rate = real_of(row, 0, LIMIT_RATE);
    limits->burst = (uint32_t)skald_rows_integer(row, 0, LIMIT_BURST);
    limits->bucket = (skald_bucket){limits->burst, limits->now_us};
    if (!skald_rows_null(row, 0, LIMIT_TOKENS) && !skald_rows_null(row, 0, LIMIT_TOKENS_AT))
        limits->bucket = (skald_bucket){real_of(row, 0, LIMIT_TOKENS),
                                        skald_rows_integer(row, 0, LIMIT_TOKENS_AT)};
    if (!(limits->rate > 0.0))
        return;
    skald_bucket after;
    uint32_t wait_ms = 0;
    const uint32_t allowed = skald_bucket_take(&limits->bucket, limits->rate, limits->burst,
                                               limits->now_us, claim->allowed, &after, &wait_ms);
    allow_fewer(claim, allowed, wait_ms);
}

static void breaker_apply(skald_claim *claim, const skald_rows *row, bool probe_runs)
{
    const skald_breaker breaker = {
        .failures_max = (uint32_t)skald_rows_integer(row, 0, LIMIT_BREAKER_FAILURES),
        .open_ms = (uint64_t)skald_rows_integer(row, 0, LIMIT_BREAKER_OPEN_MS),
        .failures = (uint32_t)skald_rows_integer(row, 0, LIMIT_FAILURES),
        .open_since_us = skald_rows_integer(row, 0, LIMIT_BREAKER_SINCE),
        .probe = probe_runs,
    };
    if (breaker.failures_max == 0)
        return;
    uint32_t wait_ms = 0;
    const uint32_t allowed =
        skald_breaker_allow(&breaker, claim->limits.now_us, claim->allowed, &wait_ms);
    allow_fewer(claim, allowed, wait_ms);
    claim->limits.probing =
        allowed > 0 && skald_breaker_look(&breaker, claim->limits.now_us) == SKALD_BREAKER_PROBING;
}

/* In a statement of its own: only now does it see what others committed before we had the lock. */
static skald_status limits_apply(skald_claim *claim, const skald_rows *row, skald_error *error)
{
    const skald_param params[] = {
        skald_text(claim->queue->name),
        skald_rows_null(row, 0, LIMIT_BREAKER_PROBE)
            ? skald_null()
            : skald_integer(skald_rows_integer(row, 0, LIMIT_BREAKER_PROBE)),
        skald_boolean(!skald_rows_null(row, 0, LIMIT_CONCURRENCY)),
    };
    skald_rows *now = NULL;
    const skald_status status = skald_pipeline_query(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY, &now,
        "SELECT (extract(epoch FROM skald.now()) * 1e6)::bigint,"
        " CASE WHEN $3::boolean THEN (SELECT count(*) FROM skald.job WHERE queue = $1"
        "  AND state = 'running') ELSE 0 END,"
        " EXISTS (SELECT FROM skald.job WHERE id = $2::bigint AND state = 'running')",
        sizeof params / sizeof params[0], params, error);
    if (status != SKALD_OK)
        return status;
    claim->limits.now_us = skald_rows_integer(now, 0, 0);
    const int64_t running = skald_rows_integer(now, 0, 1);
    const bool probe_runs = skald_rows_boolean(now, 0, 2);
    skald_rows_free(now);
    if (!skald_rows_null(row, 0, LIMIT_CONCURRENCY)) {
        const int64_t room = skald_rows_integer(row, 0, LIMIT_CONCURRENCY) - running;
        allow_fewer(claim, room > 0 ? (uint32_t)room : 0, CROWDED_WAIT_MS);
    }
    rate_apply(claim, row);
    breaker_apply(claim, row, probe_runs);
    claim->limits.key_concurrency = (uint32_t)skald_rows_integer(row, 0, LIMIT_KEY_CONCURRENCY);
    claim->limits.key_rate = real_of(row, 0, LIMIT_KEY_RATE);
    claim->limits.key_burst = (uint32_t)skald_rows_integer(row, 0, LIMIT_KEY_BURST);
    claim->limits.key_limited = claim->limits.key_concurrency > 0 || claim->limits.key_rate > 0.0;
    return SKALD_OK;
}

skald_status skald_limits_lock(skald_claim *claim, skald_error *error)
{
    const skald_param param = skald_text(claim->queue->name);
    skald_rows *row = NULL;
    skald_status status = skald_pipeline_query(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY, &row,
        "SELECT concurrency, rate, burst, key_concurrency, key_rate, key_burst, breaker_failures,"
        " breaker_open_ms, tokens, (extract(epoch FROM tokens_at) * 1e6)::bigint, failures_in_row,"
        " (extract(epoch FROM breaker_since) * 1e6)::bigint, breaker_probe"
        " FROM skald.queue WHERE name = $1 AND NOT paused AND EXISTS (SELECT"
        "  FROM (VALUES (3::smallint), (2::smallint), (1::smallint), (0::smallint)) AS p(priority)"
        "  CROSS JOIN LATERAL (SELECT FROM skald.job AS w WHERE w.queue = $1"
        "   AND w.state = 'waiting' AND w.priority = p.priority"
        "   AND w.due_at <= (SELECT skald.now()) LIMIT 1) AS c) FOR NO KEY UPDATE",
        1, &param, error);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_count(row) == 0) {
        claim->allowed = 0;
    } else {
        claim->limits.locked = true;
        status = limits_apply(claim, row, error);
    }
    skald_rows_free(row);
    return status;
}

/* The job that was let through to see whether the outside is well again. */
static int64_t probe_of(const skald_claim *claim)
{
    for (uint32_t i = 0; i < claim->claimed && claim->limits.probing; i++) {
        if (!claim->runs[i]->expired)
            return claim->runs[i]->job_id;
    }
    return 0;
}

skald_status skald_limits_store(skald_claim *claim, uint32_t started, skald_error *error)
{
    skald_queue_limits *limits = &claim->limits;
    const bool rated = limits->rate > 0.0;
    if (started == 0 || (!rated && !limits->probing))
        return SKALD_OK;
    skald_bucket after = limits->bucket;
    uint32_t wait_ms = 0;
    if (rated)
        skald_bucket_take(&limits->bucket, limits->rate, limits->burst, limits->now_us, started,
                          &after, &wait_ms);
    const int64_t probe = probe_of(claim);
    const skald_param params[] = {
        skald_text(claim->queue->name),
        rated ? skald_real(after.tokens) : skald_null(),
        rated ? skald_integer(after.at_us) : skald_null(),
        probe != 0 ? skald_integer(probe) : skald_null(),
    };
    return skald_pipeline_send(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY,
        "UPDATE skald.queue SET tokens = $2, tokens_at = '1970-01-01 00:00:00Z'::timestamptz"
        " + $3::bigint * interval '1 us', breaker_probe = coalesce($4, breaker_probe)"
        " WHERE name = $1",
        sizeof params / sizeof params[0], params, error);
}

/* --- keys ---------------------------------------------------------------------------------- */

static skald_key_limit *key_find(skald_claim *claim, const char *key)
{
    for (uint32_t i = 0; i < claim->key_count; i++) {
        if (strcmp(claim->keys[i].key, key) == 0)
            return &claim->keys[i];
    }
    return NULL;
}

/* The keys of all candidates, once each; what has no key has no limit of its own. */
static skald_status keys_collect(skald_claim *claim, skald_error *error)
{
    const uint32_t count = skald_rows_count(claim->candidates);
    claim->keys = calloc(count, sizeof *claim->keys);
    if (claim->keys == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the keys of a claim");
    for (uint32_t i = 0; i < count; i++) {
        const char *key = skald_rows_text(claim->candidates, i, 1);
        if (key != NULL && key[0] != '\0' && key_find(claim, key) == NULL)
            claim->keys[claim->key_count++] = (skald_key_limit){.key = key};
    }
    return SKALD_OK;
}

static void key_take(skald_claim *claim, const skald_rows *rows, uint32_t row)
{
    skald_key_limit *limit = key_find(claim, skald_rows_text(rows, row, 0));
    limit->running = (uint32_t)skald_rows_integer(rows, row, 1);
    limit->bucket = (skald_bucket){claim->limits.key_burst, claim->limits.now_us};
    if (!skald_rows_null(rows, row, 2))
        limit->bucket = (skald_bucket){real_of(rows, row, 2), skald_rows_integer(rows, row, 3)};
}

skald_status skald_key_limits_load(skald_claim *claim, skald_error *error)
{
    skald_array_init(&claim->delayed, SKALD_ARRAY_INT8);
    skald_array_init(&claim->delays, SKALD_ARRAY_INT8);
    skald_array_init(&claim->crowded, SKALD_ARRAY_INT8);
    skald_status status = keys_collect(claim, error);
    if (status != SKALD_OK || claim->key_count == 0)
        return status;
    skald_array keys;
    skald_array_init(&keys, SKALD_ARRAY_TEXT);
    for (uint32_t i = 0; i < claim->key_count; i++)
        skald_array_text(&keys, claim->keys[i].key);
    const skald_param params[] = {skald_text(claim->queue->name), skald_array_param(&keys)};
    skald_rows *rows = NULL;
    status = skald_pipeline_query(
        claim->queues->pipeline, SKALD_PIPELINE_NOBODY, &rows,
        "SELECT k.key, (SELECT count(*) FROM skald.job AS j WHERE j.queue = $1 AND j.key = k.key"
        "  AND j.state = 'running'), b.tokens, (extract(epoch FROM b.tokens_at) * 1e6)::bigint"
        " FROM unnest($2) AS k(key)"
        " LEFT JOIN skald.key_bucket AS b ON b.queue = $1 AND b.key = k.key",
        2, params, error);
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++)
        key_take(claim, rows, i);
    skald_rows_free(rows);
    skald_array_done(&keys);
    return status;
}

/* Each of those that must wait is given a time of its own, so that they do not come all at once. */
static void key_delay(skald_claim *claim, skald_key_limit *limit, int64_t id, uint32_t wait_ms)
{
    const double delay_ms = wait_ms + limit->refused * 1000.0 / claim->limits.key_rate;
    limit->refused++;
    skald_array_integer(&claim->delayed, id);
    skald_array_integer(&claim->delays,
                        delay_ms < KEY_DELAY_MS_MAX ? (int64_t)delay_ms + 1 : KEY_DELAY_MS_MAX);
}

bool skald_key_limits_allow(skald_claim *claim, uint32_t row)
{
    const int64_t id = skald_rows_integer(claim->candidates, row, 0);
    skald_key_limit *limit = key_find(claim, skald_rows_text(claim->candidates, row, 1));
    if (limit == NULL)
        return true;
    const skald_queue_limits *limits = &claim->limits;
    if (limits->key_concurrency > 0 && limit->running + limit->taken >= limits->key_concurrency) {
        skald_array_integer(&claim->crowded, id);
        return false;
    }
    if (limits->key_rate > 0.0) {
        skald_bucket after;
        uint32_t wait_ms = 0;
        const uint32_t wanted = limit->taken + 1;
        if (skald_bucket_take(&limit->bucket, limits->key_rate, limits->key_burst, limits->now_us,
                              wanted, &after, &wait_ms) < wanted) {
            key_delay(claim, limit, id, wait_ms);
            return false;
        }
    }
    limit->taken++;
    return true;
}

static skald_status buckets_store(skald_claim *claim, skald_error *error)
{
    skald_array keys, tokens, times;
    skald_array_init(&keys, SKALD_ARRAY_TEXT);
    skald_array_init(&tokens, SKALD_ARRAY_TEXT);
    skald_array_init(&times, SKALD_ARRAY_TIME);
    for (uint32_t i = 0; i < claim->key_count; i++) {
        uint32_t started = 0;
        for (uint32_t k = 0; k < claim->claimed; k++) {
            const skald_run *run = claim->runs[k];
            started += !run->expired && run->item->message.key != NULL &&
                       strcmp(run->item->message.key, claim->keys[i].key) == 0;
        }
        if (started == 0)
            continue;
        skald_bucket after;
        uint32_t wait_ms;
        skald_bucket_take(&claim->keys[i].bucket, claim->limits.key_rate, claim->limits.key_burst,
                          claim->limits.now_us, started, &after, &wait_ms);
        char number[32];
        snprintf(number, sizeof number, "%.17g", after.tokens);
        skald_array_text(&keys, claim->keys[i].key);
        skald_array_text(&tokens, number);
        skald_array_time_us(&times, after.at_us);
    }
    const skald_param params[] = {skald_text(claim->queue->name), skald_array_param(&keys),
                                  skald_array_param(&tokens), skald_array_param(&times)};
    skald_status status = SKALD_OK;
    if (keys.count > 0)
        status = skald_pipeline_send(
            claim->queues->pipeline, SKALD_PIPELINE_NOBODY,
            "INSERT INTO skald.key_bucket AS b (queue, key, tokens, tokens_at)"
            " SELECT $1, k.key, k.tokens::double precision, k.at"
            " FROM unnest($2, $3, $4) AS k(key, tokens, at) ON CONFLICT (queue, key)"
            " DO UPDATE SET tokens = excluded.tokens, tokens_at = excluded.tokens_at",
            sizeof params / sizeof params[0], params, error);
    skald_array_done(&keys);
    skald_array_done(&tokens);
    skald_array_done(&times);
    return status;
}

/* Who waits for the rate of its key is due when that allows it; who waits for room among those of
 * its key that run is put off until one of them ends, whose row is locked here so that its end
 * cannot miss it. */
static skald_status refused_put_off(skald_claim *claim, skald_error *error)
{
    skald_status status = SKALD_OK;
    const skald_param delayed[] = {skald_array_param(&claim->delayed),
                                   skald_array_param(&claim->delays)};
    if (claim->delayed.count > 0)
        status = skald_pipeline_send(
            claim->queues->pipeline, SKALD_PIPELINE_NOBODY,
            "UPDATE skald.job AS j SET due_at = skald.now() + d.delay_ms * interval '1 ms'"
            " FROM unnest($1, $2) AS d(id, delay_ms) WHERE j.id = d.id AND j.state = 'waiting'",
            2, delayed, error);
    const skald_param crowded = skald_array_param(&claim->crowded);
    if (status == SKALD_OK && claim->crowded.count > 0)
        status = skald_pipeline_send(
            claim->queues->pipeline, SKALD_PIPELINE_NOBODY,
            "UPDATE skald.job AS j SET due_at = 'infinity' FROM unnest($1) AS u(id)"
            " JOIN skald.job AS c ON c.id = u.id CROSS JOIN LATERAL (SELECT b.id"
            "  FROM skald.job AS b WHERE b.queue = c.queue AND b.key = c.key"
            "  AND b.state = 'running' LIMIT 1 FOR SHARE SKIP LOCKED) AS blocker"
            " WHERE j.id = c.id AND j.state = 'waiting'",
            1, &crowded, error);
    return status;
}

skald_status skald_key_limits_store(skald_claim *claim, skald_error *error)
{
    skald_status status = SKALD_OK;
    if (claim->limits.key_rate > 0.0)
        status = buckets_store(claim, error);
    return status == SKALD_OK ? refused_put_off(claim, error) : status;
}

void skald_key_limits_done(skald_claim *claim)
{
    free(claim->keys);
    skald_array_done(&claim->delayed);
    skald_array_done(&claim->delays);
    skald_array_done(&claim->crowded);
}
