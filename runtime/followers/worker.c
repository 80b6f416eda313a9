/* The loop of a worker thread: load what was taken, take what is due, run it as a batch. */
#include "followers/worker.h"
#include "base/clock.h"
#include "followers/batch.h"
#include "followers/feeder.h"
#include "followers/follower.h"
#include "followers/jobs.h"
#include "followers/suspects.h"
#include "leases/leases.h"
#include "supervisor/hand.h"

#include <assert.h>
#include <skald/backoff.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_MS = 1000,
    OUTAGE_DELAY_MS_MIN = 100,
    OUTAGE_DELAY_MS_MAX = 2000,
    /* How often it is checked whether people have changed jobs: no more than a twentieth of the
     * time is spent on it, however many keys are held back. */
    CHECK_MS = 1000,
    CHECK_SHARE = 20,
};

struct skald_worker {
    skald_hub *hub;
    pthread_t thread;
    bool started;

    pthread_mutex_t mutex;    /* guards what is below, and the lanes */
    pthread_cond_t condition; /* something to do, or ended */
    bool stopping;
    bool ended;
    skald_lane **lanes; /* room for hub->lanes_max; never moved, only added to */
    size_t lane_count;

    /* The thread's own. */
    skald_pg *pg;
    skald_hand *hand;
    skald_batch *batch;
    bool outage; /* the log has said so */
    size_t turn; /* the lane that is served first */
    uint64_t jobs_look_ms;
    uint64_t jobs_check_ms;
    skald_lane **ready; /* room for hub->lanes_max */
    skald_item **items;
    size_t item_count;
    skald_batch_lane *taken;
    size_t taken_count;
};

void skald_worker_lock(skald_worker *worker)
{
    pthread_mutex_lock(&worker->mutex);
}

void skald_worker_unlock(skald_worker *worker)
{
    pthread_mutex_unlock(&worker->mutex);
}

void skald_worker_wake(skald_worker *worker)
{
    pthread_cond_broadcast(&worker->condition);
}

/* --- taking -------------------------------------------------------------------------------- */

static bool lane_ready(const skald_lane *lane)
{
    return lane->held && !lane->leaving && !lane->loading;
}

/* Is there something fresh to take? Not while its follower is above its cap. */
static bool lane_has_fresh(const skald_lane *lane)
{
    return lane_ready(lane) && lane->first != NULL && !atomic_load(&lane->follower->full);
}

/* The lane becomes part of the batch in hand, with what is known of it now. */
static void lane_take_part(skald_worker *worker, skald_lane *lane)
{
    if (lane->busy)
        return;
    lane->busy = true;
    worker->taken[worker->taken_count++] =
        (skald_batch_lane){.lane = lane, .epoch = lane->epoch, .position = lane->position};
}

static void items_append(skald_worker *worker, skald_item *first)
{
    for (; first != NULL; first = first->next)
        worker->items[worker->item_count++] = first;
}

/* Those that were in hand when a process crashed do not share a transaction with others. */
static void suspects_mark(const skald_lane *lane, skald_item *first)
{
    for (skald_item *item = first; item != NULL && lane->suspect_count > 0; item = item->next) {
        const skald_suspect *suspect = skald_suspects_find(lane, item->message.position);
        if (suspect == NULL)
            continue;
        item->suspect = true;
        item->alone = true;
        item->crashes = suspect->crashes;
        item->crash = suspect->crash;
        memcpy(item->signal, suspect->signal, sizeof item->signal);
    }
}

/* Every lane in turn gives up to an even share; what is left over goes to whoever has more. */
static void fresh_take(skald_worker *worker)
{
    uint32_t room = worker->hub->batch_max - (uint32_t)worker->item_count;
    uint32_t share = room / (uint32_t)(worker->lane_count + 1) + 1;
    for (int round = 0; round < 2 && room > 0; round++, share = room) {
        for (size_t i = 0; i < worker->lane_count && room > 0; i++) {
            skald_lane *lane = worker->lanes[(worker->turn + i) % worker->lane_count];
            if (lane->dropped && lane->count < SKALD_LANE_ITEMS_MAX / 2)
                skald_feeder_rewind(lane->follower->feeder);
            if (!lane_has_fresh(lane))
                continue;
            uint32_t count;
            lane_take_part(worker, lane);
            skald_item *taken = skald_lane_pop(lane, share < room ? share : room, &count);
            suspects_mark(lane, taken);
            items_append(worker, taken);
            room -= count;
        }
    }
    worker->turn++;
}

