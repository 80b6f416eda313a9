/* Signs of life, in both directions, and jobs whose attempts nobody will end any more. */
#include "base/clock.h"
#include "pg/array.h"
#include "queues/inside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    LOST_MAX = 64, /* in one transaction */
    LOST_IDLE_MS_MAX = 10000,
    /* Past the deadline: first a supervisor may end the process, and its successor say how. */
    GRACE_MS = 3000,
    REASON_SIZE = 512,
};

/* --- heartbeats ---------------------------------------------------------------------------- */

typedef struct beats {
    skald_array ids, starts, timeouts, progress, notes;
} beats;

static void beats_init(beats *all)
{
    skald_array_init(&all->ids, SKALD_ARRAY_INT8);
    skald_array_init(&all->starts, SKALD_ARRAY_INT4);
    skald_array_init(&all->timeouts, SKALD_ARRAY_INT8);
    skald_array_init(&all->progress, SKALD_ARRAY_INT8);
    skald_array_init(&all->notes, SKALD_ARRAY_TEXT);
}

static void beats_done(beats *all)
{
    skald_array_done(&all->ids);
    skald_array_done(&all->starts);
    skald_array_done(&all->timeouts);
    skald_array_done(&all->progress);
    skald_array_done(&all->notes);
}

/* What has been said since the last time. An attempt that has ended but is not noted yet lives. */
static void beats_collect(skald_queues *queues, beats *all)
{
    pthread_mutex_lock(&queues->mutex);
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        skald_runner *runner = &queues->runners[i];
        skald_run *run = runner->run;
        if (runner->state == SKALD_RUNNER_FREE)
            continue;
        const bool alive = atomic_exchange(&run->alive, false);
        if (!alive && !run->progressed && runner->state == SKALD_RUNNER_RUNNING)
            continue;
        skald_array_integer(&all->ids, run->job_id);
        skald_array_integer(&all->starts, run->starts);
        skald_array_integer(&all->timeouts, run->timeout_ms);
        if (run->progressed)
            skald_array_integer(&all->progress, (int64_t)(run->progress * 1e6));
        else
            skald_array_null(&all->progress);
        skald_array_text(&all->notes, run->progressed ? run->note : NULL);
        run->progressed = false;
    }
    pthread_mutex_unlock(&queues->mutex);
}

static skald_run *run_find(skald_queues *queues, int64_t job_id)
{
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        skald_runner *runner = &queues->runners[i];
        if (runner->state != SKALD_RUNNER_FREE && runner->run->job_id == job_id)
            return runner->run;
    }
    return NULL;
}

/* Rows that somebody has locked are not waited for: what was said is said again the next time. */
static skald_status beats_send(skald_queues *queues, beats *all, skald_error *error)
{
    const skald_param params[] = {
        skald_array_param(&all->ids),      skald_array_param(&all->starts),
        skald_array_param(&all->timeouts), skald_array_param(&all->progress),
        skald_array_param(&all->notes),    skald_text(queues->hub->process_id),
    };
    return skald_pg_run(
        queues->pg, NULL,
        "WITH mine AS MATERIALIZED (SELECT j.id FROM unnest($1, $2) AS e(id, starts)"
        " JOIN skald.job AS j ON j.id = e.id WHERE j.starts = e.starts AND j.holder = $6::uuid"
        " AND j.state = 'running' FOR NO KEY UPDATE OF j SKIP LOCKED)"
        " UPDATE skald.job AS j SET"
        " deadline_at = clock_timestamp() + e.timeout_ms * interval '1 ms',"
        " progress = coalesce(e.progress / 1e6, j.progress),"
        " progress_note = coalesce(e.note, j.progress_note)"
        " FROM unnest($1, $2, $3, $4, $5) AS e(id, starts, timeout_ms, progress, note)"
        " JOIN mine ON mine.id = e.id WHERE j.id = e.id",
        sizeof params / sizeof params[0], params, error);
}

static void running_list(skald_queues *queues, skald_array *ids, skald_array *starts)
{
    pthread_mutex_lock(&queues->mutex);
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        if (queues->runners[i].state != SKALD_RUNNER_RUNNING)
            continue;
        skald_array_integer(ids, queues->runners[i].run->job_id);
        skald_array_integer(starts, queues->runners[i].run->starts);
    }
    pthread_mutex_unlock(&queues->mutex);
}

static void fates_take(skald_queues *queues, const skald_rows *rows)
{
    for (uint32_t i = 0; i < skald_rows_count(rows); i++) {
        pthread_mutex_lock(&queues->mutex);
        skald_run *run = run_find(queues, skald_rows_integer(rows, i, 0));
        pthread_mutex_unlock(&queues->mutex);
        if (run != NULL && !skald_rows_boolean(rows, i, 1))
            atomic_store(&run->fenced, true);
        if (run != NULL && skald_rows_boolean(rows, i, 2))
            atomic_store(&run->cancelled, true);
    }
}

