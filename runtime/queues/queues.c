/* The dispatcher: one thread with one connection for all queues of the process. Its turn: note what
 * has ended, claim for runners that are free, tell and hear signs of life, wait. */
#include "queues/queues.h"
#include "base/clock.h"
#include "queues/inside.h"

#include <assert.h>
#include <sched.h>
#include <skald/backoff.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    LOOK_MS = 1000, /* the slow look, with NATS that tells us of jobs enqueued elsewhere */
    LOOK_MS_ALONE = 250,
    KNOWN_LOOK_MS = 10, /* until our row stands in skald.process */
    TICK_MS = 500,
    TICKS_PER_TIMEOUT = 4,
    REFRESH_MS = 500,
    LOST_MS = 1000,
    MEND_MS = 60000,
    END_AGAIN_MS = 20, /* an end whose row was locked */
    OUTAGE_DELAY_MS_MIN = 100,
    OUTAGE_DELAY_MS_MAX = 2000,
    OVER_WAIT_MS = 1000,
};

/* --- the connection ------------------------------------------------------------------------- */

static void connection_close(skald_queues *queues)
{
    skald_pipeline_close(queues->pipeline);
    queues->pipeline = NULL;
    skald_pg_close(queues->pg);
    queues->pg = NULL;
}

static skald_status connection_ready(skald_queues *queues, skald_error *error)
{
    if (queues->pg != NULL && skald_pg_alive(queues->pg))
        return SKALD_OK;
    connection_close(queues);
    queues->known = false;
    skald_status status =
        skald_pg_open(&queues->pg, queues->hub->database, queues->hub->application, error);
    if (status == SKALD_OK && skald_pipeline_open(&queues->pipeline, queues->pg) != SKALD_OK)
        status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for a pipeline");
    if (status == SKALD_OK)
        status = skald_queues_reclaim(queues, error);
    if (status != SKALD_OK)
        connection_close(queues);
    return status;
}

/* Until the leases have written our row, others would take what we claim for lost. */
static skald_status known_ask(skald_queues *queues, skald_error *error)
{
    if (queues->known)
        return SKALD_OK;
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(queues->pg, &rows, error,
                                            "SELECT 1 FROM skald.process WHERE id = $1::uuid"
                                            " AND expires_at > clock_timestamp()",
                                            queues->hub->process_id);
    if (status == SKALD_OK)
        queues->known = skald_rows_count(rows) == 1;
    skald_rows_free(rows);
    return status;
}

/* --- ends ----------------------------------------------------------------------------------- */

static size_t ended_list(skald_queues *queues, skald_run **out)
{
    size_t count = 0;
    pthread_mutex_lock(&queues->mutex);
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        if (queues->runners[i].state == SKALD_RUNNER_ENDED)
            out[count++] = queues->runners[i].run;
    }
    pthread_mutex_unlock(&queues->mutex);
    return count;
}

/* Runners whose end is noted are free again. */
static void settled_free(skald_queues *queues)
{
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        skald_runner *runner = &queues->runners[i];
        pthread_mutex_lock(&queues->mutex);
        const bool settled = runner->state == SKALD_RUNNER_ENDED && runner->run->settled;
        pthread_mutex_unlock(&queues->mutex);
        if (!settled)
            continue;
        skald_run_clear(runner->run);
        runner->run->queue->look_ms = 0;
        pthread_mutex_lock(&queues->mutex);
        runner->state = SKALD_RUNNER_FREE;
        pthread_mutex_unlock(&queues->mutex);
    }
}

/* Nobody waits to fill a batch; but runners that are about to end go first, as long as there are
 * such, since a transaction for one costs nearly as much as one for all. */
static size_t ended_gather(skald_queues *queues, skald_run **out)
{
    size_t count = ended_list(queues, out);
    for (size_t before = 0; count > before;) {
        before = count;
        sched_yield();
        count = ended_list(queues, out);
    }
    return count;
}