/* Ready lanes; answers how many keys are held back in them. */
static uint64_t lanes_ready(skald_worker *worker, size_t *count)
{
    uint64_t keys = 0;
    *count = 0;
    skald_worker_lock(worker);
    for (size_t i = 0; i < worker->lane_count; i++) {
        skald_lane *lane = worker->lanes[i];
        if (!lane_ready(lane))
            continue;
        worker->ready[(*count)++] = lane;
        keys += lane->parked.count;
    }
    skald_worker_unlock(worker);
    return keys;
}

/* Reads the keys anew when people have replayed, discarded or deleted jobs. */
static skald_status jobs_check(skald_worker *worker, size_t count, skald_error *error)
{
    const uint64_t begun_ms = skald_clock_ms();
    bool changed = false;
    skald_status status = skald_jobs_check(worker->pg, worker->ready, count, &changed, error);
    for (size_t i = 0; i < count && status == SKALD_OK && changed; i++)
        status = skald_jobs_load(worker->pg, worker->ready[i], error);
    const uint64_t now_ms = skald_clock_ms();
    const uint64_t rest_ms = (now_ms - begun_ms) * CHECK_SHARE;
    worker->jobs_check_ms = now_ms + (rest_ms > CHECK_MS ? rest_ms : CHECK_MS);
    return status;
}

/* Due jobs of ready lanes, which become part of the batch. Lanes without any are asked about too,
 * about once a second: a person may have replayed something. The questions are asked without the
 * lock: only this thread marks lanes busy, and a lane that is lost meanwhile is refused at the
 * commit. */
static skald_status jobs_take(skald_worker *worker, skald_error *error)
{
    if (skald_clock_ms() < worker->jobs_look_ms)
        return SKALD_OK;
    size_t count;
    const uint64_t keys = lanes_ready(worker, &count);
    if (count == 0)
        return SKALD_OK;
    skald_status status = SKALD_OK;
    if (keys > 0 && skald_clock_ms() >= worker->jobs_check_ms)
        status = jobs_check(worker, count, error);
    skald_item *due = NULL;
    uint32_t wait_ms = 0;
    if (status == SKALD_OK)
        status = skald_jobs_due(worker->pg, worker->ready, count, worker->hub->batch_max / 2 + 1,
                                &due, &wait_ms, error);
    if (status != SKALD_OK)
        return status;
    worker->jobs_look_ms = skald_clock_ms() + wait_ms;
    skald_worker_lock(worker);
    for (const skald_item *item = due; item != NULL; item = item->next)
        lane_take_part(worker, item->lane);
    items_append(worker, due);
    skald_worker_unlock(worker);
    return SKALD_OK;
}

/* --- loading ------------------------------------------------------------------------------- */

static skald_lane *lane_to_load(skald_worker *worker)
{
    for (size_t i = 0; i < worker->lane_count; i++) {
        if (worker->lanes[i]->held && worker->lanes[i]->loading)
            return worker->lanes[i];
    }
    return NULL;
}

/* Reads the keys held back and the suspects of every lane that was taken since. */
static skald_status lanes_load(skald_worker *worker, skald_error *error)
{
    for (;;) {
        skald_worker_lock(worker);
        skald_lane *lane = lane_to_load(worker);
        const int64_t epoch = lane != NULL ? lane->epoch : 0;
        skald_worker_unlock(worker);
        if (lane == NULL)
            return SKALD_OK;
        skald_status status = skald_jobs_load(worker->pg, lane, error);
        if (status == SKALD_OK)
            status = skald_suspects_load(worker->pg, lane, error);
        if (status != SKALD_OK)
            return status;
        worker->jobs_look_ms = 0;
        skald_worker_lock(worker);
        /* Taken anew while we read: then it is read again. */
        if (lane->epoch == epoch)
            lane->loading = false;
        skald_worker_unlock(worker);
    }
}

