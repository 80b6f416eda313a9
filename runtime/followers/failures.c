/* A failed message gets its attempts in place, then becomes a row: parked until it is due, or dead.
 *
 * What is decided comes from sagas/policy.c; the row, its attempts and the position commit
 * together. */
#include "followers/failures.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "base/random.h"
#include "followers/commands.h"
#include "followers/follower.h"
#include "followers/jobs.h"
#include "followers/suspects.h"

#include <skald/publish.h>
#include <stdio.h>
#include <string.h>

enum { CONFLICT_TRIES = 10 };

/* --- what kind it was ----------------------------------------------------------------------- */

void skald_failure_describe(const skald_batch *batch, const skald_item *item,
                            const skald_error *error, skald_attempt *attempt)
{
    *attempt = (skald_attempt){.kind = SKALD_FAILURE_FAILED, .error = *error};
    if (batch->answered == item) {
        *attempt = batch->answer;
        if (attempt->error.sqlstate[0] == '\0')
            memcpy(attempt->error.sqlstate, error->sqlstate, sizeof error->sqlstate);
    }
    attempt->started_ms = item->started_ms;
    attempt->ended_ms = skald_clock_ms();
    if (attempt->started_ms == 0)
        attempt->started_ms = attempt->ended_ms;
}

/* Waiting for something else is no failure, and a failure ends such a wait. */
static void attempt_count(skald_batch *batch, skald_item *item, const skald_attempt *attempt)
{
    if (attempt->kind == SKALD_FAILURE_NOT_YET) {
        if (item->not_yets++ == 0)
            item->not_yet_since_ms = attempt->ended_ms;
    } else {
        item->not_yets = 0;
        if (item->attempts++ == 0)
            item->failing_since_ms = attempt->ended_ms;
    }
    skald_attempts_add(&batch->tried, attempt);
    atomic_fetch_add(&batch->hub->tally.failed, 1);
}

static skald_verdict verdict_of(const skald_item *item, const skald_attempt *attempt)
{
    const bool waits = attempt->kind == SKALD_FAILURE_NOT_YET;
    const uint64_t since_ms = waits ? item->not_yet_since_ms : item->failing_since_ms;
    const skald_failure failure = {
        .kind = attempt->kind,
        .error_class = attempt->error_class,
        .sqlstate = attempt->error.sqlstate,
        .retry_after_ms = attempt->retry_after_ms,
        .attempts = waits ? item->not_yets : item->attempts,
        .crashes = item->crashes,
        .failing_ms = skald_clock_ms() - since_ms,
    };
    return skald_policy_decide(item->lane->follower->policy, &failure, skald_random_bits());
}

/* --- making a row of it --------------------------------------------------------------------- */

/* What user code says of itself needs no explanation; where the policy gives up, it is told why. */
static void reason_write(char out[SKALD_REASON_SIZE], const skald_attempt *attempt,
                         const skald_verdict *verdict)
{
    char reason[SKALD_REASON_SIZE];
    skald_reason_clean(reason, attempt->error.text);
    const bool explained =
        attempt->kind == SKALD_FAILURE_DEAD || attempt->kind == SKALD_FAILURE_UNDECODABLE ||
        attempt->kind == SKALD_FAILURE_CRASHED || attempt->kind == SKALD_FAILURE_TIMED_OUT;
    if (verdict->dead && !explained)
        snprintf(out, SKALD_REASON_SIZE, "%.700s (given up: %s)", reason, verdict->why);
    else
        memcpy(out, reason, sizeof reason);
}