static void run_begin(skald_queues *queues, skald_run *run)
{
    if (run->expired) {
        skald_run_clear(run);
        return;
    }
    pthread_mutex_lock(&queues->mutex);
    skald_runner_give(run->runner, run);
    pthread_mutex_unlock(&queues->mutex);
}

static skald_status ends_note(skald_queues *queues, skald_error *error)
{
    skald_run *runs[SKALD_QUEUE_THREADS_MAX];
    assert(queues->runner_count <= SKALD_QUEUE_THREADS_MAX);
    const size_t count = ended_gather(queues, runs);
    skald_run *next[SKALD_QUEUE_THREADS_MAX];
    size_t next_count = 0;
    const skald_status status = skald_queues_settle(queues, runs, count, next, &next_count, error);
    settled_free(queues);
    for (size_t i = 0; i < next_count; i++)
        run_begin(queues, next[i]);
    return status;
}

/* --- claims --------------------------------------------------------------------------------- */

static uint32_t free_list(skald_queues *queues, const skald_work_queue *queue, skald_run **out)
{
    uint32_t count = 0;
    pthread_mutex_lock(&queues->mutex);
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        skald_runner *runner = &queues->runners[i];
        if (runner->run->queue == queue && runner->state == SKALD_RUNNER_FREE)
            out[count++] = runner->run;
    }
    pthread_mutex_unlock(&queues->mutex);
    return count;
}

static uint32_t look_ms(const skald_queues *queues)
{
    return queues->hub->nats != NULL ? LOOK_MS : LOOK_MS_ALONE;
}

static skald_status queue_claim(skald_queues *queues, skald_work_queue *queue, skald_error *error)
{
    skald_run *runs[SKALD_QUEUE_THREADS_MAX];
    const uint64_t now_ms = skald_clock_ms();
    const uint32_t wanted = free_list(queues, queue, runs);
    if (queue->paused || wanted == 0 || now_ms < queue->look_ms)
        return SKALD_OK;
    uint32_t claimed = 0;
    uint32_t wait_ms = look_ms(queues);
    const skald_status status =
        skald_queue_claim(queues, queue, runs, wanted, &claimed, &wait_ms, error);
    if (status != SKALD_OK)
        return status;
    for (uint32_t i = 0; i < claimed; i++)
        run_begin(queues, runs[i]);
    queue->look_ms = now_ms + wait_ms;
    return SKALD_OK;
}

static skald_status claims_make(skald_queues *queues, skald_error *error)
{
    skald_status status = known_ask(queues, error);
    for (skald_work_queue *queue = queues->first;
         queue != NULL && status == SKALD_OK && queues->known && !atomic_load(&queues->stopping);
         queue = queue->next) {
        status = queue_claim(queues, queue, error);
        /* The tables met somebody else's transaction: nothing of it happened. */
        if (status == SKALD_CONFLICT)
            status = SKALD_OK;
    }
    return status;
}

/* --- now and then --------------------------------------------------------------------------- */

static bool in_hand(skald_queues *queues)
{
    pthread_mutex_lock(&queues->mutex);
    bool any = false;
    for (uint32_t i = 0; i < queues->runner_count && !any; i++)
        any = queues->runners[i].state != SKALD_RUNNER_FREE;
    pthread_mutex_unlock(&queues->mutex);
    return any;
}

static uint32_t tick_ms(const skald_queues *queues)
{
    uint32_t ms = TICK_MS;
    for (const skald_work_queue *queue = queues->first; queue != NULL; queue = queue->next) {
        if (queue->options.timeout_ms / TICKS_PER_TIMEOUT < ms)
            ms = queue->options.timeout_ms / TICKS_PER_TIMEOUT;
    }
    return ms;
}

