/* Options, activities, and the row in skald.queue. */
#include "queues/queue.h"
#include "pg/array.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS_DEFAULT = 4,
    TIMEOUT_MS_DEFAULT = 60000,
    TIMEOUT_MS_MIN = 20,
    KEEP_MS_DEFAULT = 3600 * 1000,
    BREAKER_OPEN_MS_DEFAULT = 30000,
};

#define MS_MAX (UINT64_C(100) * 366 * 24 * 60 * 60 * 1000)

/* --- options ------------------------------------------------------------------------------- */

static skald_status count_check(const char *queue, const char *what, uint64_t value, uint64_t max,
                                skald_error *error)
{
    if (value <= max)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "queue \"%s\": skald_queue_options.%s is %" PRIu64 ", at most %" PRIu64
                           " are possible",
                           queue, what, value, max);
}

static skald_status rate_check(const char *queue, const char *what, double rate, skald_error *error)
{
    if (isfinite(rate) && rate >= 0.0 && rate <= 1e9)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "queue \"%s\": skald_queue_options.%s is %g, it must be 0 (no limit) or "
                           "starts per second up to 1e9",
                           queue, what, rate);
}

static skald_status options_check(const char *queue, const skald_queue_options *options,
                                  skald_error *error)
{
    if (options->size != sizeof *options)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_queue_options.size is %zu, not %zu: use "
                               "SKALD_QUEUE_OPTIONS_INIT",
                               options->size, sizeof *options);
    const struct {
        const char *what;
        uint64_t value, max;
    } counts[] = {
        {"threads", options->threads, SKALD_QUEUE_THREADS_MAX},
        {"concurrency", options->concurrency, INT32_MAX},
        {"burst", options->burst, INT32_MAX},
        {"key_concurrency", options->key_concurrency, INT32_MAX},
        {"key_burst", options->key_burst, INT32_MAX},
        {"breaker_failures", options->breaker_failures, INT32_MAX},
        {"timeout_ms", options->timeout_ms, 7u * 24 * 3600 * 1000},
        {"expire_ms", options->expire_ms, MS_MAX},
        {"keep_ms", options->keep_ms, MS_MAX},
        {"breaker_open_ms", options->breaker_open_ms, MS_MAX},
    };
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0] && status == SKALD_OK; i++)
        status = count_check(queue, counts[i].what, counts[i].value, counts[i].max, error);
    if (status == SKALD_OK)
        status = rate_check(queue, "rate", options->rate, error);
    if (status == SKALD_OK)
        status = rate_check(queue, "key_rate", options->key_rate, error);
    if (status == SKALD_OK && options->timeout_ms != 0 && options->timeout_ms < TIMEOUT_MS_MIN)
        status = skald_error_set(error, SKALD_INVALID,
                                 "queue \"%s\": skald_queue_options.timeout_ms is %u, it must be "
                                 "at least %d",
                                 queue, options->timeout_ms, TIMEOUT_MS_MIN);
    return status;
}

static skald_queue_options defaults_fill(const skald_queue_options *given)
{
    static const skald_queue_options nothing = SKALD_QUEUE_OPTIONS_INIT;
    skald_queue_options options = given != NULL ? *given : nothing;
    if (options.threads == 0)
        options.threads = THREADS_DEFAULT;
    if (options.burst == 0)
        options.burst = 1;
    if (options.key_burst == 0)
        options.key_burst = 1;
    if (options.timeout_ms == 0)
        options.timeout_ms = TIMEOUT_MS_DEFAULT;
    if (options.keep_ms == 0)
        options.keep_ms = KEEP_MS_DEFAULT;
    if (options.breaker_open_ms == 0)
        options.breaker_open_ms = BREAKER_OPEN_MS_DEFAULT;
    return options;
}