/* Everything of the transaction but BEGIN and COMMIT; *more: the key is still held back. */
static skald_status keep_fill(skald_batch *batch, skald_item *item, const skald_job_end *end,
                              bool *more, skald_error *error)
{
    skald_status status = skald_batch_seen(batch, &item, 1, error);
    if (status == SKALD_OK)
        status = item->job_id == 0 ? skald_jobs_insert(batch->pipeline, SKALD_PIPELINE_NOBODY, item,
                                                       end, &batch->tried, error)
                                   : skald_jobs_change(batch->pipeline, SKALD_PIPELINE_NOBODY, item,
                                                       end, &batch->tried, error);
    if (status == SKALD_OK && item->suspect)
        status = skald_suspects_pass(batch->pipeline, item, error);
    if (status == SKALD_OK && end->over)
        status = skald_command_fail(batch, item, end->reason, error);
    if (status == SKALD_OK)
        status = skald_outbox_writer_send(&batch->writer, batch->pipeline, error);
    *more = end->delay_ms >= 0 || end->holds;
    if (status == SKALD_OK && item->job_id != 0 && !*more)
        status = skald_jobs_release(batch->pipeline, SKALD_PIPELINE_NOBODY, item, more, error);
    return status == SKALD_OK ? skald_batch_move(batch, &item, 1, error) : status;
}

static skald_status keep_try(skald_batch *batch, skald_item *item, const skald_job_end *end,
                             bool *more, skald_error *error)
{
    skald_outbox_writer_clear(&batch->writer);
    skald_status status = skald_pipeline_begin(
        batch->pipeline, batch->hub->handler_ms + SKALD_HANDLER_SLACK_MS, error);
    if (status != SKALD_OK)
        return status;
    status = keep_fill(batch, item, end, more, error);
    if (status == SKALD_OK)
        return skald_pipeline_commit(batch->pipeline, error);
    skald_error ignored;
    const skald_status lost = skald_pipeline_rollback(batch->pipeline, &ignored);
    return lost == SKALD_OK ? status : lost;
}

/* Is a job of the key left behind which its messages wait? Then the lane knows. */
static skald_status key_note(skald_item *item, bool held, skald_error *error)
{
    if (!held)
        skald_key_set_remove(&item->lane->parked, item->message.key);
    else if (!skald_key_set_add(&item->lane->parked, item->message.key))
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a parked key");
    return SKALD_OK;
}

/* Each message is told of once when it is parked and once when it is dead. */
static void kept_say(const skald_batch *batch, const skald_item *item, const skald_verdict *verdict,
                     const char *reason)
{
    const char *name = item->lane->follower->name;
    const long long position = item->message.position;
    if (verdict->dead)
        skald_log_say(batch->hub->log, SKALD_LOG_ERROR, "MESSAGE-DEAD",
                      "%s %s of key \"%s\" at position %lld is dead after %u attempt%s, its key"
                      " %s: %s",
                      name, item->message.type, item->message.key, position, item->attempts,
                      item->attempts == 1 ? "" : "s",
                      verdict->holds ? "waits for a person" : "goes on", reason);
    else if (item->job_id == 0)
        skald_log_say(batch->hub->log, SKALD_LOG_WARNING, "MESSAGE-PARKED",
                      "%s %s of key \"%s\" at position %lld failed, next in %llu ms: %s", name,
                      item->message.type, item->message.key, position,
                      (unsigned long long)verdict->delay_ms, reason);
}

/* The job row, its attempts and the position, in one transaction. */
static skald_status failure_keep(skald_batch *batch, skald_item *item, const skald_attempt *attempt,
                                 const skald_verdict *verdict, skald_error *error)
{
    char reason[SKALD_REASON_SIZE];
    reason_write(reason, attempt, verdict);
    skald_job_end end = {
        .state = verdict->dead ? "dead" : "parked",
        .delay_ms = verdict->dead ? -1 : (int64_t)verdict->delay_ms,
        .holds = verdict->dead && verdict->holds,
        .over = verdict->dead,
        .reason = reason,
        .error_class = attempt->error_class,
        .sqlstate = attempt->error.sqlstate,
    };
    skald_fingerprint(end.fingerprint, item->lane->follower->name, item->message.type,
                      attempt->error_class, attempt->error.sqlstate, attempt->error.text);
    item->fate = verdict->dead ? SKALD_ITEM_DEAD : SKALD_ITEM_PARKED;
    bool held = false;
    skald_status status = keep_try(batch, item, &end, &held, error);
    for (uint64_t tries = 1; status == SKALD_CONFLICT && tries < CONFLICT_TRIES; tries++) {
        skald_clock_sleep_ms(tries);
        status = keep_try(batch, item, &end, &held, error);
    }
    if (status == SKALD_OK)
        status = key_note(item, held, error);
    if (status != SKALD_OK)
        return status;
    skald_crash_here(SKALD_CRASH_JOB_PARKED);
    if (skald_outbox_writer_count(&batch->writer) > 0)
        skald_ring(batch->hub->service);
    skald_batch_committed(batch, &item, 1);
    kept_say(batch, item, verdict, reason);
    return SKALD_OK;
}

