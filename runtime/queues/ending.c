/* How attempts end: in one transaction for all that have ended, what they did to the database,
 * their events, the jobs they enqueued, and their rows.
 *
 * The rows come first. Whoever's row is not as it left it has been fenced, and nothing of it is
 * carried out. When the statements of one fail, the pipeline knows whose they were: the others are
 * committed without it, and it runs again alone; if it fails again, so has the attempt. */
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/random.h"
#include "outbox/bell.h"
#include "queues/inside.h"

#include <assert.h>
#include <skald/backoff.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    END_IDLE_MS_MAX = 10000,
    LOCK_MS_MAX = 1000, /* how long the effects of one may keep the others waiting */
    PUT_OFF_MAX = 10,   /* so often may rows be locked before that counts as a failure */
    CONFLICT_DELAY_MS_MIN = 2,
    CONFLICT_DELAY_MS_MAX = 200,
};

#define CULPRIT_UNKNOWN SIZE_MAX

/* Jobs claimed in the transaction of the ends. */
typedef struct next_jobs {
    skald_run **runs;
    size_t count;
} next_jobs;

/* --- what becomes of it -------------------------------------------------------------------- */

void skald_job_end_fail(skald_job_end *end, const skald_work_queue *queue, const char *type,
                        const skald_failure *failure, const char *reason)
{
    const skald_verdict verdict = skald_policy_decide(&queue->plan, failure, skald_random_bits());
    end->outcome = skald_attempt_outcome(failure->kind);
    end->state = verdict.dead ? "dead" : "waiting";
    end->holds = verdict.dead && verdict.holds;
    end->delay_ms = verdict.dead || verdict.at_once ? 0 : (int64_t)verdict.delay_ms;
    snprintf(end->error_class, sizeof end->error_class, "%s",
             failure->error_class != NULL ? failure->error_class : "");
    snprintf(end->sqlstate, sizeof end->sqlstate, "%s",
             failure->sqlstate != NULL ? failure->sqlstate : "");
    skald_reason_clean(end->reason, reason);
    snprintf(end->why, sizeof end->why, "%s", verdict.why);
    skald_fingerprint(end->fingerprint, queue->name, type, end->error_class, end->sqlstate,
                      end->reason);
}

static void failure_fill(skald_job_end *end, const skald_run *run)
{
    const bool early = run->attempt.kind == SKALD_FAILURE_NOT_YET;
    /* A job that was declared to have crashed too often has not been tried again. */
    const bool counted = !early && run->attempt.kind != SKALD_FAILURE_CRASHED;
    const uint64_t since_ms = early ? run->early_ms : run->failing_ms;
    const skald_failure failure = {
        .kind = run->attempt.kind,
        .error_class = run->attempt.error_class,
        .sqlstate = run->attempt.error.sqlstate,
        .retry_after_ms = run->attempt.retry_after_ms,
        .attempts = early ? run->not_yets + 1 : run->attempts + counted,
        .crashes = run->crashes,
        .failing_ms = since_ms > 0 ? since_ms + skald_clock_ms() - run->claimed_ms : 0,
    };
    skald_job_end_fail(end, run->queue, run->item->message.type, &failure, run->attempt.error.text);
    end->counted = true;
    end->attempts = run->attempts + counted;
    if (run->attempt.kind == SKALD_FAILURE_CRASHED)
        end->outcome = NULL;
}