/* --- running ------------------------------------------------------------------------------- */

/* Gives the lanes back to the feeder. After trouble they must be taken again before anything is
 * done with them: what we remember may be wrong, and what was taken out of their queues is not
 * done. That is so even when a lane was taken anew meanwhile, since its new queue may have been
 * drawn from too. */
static void lanes_release(skald_worker *worker, bool trouble)
{
    skald_worker_lock(worker);
    for (size_t i = 0; i < worker->taken_count; i++) {
        const skald_batch_lane *taken = &worker->taken[i];
        skald_lane *lane = taken->lane;
        lane->busy = false;
        if (lane->held && trouble) {
            skald_lane_lose(lane);
            skald_leases_doubt(worker->hub->leases, lane->follower, lane->partition);
        } else if (lane->held && lane->epoch == taken->epoch) {
            lane->position = taken->position;
        }
    }
    worker->taken_count = 0;
    skald_worker_unlock(worker);
}

static void items_free(skald_worker *worker)
{
    for (size_t i = 0; i < worker->item_count; i++)
        skald_item_free(worker->items[i]);
    worker->item_count = 0;
}

static skald_status batch_run(skald_worker *worker, skald_error *error)
{
    skald_status status = lanes_load(worker, error);
    if (status != SKALD_OK)
        return status;
    status = jobs_take(worker, error);
    if (status != SKALD_OK)
        return status;
    skald_worker_lock(worker);
    fresh_take(worker);
    skald_worker_unlock(worker);
    if (worker->item_count == 0)
        return SKALD_OK;
    status = skald_batch_run(worker->batch, worker->items, worker->item_count, worker->taken,
                             worker->taken_count, error);
    lanes_release(worker, status != SKALD_OK);
    items_free(worker);
    /* Fenced is how it should be: somebody else has the lane now. */
    return status == SKALD_FENCED ? SKALD_OK : status;
}

/* --- the thread ---------------------------------------------------------------------------- */

static void connection_close(skald_worker *worker)
{
    skald_batch_close(worker->batch);
    worker->batch = NULL;
    skald_pg_close(worker->pg);
    worker->pg = NULL;
}

static skald_status connection_ready(skald_worker *worker, skald_error *error)
{
    if (worker->pg != NULL && skald_pg_alive(worker->pg))
        return SKALD_OK;
    connection_close(worker);
    const skald_status status =
        skald_pg_open(&worker->pg, worker->hub->database, worker->hub->application, error);
    return status != SKALD_OK
               ? status
               : skald_batch_open(&worker->batch, worker->hub, worker->pg, worker->hand, error);
}

static bool stopping(skald_worker *worker)
{
    skald_worker_lock(worker);
    const bool answer = worker->stopping;
    skald_worker_unlock(worker);
    return answer;
}

static bool work_waits(const skald_worker *worker)
{
    for (size_t i = 0; i < worker->lane_count; i++) {
        const skald_lane *lane = worker->lanes[i];
        if ((lane->held && lane->loading) || lane_has_fresh(lane))
            return true;
        if (lane_ready(lane) && skald_clock_ms() >= worker->jobs_look_ms)
            return true;
    }
    return false;
}

static void work_await(skald_worker *worker)
{
    skald_worker_lock(worker);
    while (!worker->stopping && !work_waits(worker)) {
        const uint64_t now_ms = skald_clock_ms();
        const bool jobs = worker->jobs_look_ms > now_ms && worker->jobs_look_ms < now_ms + IDLE_MS;
        skald_clock_wait(&worker->condition, &worker->mutex,
                         skald_clock_deadline(jobs ? worker->jobs_look_ms - now_ms : IDLE_MS));
    }
    skald_worker_unlock(worker);
}