/* Which are still ours, and which are to be cancelled? */
static skald_status fates_read(skald_queues *queues, skald_error *error)
{
    skald_array ids, starts;
    skald_array_init(&ids, SKALD_ARRAY_INT8);
    skald_array_init(&starts, SKALD_ARRAY_INT4);
    running_list(queues, &ids, &starts);
    skald_status status = SKALD_OK;
    if (ids.count > 0) {
        const skald_param params[] = {skald_array_param(&ids), skald_array_param(&starts),
                                      skald_text(queues->hub->process_id)};
        skald_rows *rows = NULL;
        status = skald_pg_run(queues->pg, &rows,
                              "SELECT e.id, j.id IS NOT NULL, j.cancel_reason IS NOT NULL"
                              " FROM unnest($1, $2) AS e(id, starts) LEFT JOIN skald.job AS j"
                              " ON j.id = e.id AND j.starts = e.starts AND j.holder = $3::uuid"
                              " AND j.state = 'running'",
                              sizeof params / sizeof params[0], params, error);
        if (status == SKALD_OK)
            fates_take(queues, rows);
        skald_rows_free(rows);
    }
    skald_array_done(&ids);
    skald_array_done(&starts);
    return status;
}

skald_status skald_queues_tick(skald_queues *queues, skald_error *error)
{
    beats all;
    beats_init(&all);
    beats_collect(queues, &all);
    skald_status status = SKALD_OK;
    if (all.ids.count > 0)
        status = beats_send(queues, &all, error);
    beats_done(&all);
    return status == SKALD_OK ? fates_read(queues, error) : status;
}

/* --- claims that nobody heard of ------------------------------------------------------------ */

/* A claim may have been committed without our knowing, when the connection was lost: then its jobs
 * are ours by name, and in nobody's hand. */
skald_status skald_queues_reclaim(skald_queues *queues, skald_error *error)
{
    skald_array ids;
    skald_array_init(&ids, SKALD_ARRAY_INT8);
    pthread_mutex_lock(&queues->mutex);
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        if (queues->runners[i].state != SKALD_RUNNER_FREE)
            skald_array_integer(&ids, queues->runners[i].run->job_id);
    }
    pthread_mutex_unlock(&queues->mutex);
    const skald_param params[] = {skald_text(queues->hub->process_id), skald_array_param(&ids)};
    const skald_status status =
        skald_pg_run(queues->pg, NULL,
                     "UPDATE skald.job SET state = 'waiting', due_at = skald.now(), holder = NULL"
                     " WHERE state = 'running' AND holder = $1::uuid AND id <> ALL ($2)",
                     2, params, error);
    skald_array_done(&ids);
    return status;
}

/* --- lost jobs ----------------------------------------------------------------------------- */

enum {
    LOST_ID,
    LOST_QUEUE,
    LOST_STARTS,
    LOST_HOLDER,
    LOST_KEY,
    LOST_TYPE,
    LOST_ATTEMPTS,
    LOST_CRASHES,
    LOST_FAILING,
    LOST_GONE,
    LOST_PLACE,
};

static skald_work_queue *queue_find(skald_queues *queues, const char *name)
{
    skald_work_queue *queue = queues->first;
    while (queue != NULL && strcmp(queue->name, name) != 0)
        queue = queue->next;
    return queue;
}

/* What its outside has seen of it nobody knows. */
static void lost_fill(skald_job_end *end, const skald_work_queue *queue, const skald_rows *rows,
                      uint32_t row)
{
    const bool gone = skald_rows_boolean(rows, row, LOST_GONE);
    const char *place = skald_rows_text(rows, row, LOST_PLACE);
    *end = (skald_job_end){
        .job_id = skald_rows_integer(rows, row, LOST_ID),
        .starts = (uint32_t)skald_rows_integer(rows, row, LOST_STARTS),
        .holder = skald_rows_text(rows, row, LOST_HOLDER),
        .queue = queue->name,
        .key = skald_rows_text(rows, row, LOST_KEY),
        .counted = true,
        .attempts = (uint32_t)skald_rows_integer(rows, row, LOST_ATTEMPTS) + 1,
        .maybe_done = true,
    };
    const skald_failure failure = {
        .kind = gone ? SKALD_FAILURE_FAILED : SKALD_FAILURE_TIMED_OUT,
        .error_class = gone ? "lost" : NULL,
        .attempts = end->attempts,
        .crashes = (uint32_t)skald_rows_integer(rows, row, LOST_CRASHES),
        .failing_ms = (uint64_t)skald_rows_integer(rows, row, LOST_FAILING),
    };
    char reason[REASON_SIZE];
    snprintf(reason, sizeof reason,
             gone ? "its process, %s, is gone" : "past its deadline in process %s",
             place != NULL ? place : "which left no trace");
    skald_job_end_fail(end, queue, skald_rows_text(rows, row, LOST_TYPE), &failure, reason);
    if (gone)
        end->outcome = "lost";
}