static void end_fill(skald_job_end *end, const skald_run *run)
{
    const skald_work_queue *queue = run->queue;
    const bool keyed = queue->ordered || queue->key_limited;
    *end = (skald_job_end){
        .job_id = run->job_id,
        .starts = run->starts,
        .holder = run->queues->hub->process_id,
        .queue = queue->name,
        .key = keyed ? run->item->message.key : NULL,
        .maybe_done = run->maybe_done,
        .note = run->progressed ? run->note : NULL,
    };
    switch (run->end) {
    case SKALD_RUN_DONE:
        end->state = "done";
        end->result_type = run->result_type;
        end->result = run->result;
        break;
    case SKALD_RUN_SKIPPED:
        end->state = "skipped";
        end->outcome = "skipped";
        skald_reason_clean(end->reason, run->attempt.error.text);
        break;
    case SKALD_RUN_REFUSED:
        end->state = "done";
        end->outcome = "refused";
        /* No class of the user's begins like this: skald.command_job_over knows it by that. */
        snprintf(end->error_class, sizeof end->error_class, "@refused");
        skald_reason_clean(end->reason, run->attempt.error.text);
        break;
    case SKALD_RUN_CANCELLED:
        end->state = "cancelled";
        end->outcome = "cancelled";
        skald_reason_clean(end->reason, run->attempt.error.text);
        break;
    case SKALD_RUN_GIVEN_BACK:
        end->state = "waiting";
        break;
    case SKALD_RUN_FAILED:
        failure_fill(end, run);
        break;
    }
}

/* Does it leave anything behind? */
static bool has_effects(const skald_run *run)
{
    return (run->end == SKALD_RUN_DONE || run->end == SKALD_RUN_SKIPPED) && run->effects.count > 0;
}

/* --- the transaction ----------------------------------------------------------------------- */

/* Rows that are not as we left them: locked by somebody (then later), or not ours any more. */
static skald_status unheld_settle(skald_queues *queues, skald_run **runs, const skald_job_end *ends,
                                  size_t count, skald_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (ends[i].held || runs[i]->settled)
            continue;
        skald_job_fate fate;
        const skald_status status = skald_job_fate_find(queues->pipeline, &ends[i], &fate, error);
        if (status != SKALD_OK)
            return status;
        runs[i]->settled = fate != SKALD_JOB_LOCKED;
        if (fate == SKALD_JOB_FENCED)
            skald_log_say(queues->hub->log, SKALD_LOG_WARNING, "JOB-FENCED",
                          "job %lld of queue \"%s\" ended here too late, somebody else has it: "
                          "what it left behind is not carried out",
                          (long long)runs[i]->job_id, runs[i]->queue->name);
    }
    return SKALD_OK;
}

static skald_status effects_send(skald_queues *queues, skald_run **runs, const skald_job_end *ends,
                                 size_t count, size_t *culprit, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < count && status == SKALD_OK; i++) {
        if (!ends[i].held || !has_effects(runs[i]))
            continue;
        status = skald_effects_send(&runs[i]->effects, queues->pipeline, (uint32_t)i,
                                    &queues->events, &queues->jobs, error);
        if (status != SKALD_OK)
            *culprit = i;
    }
    if (status == SKALD_OK)
        status = skald_outbox_writer_send(&queues->events, queues->pipeline, error);
    if (status == SKALD_OK)
        status = skald_job_writer_send(&queues->jobs, queues->pipeline, error);
    return status;
}

/* A queue's circuit breaker hears of what says something about the outside: that it answered, or
 * that it did not. A time that the outside gave us is an answer, unless it was the probe's. */
static skald_breaker_news news_of(const skald_run *run)
{
    skald_breaker_news news = {.job_id = run->job_id};
    news.succeeded = run->end == SKALD_RUN_DONE || run->end == SKALD_RUN_SKIPPED ||
                     run->end == SKALD_RUN_REFUSED ||
                     (run->end == SKALD_RUN_FAILED && run->attempt.kind == SKALD_FAILURE_DEAD);
    news.counts = news.succeeded ||
                  (run->end == SKALD_RUN_FAILED && (run->attempt.kind == SKALD_FAILURE_FAILED ||
                                                    run->attempt.kind == SKALD_FAILURE_TIMED_OUT));
    return news;
}