/* Says a failure once per outage, and waits a little longer each time. */
static void outage_wait(skald_worker *worker, const skald_error *error, uint32_t attempt)
{
    if (!worker->outage)
        skald_log_say(worker->hub->log, SKALD_LOG_ERROR, "WORKER-WAITS", "%s", error->text);
    worker->outage = true;
    const skald_backoff policy = {OUTAGE_DELAY_MS_MIN, OUTAGE_DELAY_MS_MAX};
    skald_worker_lock(worker);
    const struct timespec deadline =
        skald_clock_deadline(skald_backoff_delay_ms(&policy, attempt, UINT64_MAX));
    while (!worker->stopping && skald_clock_wait(&worker->condition, &worker->mutex, deadline)) {
    }
    skald_worker_unlock(worker);
}

static void *worker_main(void *argument)
{
    skald_worker *worker = argument;
    worker->hand = skald_hand_claim();
    uint32_t attempt = 0;
    while (!stopping(worker)) {
        skald_hand_beat(SKALD_BEAT_WORKERS);
        skald_error error = {0};
        skald_status status = connection_ready(worker, &error);
        if (status == SKALD_OK)
            status = batch_run(worker, &error);
        if (status != SKALD_OK) {
            outage_wait(worker, &error, ++attempt);
            continue;
        }
        if (worker->outage)
            skald_log_say(worker->hub->log, SKALD_LOG_INFO, "WORKER-GOES-ON", "the worker goes on");
        worker->outage = false;
        attempt = 0;
        work_await(worker);
    }
    connection_close(worker);
    skald_hand_release(worker->hand);
    skald_worker_lock(worker);
    worker->ended = true;
    pthread_cond_broadcast(&worker->condition);
    skald_worker_unlock(worker);
    return NULL;
}

skald_status skald_worker_open(skald_worker **out, skald_hub *hub, skald_error *error)
{
    skald_worker *worker = calloc(1, sizeof *worker);
    if (worker == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a worker");
    worker->hub = hub;
    pthread_mutex_init(&worker->mutex, NULL);
    skald_clock_condition_init(&worker->condition);
    worker->lanes = calloc(hub->lanes_max, sizeof(skald_lane *));
    worker->ready = calloc(hub->lanes_max, sizeof(skald_lane *));
    worker->taken = calloc(hub->lanes_max, sizeof(skald_batch_lane));
    /* A batch holds fresh items and due jobs together: both are bounded by batch_max. */
    worker->items = calloc((size_t)hub->batch_max * 2 + 2, sizeof(skald_item *));
    if (worker->lanes == NULL || worker->ready == NULL || worker->taken == NULL ||
        worker->items == NULL || pthread_create(&worker->thread, NULL, worker_main, worker) != 0) {
        skald_worker_close(worker);
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a worker");
    }
    worker->started = true;
    *out = worker;
    return SKALD_OK;
}

void skald_worker_add(skald_worker *worker, skald_lane *lane)
{
    skald_worker_lock(worker);
    assert(worker->lane_count < worker->hub->lanes_max);
    worker->lanes[worker->lane_count++] = lane;
    skald_worker_unlock(worker);
}

void skald_worker_stop(skald_worker *worker)
{
    skald_worker_lock(worker);
    worker->stopping = true;
    skald_worker_wake(worker);
    skald_worker_unlock(worker);
}

bool skald_worker_join(skald_worker *worker, uint64_t wait_ms)
{
    const struct timespec deadline = skald_clock_deadline(wait_ms);
    bool in_time = true;
    skald_worker_lock(worker);
    while (!worker->ended && in_time)
        in_time = skald_clock_wait(&worker->condition, &worker->mutex, deadline);
    const bool ended = worker->ended;
    skald_worker_unlock(worker);
    if (ended) {
        pthread_join(worker->thread, NULL);
        worker->started = false;
    }
    return ended;
}

void skald_worker_close(skald_worker *worker)
{
    if (worker == NULL)
        return;
    assert(!worker->started);
    pthread_cond_destroy(&worker->condition);
    pthread_mutex_destroy(&worker->mutex);
    free(worker->items);
    free(worker->taken);
    free(worker->ready);
    free(worker->lanes);
    free(worker);
}