/* --- commands ------------------------------------------------------------------------------- */

/* The saga tries again by itself, so a command that failed does not wait here: it is answered. One
 * that waits for something else does wait, and one that ended its process is kept. */
static bool is_answered(const skald_item *item, const skald_attempt *attempt,
                        const skald_verdict *verdict)
{
    return item->message.kind == SKALD_KIND_COMMAND &&
           (attempt->kind != SKALD_FAILURE_NOT_YET || verdict->dead);
}

static void answered_say(const skald_batch *batch, const skald_item *item, const char *reason)
{
    if (item->told == SKALD_ITEM_TOLD_FAILED)
        skald_log_say(batch->hub->log, SKALD_LOG_WARNING, "COMMAND-FAILED",
                      "%s %s of key \"%s\" at position %lld failed, and was answered so: %s",
                      item->lane->follower->name, item->message.type, item->message.key,
                      (long long)item->message.position, reason);
}

/* Alone, in a transaction in which its handler does not run. */
static skald_status command_answer(skald_batch *batch, skald_item *item, skald_item_told told,
                                   const skald_attempt *attempt, skald_error *error)
{
    char reason[SKALD_REASON_SIZE];
    skald_reason_clean(reason, attempt->error.text);
    item->told = told;
    item->told_reason = reason;
    size_t culprit;
    skald_status status = skald_batch_try(batch, &item, 1, &culprit, error);
    while (status == SKALD_CONFLICT) {
        skald_batch_conflict_pause(batch);
        status = skald_batch_try(batch, &item, 1, &culprit, error);
    }
    if (status == SKALD_OK)
        answered_say(batch, item, reason);
    item->told = SKALD_ITEM_TOLD_NOTHING;
    item->told_reason = NULL;
    return status == SKALD_OK || item->gone ? SKALD_OK : status;
}

/* --- settling ------------------------------------------------------------------------------- */

/* One more attempt, alone. SKALD_FAILED: it failed again, with *attempt. */
static skald_status item_try(skald_batch *batch, skald_item *item, skald_attempt *attempt,
                             skald_error *error)
{
    size_t culprit;
    skald_error failure = {0};
    skald_status status = skald_batch_try(batch, &item, 1, &culprit, &failure);
    while (status == SKALD_CONFLICT) {
        skald_batch_conflict_pause(batch);
        status = skald_batch_try(batch, &item, 1, &culprit, &failure);
    }
    if (status == SKALD_OK || item->gone)
        return SKALD_OK;
    if (skald_batch_blameless(status)) {
        *error = failure;
        return status;
    }
    skald_failure_describe(batch, item, &failure, attempt);
    return SKALD_FAILED;
}

/* Does it wait behind a message of its key that failed before it, in the same batch perhaps? */
static bool key_held(const skald_item *item)
{
    return item->job_id == 0 && skald_key_set_has(&item->lane->parked, item->message.key);
}