static skald_status lost_find(skald_queues *queues, skald_rows **rows, skald_error *error)
{
    skald_array names;
    skald_array_init(&names, SKALD_ARRAY_TEXT);
    for (const skald_work_queue *queue = queues->first; queue != NULL; queue = queue->next)
        skald_array_text(&names, queue->name);
    const skald_param params[] = {skald_array_param(&names), skald_integer(GRACE_MS),
                                  skald_integer(LOST_MAX)};
    const skald_status status = skald_pipeline_query(
        queues->pipeline, SKALD_PIPELINE_NOBODY, rows,
        "SELECT j.id, j.queue, j.starts, j.holder, j.key, j.type, j.attempts, j.crashes,"
        " coalesce(greatest(0, (extract(epoch FROM skald.now() - j.first_failed_at) * 1000)"
        "  ::bigint), 0), coalesce(p.expires_at < clock_timestamp(), true),"
        " p.pid || ' on ' || p.host FROM skald.job AS j"
        " LEFT JOIN skald.process AS p ON p.id = j.holder"
        " WHERE j.state = 'running' AND j.queue = ANY ($1)"
        " AND (p.id IS NULL OR p.expires_at < clock_timestamp()"
        "  OR j.deadline_at < clock_timestamp() - $2::bigint * interval '1 ms')"
        " ORDER BY j.id LIMIT $3::bigint FOR NO KEY UPDATE OF j SKIP LOCKED",
        sizeof params / sizeof params[0], params, error);
    skald_array_done(&names);
    return status;
}

static skald_status breakers_tell(skald_queues *queues, const skald_job_end *ends, size_t count,
                                  skald_error *error)
{
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < count && status == SKALD_OK; i++) {
        const skald_work_queue *queue = queue_find(queues, ends[i].queue);
        const bool timed_out = strcmp(ends[i].outcome, "timed out") == 0;
        const skald_breaker_news news = {.job_id = ends[i].job_id, .counts = timed_out};
        if (queue->breaker)
            status = skald_breaker_tell(queues, queue, &news, 1, error);
    }
    return status;
}

static skald_status lost_end(skald_queues *queues, const skald_rows *rows, skald_error *error)
{
    const uint32_t count = skald_rows_count(rows);
    if (count == 0)
        return SKALD_OK;
    skald_job_end *ends = calloc(count, sizeof *ends);
    if (ends == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for lost jobs");
    for (uint32_t i = 0; i < count; i++)
        lost_fill(&ends[i], queue_find(queues, skald_rows_text(rows, i, LOST_QUEUE)), rows, i);
    skald_status status = skald_job_ends_write(queues->pipeline, ends, count, false, error);
    if (status == SKALD_OK)
        status = skald_job_ends_release(queues->pipeline, ends, count, error);
    if (status == SKALD_OK)
        status = breakers_tell(queues, ends, count, error);
    for (uint32_t i = 0; i < count && status == SKALD_OK; i++)
        skald_log_say(
            queues->hub->log, SKALD_LOG_WARNING, "JOB-LOST", "job %lld of queue \"%s\" is %s: %s",
            (long long)ends[i].job_id, ends[i].queue,
            strcmp(ends[i].state, "dead") == 0 ? "given up" : "tried again", ends[i].reason);
    free(ends);
    return status;
}

skald_status skald_queues_lost(skald_queues *queues, skald_error *error)
{
    skald_status status = skald_pipeline_begin(queues->pipeline, LOST_IDLE_MS_MAX, error);
    if (status != SKALD_OK)
        return status;
    skald_rows *rows = NULL;
    status = lost_find(queues, &rows, error);
    if (status == SKALD_OK)
        status = lost_end(queues, rows, error);
    skald_rows_free(rows);
    if (status == SKALD_OK)
        return skald_pipeline_commit(queues->pipeline, error);
    skald_error lost;
    if (skald_pipeline_rollback(queues->pipeline, &lost) != SKALD_OK) {
        *error = lost;
        return lost.status;
    }
    return status;
}

/* --- keys ---------------------------------------------------------------------------------- */

/* Jobs that wait for one of their key that is not there any more (somebody deleted its row), or for
 * a rule that does not hold any more; and buckets that are full again. */
skald_status skald_queues_mend(skald_queues *queues, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (skald_work_queue *queue = queues->first; queue != NULL && status == SKALD_OK;
         queue = queue->next) {
        if (queue->keys_doubted)
            status = skald_pg_do(queues->pg, NULL, error,
                                 "UPDATE skald.job SET due_at = skald.now() WHERE queue = $1"
                                 " AND state = 'waiting' AND due_at = 'infinity'",
                                 queue->name);
        else if (queue->ordered || queue->key_limited)
            status = skald_pg_do(queues->pg, NULL, error,
                                 "SELECT skald.queue_release(array_agg(queue), array_agg(key))"
                                 " FROM (SELECT DISTINCT queue, key FROM skald.job"
                                 "  WHERE queue = $1 AND state = 'waiting'"
                                 "  AND due_at = 'infinity') AS k",
                                 queue->name);
        if (status == SKALD_OK)
            queue->keys_doubted = false;
    }
    if (status == SKALD_OK)
        status = skald_pg_do(queues->pg, NULL, error,
                             "DELETE FROM skald.key_bucket AS b USING skald.queue AS q"
                             " WHERE q.name = b.queue AND (q.key_rate IS NULL OR b.tokens"
                             " + extract(epoch FROM skald.now() - b.tokens_at) * q.key_rate"
                             " >= q.key_burst)");
    return status;
}
