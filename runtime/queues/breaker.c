/* The circuit breaker of a queue is columns of its row; the decision is sagas/breaker.h. */
#include "breaker.h"
#include "queues/inside.h"

static skald_breaker breaker_of(const skald_rows *row)
{
    return (skald_breaker){
        .failures_max = (uint32_t)skald_rows_integer(row, 0, 0),
        .open_ms = (uint64_t)skald_rows_integer(row, 0, 1),
        .failures = (uint32_t)skald_rows_integer(row, 0, 2),
        .open_since_us = skald_rows_integer(row, 0, 3),
        .probe = !skald_rows_null(row, 0, 4),
    };
}

static void state_log(skald_queues *queues, const skald_work_queue *queue,
                      const skald_breaker *before, const skald_breaker *after)
{
    if (before->open_since_us == 0 && after->open_since_us != 0)
        skald_log_say(queues->hub->log, SKALD_LOG_WARNING, "QUEUE-CIRCUIT-OPEN",
                      "queue \"%s\" begins no job for %llu ms: %u failed in a row", queue->name,
                      (unsigned long long)after->open_ms, after->failures);
    if (before->open_since_us != 0 && after->open_since_us == 0)
        skald_log_say(queues->hub->log, SKALD_LOG_INFO, "QUEUE-CIRCUIT-CLOSED",
                      "queue \"%s\" goes on: the probe succeeded", queue->name);
}

static skald_status breaker_store(skald_queues *queues, const skald_work_queue *queue,
                                  const skald_breaker *breaker, skald_error *error)
{
    const skald_param params[] = {
        skald_text(queue->name),
        skald_integer(breaker->failures),
        breaker->open_since_us != 0 ? skald_integer(breaker->open_since_us) : skald_null(),
        skald_boolean(breaker->probe),
    };
    return skald_pipeline_send(
        queues->pipeline, SKALD_PIPELINE_NOBODY,
        "UPDATE skald.queue SET failures_in_row = $2,"
        " breaker_since = '1970-01-01 00:00:00Z'::timestamptz + $3::bigint * interval '1 us',"
        " breaker_probe = CASE WHEN $4 THEN breaker_probe END WHERE name = $1",
        sizeof params / sizeof params[0], params, error);
}

/* The breaker after these ends. A probe that says nothing about the outside gives way to the next.
 */
static skald_breaker ends_fold(skald_breaker breaker, int64_t probe, int64_t now_us,
                               const skald_breaker_news *news, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const bool was_probe = breaker.probe && news[i].job_id == probe;
        if (news[i].counts)
            breaker = skald_breaker_ended(&breaker, news[i].succeeded, was_probe, now_us);
        else if (was_probe)
            breaker.probe = false;
    }
    return breaker;
}

skald_status skald_breaker_tell(skald_queues *queues, const skald_work_queue *queue,
                                const skald_breaker_news *news, size_t count, skald_error *error)
{
    const skald_param param = skald_text(queue->name);
    skald_rows *row = NULL;
    skald_status status =
        skald_pipeline_query(queues->pipeline, SKALD_PIPELINE_NOBODY, &row,
                             "SELECT breaker_failures, breaker_open_ms, failures_in_row,"
                             " (extract(epoch FROM breaker_since) * 1e6)::bigint, breaker_probe,"
                             " (extract(epoch FROM skald.now()) * 1e6)::bigint FROM skald.queue"
                             " WHERE name = $1 AND breaker_failures IS NOT NULL FOR NO KEY UPDATE",
                             1, &param, error);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_count(row) == 1) {
        const skald_breaker before = breaker_of(row);
        const skald_breaker after = ends_fold(before, skald_rows_integer(row, 0, 4),
                                              skald_rows_integer(row, 0, 5), news, count);
        state_log(queues, queue, &before, &after);
        if (after.failures != before.failures || after.probe != before.probe ||
            after.open_since_us != before.open_since_us)
            status = breaker_store(queues, queue, &after, error);
    }
    skald_rows_free(row);
    return status;
}