skald_status skald_failure_settle(skald_batch *batch, skald_item *item,
                                  const skald_attempt *attempt, skald_error *error)
{
    skald_attempt last = *attempt;
    skald_attempts_clear(&batch->tried);
    skald_status status = SKALD_FAILED;
    /* What looked like an attempt was none: it was not its turn. */
    if (key_held(item))
        status = item_try(batch, item, &last, error);
    while (status == SKALD_FAILED) {
        if (last.refused)
            return command_answer(batch, item, SKALD_ITEM_TOLD_REFUSED, &last, error);
        attempt_count(batch, item, &last);
        const skald_verdict verdict = verdict_of(item, &last);
        /* Each attempt of a suspect is committed before it begins, so it comes back as a job. */
        if (!verdict.at_once || item->alone || batch->tried.count == SKALD_ATTEMPTS_MAX)
            return is_answered(item, &last, &verdict)
                       ? command_answer(batch, item, SKALD_ITEM_TOLD_FAILED, &last, error)
                       : failure_keep(batch, item, &last, &verdict, error);
        status = item_try(batch, item, &last, error);
    }
    return status;
}

/* --- suspects ------------------------------------------------------------------------------- */

/* How its last attempt ended the process, as a failure. */
static void crash_describe(const skald_item *item, skald_attempt *attempt)
{
    const bool timed_out = item->crash == SKALD_ITEM_TIMED_OUT;
    const uint64_t now_ms = skald_clock_ms();
    *attempt = (skald_attempt){.kind = timed_out ? SKALD_FAILURE_TIMED_OUT : SKALD_FAILURE_CRASHED,
                               .started_ms = now_ms,
                               .ended_ms = now_ms};
    const char *times = item->crashes == 1 ? "time" : "times";
    if (timed_out)
        skald_error_set(&attempt->error, SKALD_FAILED,
                        "crashed its process %u %s: past its time of %u ms", item->crashes, times,
                        item->lane->follower->hub->handler_ms);
    else
        skald_error_set(&attempt->error, SKALD_FAILED, "crashed its process %u %s: %s",
                        item->crashes, times,
                        item->signal[0] != '\0' ? item->signal : "process or host lost");
}

/* Its crashes were counted when they were noted; what is to be done about them is decided now. A
 * fresh message becomes a job in any case, so that each further attempt is kept. */
static skald_status crash_settle(skald_batch *batch, skald_item *item, bool *run,
                                 skald_error *error)
{
    skald_attempt crash;
    crash_describe(item, &crash);
    skald_attempts_clear(&batch->tried);
    if (item->job_id == 0) {
        item->attempts = item->crashes;
        item->failing_since_ms = crash.ended_ms;
    }
    const skald_verdict verdict = verdict_of(item, &crash);
    *run = item->job_id != 0 && !verdict.dead && verdict.delay_ms == 0;
    return *run ? SKALD_OK : failure_keep(batch, item, &crash, &verdict, error);
}

static skald_status suspect_run(skald_batch *batch, skald_item *item, skald_error *error)
{
    skald_attempt attempt;
    skald_status status = SKALD_OK;
    /* Behind a failure of its key it only waits, and none of its code runs. */
    bool run = !key_held(item);
    if (run && item->crash != SKALD_ITEM_NO_CRASH && item->crashes > 0) {
        status = crash_settle(batch, item, &run, error);
        if (status != SKALD_OK || !run)
            return status;
    }
    if (run)
        status = skald_suspects_begin(batch->pg, item, skald_batch_epoch(batch, item), error);
    if (status == SKALD_OK)
        status = item_try(batch, item, &attempt, error);
    return status == SKALD_FAILED ? skald_failure_settle(batch, item, &attempt, error) : status;
}

skald_status skald_failure_run_suspect(skald_batch *batch, skald_item *item, skald_error *error)
{
    /* One at a time, so that of several that are suspected the one that crashes is known. */
    pthread_mutex_lock(&batch->hub->suspects);
    const skald_status status = suspect_run(batch, item, error);
    pthread_mutex_unlock(&batch->hub->suspects);
    return status;
}