static skald_status breakers_tell(skald_queues *queues, skald_run **runs, const skald_job_end *ends,
                                  size_t count, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (skald_work_queue *queue = queues->first; queue != NULL && status == SKALD_OK;
         queue = queue->next) {
        if (!queue->breaker)
            continue;
        skald_breaker_news *news = calloc(count, sizeof *news);
        if (news == NULL)
            return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a circuit breaker");
        size_t used = 0;
        for (size_t i = 0; i < count; i++) {
            if (ends[i].held && runs[i]->queue == queue)
                news[used++] = news_of(runs[i]);
        }
        if (used > 0)
            status = skald_breaker_tell(queues, queue, news, used, error);
        free(news);
    }
    return status;
}

static skald_status ends_fill(skald_queues *queues, skald_run **runs, skald_job_end *ends,
                              size_t count, size_t *culprit, skald_error *error)
{
    char lock_ms[16];
    snprintf(lock_ms, sizeof lock_ms, "%d", LOCK_MS_MAX);
    const skald_param param = skald_text(lock_ms);
    skald_status status =
        skald_pipeline_send(queues->pipeline, SKALD_PIPELINE_NOBODY,
                            "SELECT set_config('lock_timeout', $1, true)", 1, &param, error);
    if (status == SKALD_OK)
        status = skald_job_ends_write(queues->pipeline, ends, count, true, error);
    if (status == SKALD_OK)
        status = unheld_settle(queues, runs, ends, count, error);
    if (status == SKALD_OK)
        status = effects_send(queues, runs, ends, count, culprit, error);
    if (status == SKALD_OK)
        status = skald_job_ends_release(queues->pipeline, ends, count, error);
    return status == SKALD_OK ? breakers_tell(queues, runs, ends, count, error) : status;
}

/* The runners of this queue whose jobs end here need others. Where there are limits that is for a
 * transaction of its own, which locks the queue's row and nothing else. */
static skald_status next_claim(skald_queues *queues, skald_work_queue *queue, skald_run **runs,
                               const skald_job_end *ends, size_t count, next_jobs *next,
                               skald_error *error)
{
    skald_run *spares[SKALD_QUEUE_THREADS_MAX];
    uint32_t wanted = 0;
    for (size_t i = 0; i < count; i++) {
        if (runs[i]->queue == queue && ends[i].held)
            spares[wanted++] = skald_runner_spare(runs[i]->runner);
    }
    uint32_t claimed = 0;
    skald_status status = SKALD_OK;
    if (wanted > 0)
        status = skald_queue_claim_within(queues, queue, spares, wanted, &claimed, error);
    for (uint32_t i = 0; i < claimed; i++)
        next->runs[next->count++] = spares[i];
    return status;
}

static skald_status next_claim_all(skald_queues *queues, skald_run **runs,
                                   const skald_job_end *ends, size_t count, next_jobs *next,
                                   skald_error *error)
{
    skald_status status = SKALD_OK;
    for (skald_work_queue *queue = queues->first; queue != NULL && status == SKALD_OK;
         queue = queue->next) {
        if (!queue->limited && !queue->paused && !atomic_load(&queues->stopping))
            status = next_claim(queues, queue, runs, ends, count, next, error);
    }
    return status;
}

/* Nothing of it was committed. */
static void next_drop(next_jobs *next)
{
    while (next->count > 0)
        skald_run_clear(next->runs[--next->count]);
}

static void culprit_correct(const skald_queues *queues, size_t *culprit)
{
    const uint32_t owner = skald_pipeline_failed_owner(queues->pipeline);
    if (owner != SKALD_PIPELINE_NOBODY)
        *culprit = owner;
}