static skald_status duties_do(skald_queues *queues, skald_error *error)
{
    const uint64_t now_ms = skald_clock_ms();
    skald_status status = SKALD_OK;
    if (now_ms >= queues->tick_ms && in_hand(queues)) {
        queues->tick_ms = now_ms + tick_ms(queues);
        status = skald_queues_tick(queues, error);
    }
    if (status == SKALD_OK && now_ms >= queues->refresh_ms) {
        queues->refresh_ms = now_ms + REFRESH_MS;
        status = skald_work_queues_refresh(queues->first, queues->pg, error);
        for (const skald_work_queue *queue = queues->first; queue != NULL; queue = queue->next)
            queues->mend_ms = queue->keys_doubted ? 0 : queues->mend_ms;
    }
    if (status == SKALD_OK && now_ms >= queues->lost_ms) {
        queues->lost_ms = now_ms + LOST_MS;
        status = skald_queues_lost(queues, error);
    }
    if (status == SKALD_OK && now_ms >= queues->mend_ms) {
        queues->mend_ms = now_ms + MEND_MS;
        status = skald_queues_mend(queues, error);
    }
    return status == SKALD_CONFLICT ? SKALD_OK : status;
}

/* --- waiting -------------------------------------------------------------------------------- */

static void sooner(uint64_t *at_ms, uint64_t other_ms)
{
    if (other_ms < *at_ms)
        *at_ms = other_ms;
}

/* When there is something to do although nobody rings and nothing ends. */
static uint64_t next_ms(skald_queues *queues, bool stopping, bool held_up)
{
    uint64_t at_ms = queues->lost_ms;
    sooner(&at_ms, queues->refresh_ms);
    if (in_hand(queues))
        sooner(&at_ms, queues->tick_ms);
    if (held_up)
        sooner(&at_ms, skald_clock_ms() + END_AGAIN_MS);
    for (skald_work_queue *queue = queues->first; queue != NULL && !stopping; queue = queue->next) {
        skald_run *runs[SKALD_QUEUE_THREADS_MAX];
        if (!queue->paused && free_list(queues, queue, runs) > 0)
            sooner(&at_ms, queues->known ? queue->look_ms : skald_clock_ms() + KNOWN_LOOK_MS);
    }
    return at_ms;
}

static bool any_ended(const skald_queues *queues)
{
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        if (queues->runners[i].state == SKALD_RUNNER_ENDED)
            return true;
    }
    return false;
}

/* Until a runner ends its job, somebody rings, or it is time. */
static void news_await(skald_queues *queues, uint64_t *heard)
{
    skald_run *runs[SKALD_QUEUE_THREADS_MAX];
    const bool stopping = atomic_load(&queues->stopping);
    const bool held_up = ended_list(queues, runs) > 0;
    const uint64_t at_ms = next_ms(queues, stopping, held_up);
    const uint64_t now_ms = skald_clock_ms();
    const struct timespec deadline = skald_clock_deadline(at_ms > now_ms ? at_ms - now_ms : 0);
    bool in_time = at_ms > now_ms;
    pthread_mutex_lock(&queues->mutex);
    while (in_time && queues->rings == *heard && !(any_ended(queues) && !held_up) &&
           atomic_load(&queues->stopping) == stopping)
        in_time = skald_clock_wait(&queues->condition, &queues->mutex, deadline);
    const bool rang = queues->rings != *heard;
    *heard = queues->rings;
    pthread_mutex_unlock(&queues->mutex);
    for (skald_work_queue *queue = queues->first; queue != NULL && rang; queue = queue->next)
        queue->look_ms = 0;
}

/* Says a failure once per outage, and waits a little longer each time. */
static void outage_wait(skald_queues *queues, const skald_error *error, uint32_t attempt)
{
    if (!queues->outage)
        skald_log_say(queues->hub->log, SKALD_LOG_ERROR, "QUEUE-WAITS", "%s", error->text);
    queues->outage = true;
    const skald_backoff policy = {OUTAGE_DELAY_MS_MIN, OUTAGE_DELAY_MS_MAX};
    const struct timespec deadline =
        skald_clock_deadline(skald_backoff_delay_ms(&policy, attempt, UINT64_MAX));
    pthread_mutex_lock(&queues->mutex);
    bool in_time = true;
    while (!queues->over && in_time)
        in_time = skald_clock_wait(&queues->condition, &queues->mutex, deadline);
    pthread_mutex_unlock(&queues->mutex);
}