skald_status skald_work_queue_new(skald_work_queue **out, const char *name,
                                  const skald_queue_options *options,
                                  const skald_policy_plan *otherwise, skald_error *error)
{
    const skald_queue_options filled = defaults_fill(options);
    skald_status status = options_check(name, &filled, error);
    if (status != SKALD_OK)
        return status;
    skald_work_queue *queue = calloc(1, sizeof *queue);
    if (queue == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a queue");
    snprintf(queue->name, sizeof queue->name, "%s", name);
    queue->options = filled;
    queue->ordered = !filled.unordered;
    queue->plan = *otherwise;
    skald_error cause = {0};
    if (filled.policy != NULL &&
        skald_policy_compile(&queue->plan, filled.policy, &cause) != SKALD_OK)
        status = skald_error_set(error, cause.status, "queue \"%s\": skald_queue_options.%s", name,
                                 cause.text);
    if (status == SKALD_OK)
        *out = queue;
    else
        free(queue);
    return status;
}

bool skald_work_queue_same(const skald_work_queue *queue, const skald_queue_options *options)
{
    if (options == NULL)
        return true;
    const skald_queue_options ours = queue->options;
    const skald_queue_options theirs = defaults_fill(options);
    return ours.threads == theirs.threads && ours.concurrency == theirs.concurrency &&
           !(ours.rate < theirs.rate) && !(ours.rate > theirs.rate) && ours.burst == theirs.burst &&
           ours.key_concurrency == theirs.key_concurrency && !(ours.key_rate < theirs.key_rate) &&
           !(ours.key_rate > theirs.key_rate) && ours.key_burst == theirs.key_burst &&
           ours.unordered == theirs.unordered && ours.timeout_ms == theirs.timeout_ms &&
           ours.expire_ms == theirs.expire_ms && ours.keep_ms == theirs.keep_ms &&
           ours.breaker_failures == theirs.breaker_failures &&
           ours.breaker_open_ms == theirs.breaker_open_ms && ours.policy == theirs.policy &&
           ours.caps.rows == theirs.caps.rows && ours.caps.bytes == theirs.caps.bytes &&
           ours.caps.age_ms == theirs.caps.age_ms && ours.caps.discard == theirs.caps.discard;
}

/* --- activities ---------------------------------------------------------------------------- */

const skald_activity *skald_work_queue_activity(const skald_work_queue *queue, const char *type)
{
    for (uint32_t i = 0; i < queue->activity_count; i++) {
        if (type != NULL && strcmp(queue->activities[i]->descriptor->name, type) == 0)
            return queue->activities[i];
    }
    return NULL;
}

skald_status skald_work_queue_add(skald_work_queue *queue, const skald_activity *activity,
                                  skald_error *error)
{
    const char *type = activity->descriptor->name;
    const skald_activity *other = skald_work_queue_activity(queue, type);
    if (other != NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "queue \"%s\" has two activities for %s: \"%s\" and \"%s\"",
                               queue->name, type, other->name, activity->name);
    if (queue->activity_count == SKALD_ACTIVITIES_MAX)
        return skald_error_set(error, SKALD_FULL, "queue \"%s\" has more than %d activities",
                               queue->name, SKALD_ACTIVITIES_MAX);
    queue->activities[queue->activity_count++] = activity;
    return SKALD_OK;
}

/* --- the row ------------------------------------------------------------------------------- */

/* Everything that is a limit, as one text: a change of it means that the program wants others. */
static void declared_write(const skald_queue_options *options, char out[SKALD_QUEUE_DECLARED_SIZE])
{
    snprintf(out, SKALD_QUEUE_DECLARED_SIZE,
             "%s concurrency=%u rate=%.9g burst=%u key_concurrency=%u key_rate=%.9g key_burst=%u"
             " expire_ms=%" PRIu64 " keep_ms=%" PRIu64 " breaker_failures=%u"
             " breaker_open_ms=%" PRIu64,
             options->unordered ? "unordered" : "ordered", options->concurrency, options->rate,
             options->burst, options->key_concurrency, options->key_rate, options->key_burst,
             options->expire_ms, options->keep_ms, options->breaker_failures,
             options->breaker_open_ms);
}

static skald_param count_or_null(uint64_t value)
{
    return value == 0 ? skald_null() : skald_integer((int64_t)value);
}

static skald_param rate_or_null(double rate)
{
    return rate > 0.0 ? skald_real(rate) : skald_null();
}

skald_status skald_work_queue_register(const skald_work_queue *queue, skald_pg *pg,
                                       skald_error *error)
{
    const skald_queue_options *options = &queue->options;
    char declared[SKALD_QUEUE_DECLARED_SIZE];
    declared_write(options, declared);
    const skald_param params[] = {
        skald_text(queue->name),
        skald_text(declared),
        skald_boolean(!options->unordered),
        count_or_null(options->concurrency),
        rate_or_null(options->rate),
        skald_integer(options->burst),
        count_or_null(options->key_concurrency),
        rate_or_null(options->key_rate),
        skald_integer(options->key_burst),
        count_or_null(options->expire_ms),
        skald_integer((int64_t)options->keep_ms),
        count_or_null(options->breaker_failures),
        skald_integer((int64_t)options->breaker_open_ms),
    };
    return skald_pg_run(
        pg, NULL,
        "INSERT INTO skald.queue AS q (name, declared, ordered, concurrency, rate, burst,"
        " key_concurrency, key_rate, key_burst, expire_ms, keep_ms, breaker_failures,"
        " breaker_open_ms)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        " ON CONFLICT (name) DO UPDATE SET declared = excluded.declared,"
        " ordered = excluded.ordered, concurrency = excluded.concurrency, rate = excluded.rate,"
        " burst = excluded.burst, key_concurrency = excluded.key_concurrency,"
        " key_rate = excluded.key_rate, key_burst = excluded.key_burst,"
        " expire_ms = excluded.expire_ms, keep_ms = excluded.keep_ms,"
        " breaker_failures = excluded.breaker_failures,"
        " breaker_open_ms = excluded.breaker_open_ms WHERE q.declared <> excluded.declared",
        sizeof params / sizeof params[0], params, error);
}

/* --- what a person has changed ------------------------------------------------------------- */

static void row_take(skald_work_queue *queue, const skald_rows *rows, uint32_t row)
{
    const bool ordered = skald_rows_boolean(rows, row, 1);
    const uint32_t key_concurrency = (uint32_t)skald_rows_integer(rows, row, 6);
    /* Who waits for another job of its key may have no reason to, from now on. */
    if (ordered != queue->ordered || key_concurrency != queue->key_concurrency)
        queue->keys_doubted = true;
    queue->ordered = ordered;
    queue->key_concurrency = key_concurrency;
    queue->limited = skald_rows_boolean(rows, row, 2);
    queue->key_limited = skald_rows_boolean(rows, row, 3);
    queue->breaker = skald_rows_boolean(rows, row, 4);
    queue->paused = skald_rows_boolean(rows, row, 5);
    /* A limit may be wider now than when we were told to wait. */
    if (queue->limited || queue->paused)
        queue->look_ms = 0;
}

skald_status skald_work_queues_refresh(skald_work_queue *first, skald_pg *pg, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        pg, &rows, error,
        "SELECT name, ordered, concurrency IS NOT NULL OR rate IS NOT NULL OR breaker_failures IS"
        " NOT NULL OR key_concurrency IS NOT NULL OR key_rate IS NOT NULL,"
        " key_concurrency IS NOT NULL OR key_rate IS NOT NULL, breaker_failures IS NOT NULL,"
        " paused, key_concurrency FROM skald.queue");
    if (status != SKALD_OK)
        return status;
    for (skald_work_queue *queue = first; queue != NULL; queue = queue->next) {
        for (uint32_t i = 0; i < skald_rows_count(rows); i++) {
            if (strcmp(skald_rows_text(rows, i, 0), queue->name) == 0)
                row_take(queue, rows, i);
        }
    }
    skald_rows_free(rows);
    return SKALD_OK;
}