static skald_status ends_try(skald_queues *queues, skald_run **runs, skald_job_end *ends,
                             size_t count, next_jobs *next, size_t *culprit, skald_error *error)
{
    *culprit = CULPRIT_UNKNOWN;
    skald_outbox_writer_clear(&queues->events);
    skald_job_writer_clear(&queues->jobs);
    skald_status status = skald_pipeline_begin(queues->pipeline, END_IDLE_MS_MAX, error);
    if (status != SKALD_OK)
        return status;
    status = ends_fill(queues, runs, ends, count, culprit, error);
    if (status == SKALD_OK && next != NULL)
        status = next_claim_all(queues, runs, ends, count, next, error);
    if (status == SKALD_OK) {
        skald_crash_here(SKALD_CRASH_JOB_END_SENT);
        status = skald_pipeline_commit(queues->pipeline, error);
        culprit_correct(queues, culprit);
        return status;
    }
    skald_error lost;
    culprit_correct(queues, culprit);
    if (skald_pipeline_rollback(queues->pipeline, &lost) != SKALD_OK) {
        *error = lost;
        status = lost.status;
    }
    return status;
}

/* --- afterwards ---------------------------------------------------------------------------- */

static void end_log(const skald_queues *queues, const skald_run *run, const skald_job_end *end)
{
    const skald_message *message = &run->item->message;
    const char *type = message->type != NULL ? message->type : "";
    if (strcmp(end->state, "dead") == 0 && run->queue->steps == NULL)
        skald_log_say(queues->hub->log, SKALD_LOG_ERROR, "JOB-DEAD",
                      "%s %s of key \"%s\", job %lld, is given up, because %s: %s",
                      run->queue->name, type, message->key, (long long)run->job_id, end->why,
                      end->reason);
    else if (run->end == SKALD_RUN_FAILED)
        skald_log_say(queues->hub->log, SKALD_LOG_WARNING, "JOB-FAILED",
                      "%s %s of key \"%s\", job %lld, failed %u times, next in %lld ms: %s",
                      run->queue->name, type, message->key, (long long)run->job_id, end->attempts,
                      (long long)end->delay_ms, end->reason);
}

static void committed_note(skald_queues *queues, skald_run **runs, const skald_job_end *ends,
                           size_t count)
{
    skald_tally *tally = &queues->hub->tally;
    bool limited = false;
    bool told = false;
    bool answered = false;
    for (size_t i = 0; i < count; i++) {
        if (!ends[i].held)
            continue;
        runs[i]->settled = true;
        limited = limited || runs[i]->queue->limited || runs[i]->queue->ordered;
        answered = answered || runs[i]->item->message.addressee != NULL;
        atomic_fetch_add(&tally->jobs_done,
                         runs[i]->end == SKALD_RUN_DONE || runs[i]->end == SKALD_RUN_REFUSED);
        atomic_fetch_add(&tally->jobs_failed, runs[i]->end == SKALD_RUN_FAILED);
        const bool of_saga = runs[i]->queue->steps != NULL;
        told = told || of_saga || runs[i]->context.tells_sagas;
        atomic_fetch_add(&tally->dead, !of_saga && strcmp(ends[i].state, "dead") == 0);
        end_log(queues, runs[i], &ends[i]);
    }
    const bool enqueued = skald_job_writer_count(&queues->jobs) > 0;
    /* An end makes room under a limit, and lets the next of a key begin, in any process. */
    if (enqueued || limited)
        atomic_store(&queues->hub->enqueued, true);
    if (enqueued || limited || told || answered || skald_outbox_writer_count(&queues->events) > 0)
        skald_ring(queues->hub->service);
}

/* Does this failure say nothing about anybody's end? */
static bool blameless(skald_status status)
{
    return status == SKALD_UNAVAILABLE || status == SKALD_NO_MEMORY;
}

static void conflict_pause(skald_queues *queues)
{
    const skald_backoff policy = {CONFLICT_DELAY_MS_MIN, CONFLICT_DELAY_MS_MAX};
    queues->conflicts++;
    skald_clock_sleep_ms(skald_backoff_delay_ms(&policy, queues->conflicts, skald_random_bits()));
}

/* The outside was called, but what it left behind cannot be carried out. */
static void run_spoil(skald_run *run, const skald_error *why)
{
    run->end = SKALD_RUN_FAILED;
    run->attempt = (skald_attempt){.kind = SKALD_FAILURE_FAILED, .error = *why};
    run->maybe_done = true;
}