/* --- the thread ----------------------------------------------------------------------------- */

static skald_status turn(skald_queues *queues, skald_error *error)
{
    skald_status status = connection_ready(queues, error);
    if (status == SKALD_OK)
        status = ends_note(queues, error);
    if (status == SKALD_OK)
        status = claims_make(queues, error);
    return status == SKALD_OK ? duties_do(queues, error) : status;
}

/* Draining is over when nothing is in hand, or when nobody waits for it any longer. */
static bool drained(skald_queues *queues)
{
    if (!atomic_load(&queues->stopping))
        return false;
    pthread_mutex_lock(&queues->mutex);
    const bool over = queues->over;
    pthread_mutex_unlock(&queues->mutex);
    return over || !in_hand(queues);
}

static void *dispatcher_main(void *argument)
{
    skald_queues *queues = argument;
    uint64_t heard = 0;
    uint32_t attempt = 0;
    while (!drained(queues)) {
        skald_error error = {0};
        skald_hand_beat(SKALD_BEAT_QUEUES);
        if (turn(queues, &error) != SKALD_OK) {
            outage_wait(queues, &error, ++attempt);
            continue;
        }
        if (queues->outage)
            skald_log_say(queues->hub->log, SKALD_LOG_INFO, "QUEUE-GOES-ON", "the queues go on");
        queues->outage = false;
        attempt = 0;
        if (!drained(queues))
            news_await(queues, &heard);
    }
    connection_close(queues);
    pthread_mutex_lock(&queues->mutex);
    queues->ended = true;
    pthread_cond_broadcast(&queues->condition);
    pthread_mutex_unlock(&queues->mutex);
    return NULL;
}

/* --- from outside --------------------------------------------------------------------------- */

void skald_queues_ring(skald_queues *queues)
{
    if (queues == NULL)
        return;
    pthread_mutex_lock(&queues->mutex);
    queues->rings++;
    pthread_cond_broadcast(&queues->condition);
    pthread_mutex_unlock(&queues->mutex);
}

static void pinged(void *user, const skald_nats_view *message)
{
    (void)message;
    skald_queues_ring(user);
}