/* A lock that was not to be had, or a conflict, may be gone the next time. */
static bool passing(const skald_error *failure, const skald_run *run)
{
    return (failure->status == SKALD_CONFLICT || failure->status == SKALD_TIMEOUT) &&
           run->put_off < PUT_OFF_MAX;
}

/* Its statements failed, in company or alone. */
static void culprit_judge(skald_run *run, const skald_error *failure, bool alone)
{
    if (passing(failure, run))
        run->put_off++;
    else if (alone)
        run_spoil(run, failure);
}

static skald_status settle(skald_queues *queues, skald_run **runs, skald_job_end *ends,
                           size_t count, next_jobs *next, skald_error *error);

/* Those before the culprit, the culprit alone, those behind it. */
static skald_status settle_around(skald_queues *queues, skald_run **runs, skald_job_end *ends,
                                  size_t count, size_t culprit, const skald_error *failure,
                                  skald_error *error)
{
    const bool alone = count == 1;
    culprit_judge(runs[culprit], failure, alone);
    /* It is looked at again in the next turn. */
    const bool later = failure->status == SKALD_TIMEOUT && passing(failure, runs[culprit]);
    skald_status status = settle(queues, runs, ends, culprit, NULL, error);
    if (status == SKALD_OK && !later)
        status = settle(queues, runs + culprit, ends + culprit, 1, NULL, error);
    if (status == SKALD_OK)
        status = settle(queues, runs + culprit + 1, ends + culprit + 1, count - culprit - 1, NULL,
                        error);
    return status;
}

static skald_status settle(skald_queues *queues, skald_run **runs, skald_job_end *ends,
                           size_t count, next_jobs *next, skald_error *error)
{
    if (count == 0)
        return SKALD_OK;
    for (size_t i = 0; i < count; i++)
        end_fill(&ends[i], runs[i]);
    size_t culprit;
    skald_error failure = {0};
    const skald_status status = ends_try(queues, runs, ends, count, next, &culprit, &failure);
    if (status == SKALD_OK) {
        skald_crash_here(SKALD_CRASH_JOB_ENDED);
        if (next != NULL && next->count > 0)
            skald_crash_here(SKALD_CRASH_JOB_CLAIMED);
        queues->conflicts = 0;
        committed_note(queues, runs, ends, count);
        return SKALD_OK;
    }
    if (next != NULL)
        next_drop(next);
    if (blameless(status)) {
        *error = failure;
        return status;
    }
    /* It may have been the claim. */
    if (next != NULL && culprit == CULPRIT_UNKNOWN)
        return settle(queues, runs, ends, count, NULL, error);
    if (count == 1 && !has_effects(runs[0]) && !passing(&failure, runs[0])) {
        /* Not its own statements: a trouble of the database, which may end. */
        *error = failure;
        return status;
    }
    if (status == SKALD_CONFLICT)
        conflict_pause(queues);
    if (culprit != CULPRIT_UNKNOWN)
        return settle_around(queues, runs, ends, count, culprit, &failure, error);
    if (count == 1)
        return settle_around(queues, runs, ends, count, 0, &failure, error);
    const size_t half = count / 2;
    const skald_status first = settle(queues, runs, ends, half, NULL, error);
    return first != SKALD_OK ? first
                             : settle(queues, runs + half, ends + half, count - half, NULL, error);
}

skald_status skald_queues_settle(skald_queues *queues, skald_run **runs, size_t count,
                                 skald_run **next, size_t *next_count, skald_error *error)
{
    if (count == 0)
        return SKALD_OK;
    skald_job_end *ends = calloc(count, sizeof *ends);
    if (ends == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the ends of jobs");
    next_jobs claimed = {.runs = next};
    const skald_status status = settle(queues, runs, ends, count, &claimed, error);
    *next_count = claimed.count;
    free(ends);
    return status;
}