static skald_status runners_open(skald_queues *queues, skald_error *error)
{
    uint32_t count = 0;
    for (const skald_work_queue *queue = queues->first; queue != NULL; queue = queue->next)
        count += queue->options.threads;
    if (count > SKALD_QUEUE_THREADS_MAX)
        return skald_error_set(error, SKALD_FULL,
                               "the queues of service \"%s\" have %u threads in all, at most %d "
                               "are possible in one process: lower skald_queue_options.threads",
                               queues->hub->name, count, SKALD_QUEUE_THREADS_MAX);
    queues->runners = calloc(count, sizeof *queues->runners);
    if (queues->runners == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the threads of queues");
    for (skald_work_queue *queue = queues->first; queue != NULL; queue = queue->next) {
        for (uint32_t i = 0; i < queue->options.threads; i++) {
            const skald_status status =
                skald_runner_open(&queues->runners[queues->runner_count], queues, queue, error);
            queues->runner_count++;
            if (status != SKALD_OK)
                return status;
        }
    }
    return SKALD_OK;
}

static skald_status pings_listen(skald_queues *queues, skald_error *error)
{
    char subject[128];
    snprintf(subject, sizeof subject, "skald.queue.%s", queues->hub->name);
    return queues->hub->nats == NULL ? SKALD_OK
                                     : skald_nats_listen(&queues->listener, queues->hub->nats,
                                                         subject, pinged, queues, error);
}

skald_status skald_queues_open(skald_queues **out, skald_hub *hub, skald_work_queue *first,
                               skald_error *error)
{
    skald_queues *queues = calloc(1, sizeof *queues);
    if (queues == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for queues");
    queues->hub = hub;
    queues->first = first;
    pthread_mutex_init(&queues->mutex, NULL);
    skald_clock_condition_init(&queues->condition);
    skald_clock_condition_init(&queues->fewer);
    skald_outbox_writer_init(&queues->events);
    skald_job_writer_init(&queues->jobs, hub->name);
    skald_status status = runners_open(queues, error);
    if (status == SKALD_OK)
        status = pings_listen(queues, error);
    /* Before the thread is there: what it rings finds them. */
    *out = queues;
    if (status == SKALD_OK && pthread_create(&queues->thread, NULL, dispatcher_main, queues) != 0)
        status = skald_error_set(error, SKALD_NO_MEMORY, "no thread for queues");
    queues->started = status == SKALD_OK;
    if (status != SKALD_OK) {
        *out = NULL;
        skald_queues_close(queues);
    }
    return status;
}

void skald_queues_stop(skald_queues *queues)
{
    if (queues == NULL)
        return;
    atomic_store(&queues->stopping, true);
    skald_queues_ring(queues);
}

/* What did not end in time is found lost when this process is gone. */
static void left_log(skald_queues *queues)
{
    for (uint32_t i = 0; i < queues->runner_count; i++) {
        const skald_runner *runner = &queues->runners[i];
        if (runner->state != SKALD_RUNNER_FREE)
            skald_log_say(queues->hub->log, SKALD_LOG_ERROR, "JOB-LEFT",
                          "job %lld of queue \"%s\" did not end in time: it is tried again when "
                          "this process is gone",
                          (long long)runner->run->job_id, runner->run->queue->name);
    }
}

/* Waits for the dispatcher; true when it has ended. */
static bool ended_await(skald_queues *queues, uint64_t wait_ms)
{
    const struct timespec deadline = skald_clock_deadline(wait_ms);
    bool in_time = true;
    while (queues->started && !queues->ended && in_time)
        in_time = skald_clock_wait(&queues->condition, &queues->mutex, deadline);
    return !queues->started || queues->ended;
}

bool skald_queues_join(skald_queues *queues, uint64_t wait_ms)
{
    if (queues == NULL)
        return true;
    pthread_mutex_lock(&queues->mutex);
    ended_await(queues, wait_ms);
    queues->over = true;
    pthread_cond_broadcast(&queues->condition);
    for (uint32_t i = 0; i < queues->runner_count; i++)
        pthread_cond_signal(&queues->runners[i].condition);
    const bool ended = ended_await(queues, OVER_WAIT_MS);
    bool running = false;
    for (uint32_t i = 0; i < queues->runner_count; i++)
        running = running || queues->runners[i].state == SKALD_RUNNER_RUNNING;
    pthread_mutex_unlock(&queues->mutex);
    left_log(queues);
    if (ended && queues->started)
        pthread_join(queues->thread, NULL);
    queues->started = queues->started && !ended;
    return ended && !running;
}

void skald_queues_close(skald_queues *queues)
{
    if (queues == NULL)
        return;
    skald_queues_stop(queues);
    const bool joined = skald_queues_join(queues, 0);
    assert(joined);
    skald_nats_unlisten(queues->listener);
    for (uint32_t i = 0; i < queues->runner_count; i++)
        skald_runner_done(&queues->runners[i]);
    free(queues->runners);
    skald_outbox_writer_done(&queues->events);
    skald_job_writer_done(&queues->jobs);
    pthread_cond_destroy(&queues->condition);
    pthread_cond_destroy(&queues->fewer);
    pthread_mutex_destroy(&queues->mutex);
    free(queues);
}
