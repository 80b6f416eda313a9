/* Threads, partitions, waiting. What a thread does when there is something to do is in turn.c. */
#include "engine/engine.h"
#include "base/clock.h"
#include "engine/turn.h"
#include "nats/connection.h"
#include "supervisor/hand.h"

#include <skald/backoff.h>
#include <skald/service.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    IDLE_MS = 1000,
    DUE_MS = 50, /* how late a saga may be that waits for time alone */
    OUTAGE_DELAY_MS_MIN = 100,
    OUTAGE_DELAY_MS_MAX = 2000,
    SUBJECT_SIZE = 64,
};

typedef struct engine_partition {
    bool held;
    bool leaving;
    bool fresh; /* taken since the thread looked */
    int64_t epoch;
    int64_t position;
} engine_partition;

/* One thread has every n-th partition. */
typedef struct engine_thread {
    skald_engine *engine;
    uint32_t number;
    pthread_t thread;
    bool started;
    bool ended; /* guarded by the engine's mutex, as the next two */
    bool busy;
    uint64_t rings;
    uint64_t heard;

    /* The thread's own. */
    skald_pg *pg;
    skald_hand *hand;
    skald_turn *turn;
    bool outage;
    skald_turn_partition mine[SKALD_PARTITIONS_MAX];
    size_t mine_count;
    bool fresh;
} engine_thread;

struct skald_engine {
    skald_hub *hub;
    skald_nats_listener *listener;
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool stopping;
    engine_partition partitions[SKALD_PARTITIONS_MAX];
    engine_thread threads[SKALD_SAGA_THREADS_MAX];
    uint32_t thread_count;
};

static void wake(skald_engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    for (uint32_t i = 0; i < engine->thread_count; i++)
        engine->threads[i].rings++;
    pthread_cond_broadcast(&engine->condition);
    pthread_mutex_unlock(&engine->mutex);
}

void skald_engine_ring(skald_engine *engine)
{
    if (engine != NULL)
        wake(engine);
}

/* --- the duty -------------------------------------------------------------------------------- */

static void partition_taken(void *user, uint32_t partition, int64_t epoch, int64_t position)
{
    skald_engine *engine = user;
    pthread_mutex_lock(&engine->mutex);
    engine->partitions[partition] =
        (engine_partition){.held = true, .fresh = true, .epoch = epoch, .position = position};
    pthread_mutex_unlock(&engine->mutex);
    wake(engine);
}

static void partition_lost(void *user, uint32_t partition)
{
    skald_engine *engine = user;
    pthread_mutex_lock(&engine->mutex);
    engine->partitions[partition].held = false;
    pthread_mutex_unlock(&engine->mutex);
}

/* A thread takes no further turn with a partition that is to be left; the one in hand must end. */
static bool partition_leave(void *user, uint32_t partition)
{
    skald_engine *engine = user;
    pthread_mutex_lock(&engine->mutex);
    engine->partitions[partition].leaving = true;
    const bool idle = !engine->threads[partition % engine->thread_count].busy;
    pthread_mutex_unlock(&engine->mutex);
    return idle;
}

skald_duty skald_engine_duty(skald_engine *engine)
{
    return (skald_duty){
        .name = SKALD_SAGAS_NAME,
        .partitions = engine->hub->partitions,
        .user = engine,
        .taken = partition_taken,
        .lost = partition_lost,
        .leave = partition_leave,
    };
}

/* --- a turn ---------------------------------------------------------------------------------- */

static bool mine_collect(engine_thread *thread)
{
    skald_engine *engine = thread->engine;
    thread->mine_count = 0;
    thread->fresh = false;
    pthread_mutex_lock(&engine->mutex);
    for (uint32_t i = thread->number; i < engine->hub->partitions; i += engine->thread_count) {
        engine_partition *partition = &engine->partitions[i];
        if (!partition->held || partition->leaving)
            continue;
        thread->mine[thread->mine_count++] =
            (skald_turn_partition){i, partition->epoch, partition->position};
        thread->fresh = thread->fresh || partition->fresh;
        partition->fresh = false;
    }
    thread->busy = thread->mine_count > 0;
    pthread_mutex_unlock(&engine->mutex);
    return thread->mine_count > 0;
}

/* Somebody else owns one of them: all are taken anew, under epochs that are right. */
static void mine_doubt(engine_thread *thread)
{
    skald_engine *engine = thread->engine;
    for (size_t i = 0; i < thread->mine_count; i++) {
        const uint32_t number = thread->mine[i].number;
        pthread_mutex_lock(&engine->mutex);
        engine_partition *partition = &engine->partitions[number];
        const bool ours = partition->held && partition->epoch == thread->mine[i].epoch;
        if (ours)
            partition->held = false;
        pthread_mutex_unlock(&engine->mutex);
        if (ours)
            skald_leases_doubt(engine->hub->leases, engine, number);
    }
}

static void mine_release(engine_thread *thread)
{
    pthread_mutex_lock(&thread->engine->mutex);
    thread->busy = false;
    pthread_mutex_unlock(&thread->engine->mutex);
}

static void connection_close(engine_thread *thread)
{
    skald_turn_close(thread->turn);
    thread->turn = NULL;
    skald_pg_close(thread->pg);
    thread->pg = NULL;
}

static skald_status connection_ready(engine_thread *thread, skald_error *error)
{
    if (thread->pg != NULL && skald_pg_alive(thread->pg))
        return SKALD_OK;
    connection_close(thread);
    skald_hub *hub = thread->engine->hub;
    const skald_status status = skald_pg_open(&thread->pg, hub->database, hub->application, error);
    return status != SKALD_OK
               ? status
               : skald_turn_open(&thread->turn, hub, thread->pg, thread->hand, error);
}

/* *more: there may be something to do at once. */
static skald_status turn_take(engine_thread *thread, bool *more, skald_error *error)
{
    *more = false;
    skald_status status = connection_ready(thread, error);
    if (status != SKALD_OK || !mine_collect(thread))
        return status;
    size_t stepped = 0;
    if (thread->fresh)
        status = skald_turn_released(thread->turn, thread->mine, thread->mine_count, error);
    if (status == SKALD_OK)
        status = skald_turn_run(thread->turn, thread->mine, thread->mine_count, &stepped, error);
    mine_release(thread);
    *more = stepped > 0;
    if (status != SKALD_FENCED)
        return status;
    /* That is how it should be: somebody else has the partition now. */
    mine_doubt(thread);
    return SKALD_OK;
}

/* --- waiting --------------------------------------------------------------------------------- */

static bool stopping(skald_engine *engine)
{
    pthread_mutex_lock(&engine->mutex);
    const bool answer = engine->stopping;
    pthread_mutex_unlock(&engine->mutex);
    return answer;
}

static void wait_for(engine_thread *thread, uint64_t wait_ms, bool heeds_rings)
{
    skald_engine *engine = thread->engine;
    const struct timespec deadline = skald_clock_deadline(wait_ms);
    pthread_mutex_lock(&engine->mutex);
    while (!engine->stopping && !(heeds_rings && thread->rings != thread->heard) &&
           skald_clock_wait(&engine->condition, &engine->mutex, deadline)) {
    }
    pthread_mutex_unlock(&engine->mutex);
}

/* What was rung before a look is seen by it. */
static void rings_hear(engine_thread *thread)
{
    pthread_mutex_lock(&thread->engine->mutex);
    thread->heard = thread->rings;
    pthread_mutex_unlock(&thread->engine->mutex);
}

/* Until the next saga is due by itself, a second at most. */
static uint64_t idle_ms(engine_thread *thread)
{
    if (thread->turn == NULL || thread->mine_count == 0)
        return IDLE_MS;
    int64_t wait_ms = IDLE_MS;
    skald_error error;
    if (skald_turn_next_due(thread->turn, thread->mine, thread->mine_count, &wait_ms, &error) !=
        SKALD_OK)
        return DUE_MS;
    return wait_ms < 1 ? 1 : wait_ms > IDLE_MS ? IDLE_MS : (uint64_t)wait_ms;
}

static void outage_wait(engine_thread *thread, const skald_error *error, uint32_t attempt)
{
    if (!thread->outage)
        skald_log_say(thread->engine->hub->log, SKALD_LOG_ERROR, "ENGINE-WAITS", "%s", error->text);
    thread->outage = true;
    const skald_backoff policy = {OUTAGE_DELAY_MS_MIN, OUTAGE_DELAY_MS_MAX};
    wait_for(thread, skald_backoff_delay_ms(&policy, attempt, UINT64_MAX), false);
}

static void well_note(engine_thread *thread)
{
    if (thread->outage)
        skald_log_say(thread->engine->hub->log, SKALD_LOG_INFO, "ENGINE-GOES-ON",
                      "sagas are stepped again");
    thread->outage = false;
}

static void *engine_main(void *argument)
{
    engine_thread *thread = argument;
    skald_engine *engine = thread->engine;
    thread->hand = skald_hand_claim();
    uint32_t attempt = 0;
    while (!stopping(engine)) {
        skald_hand_beat(SKALD_BEAT_SAGAS);
        rings_hear(thread);
        skald_error error = {0};
        bool more = false;
        const skald_status status = turn_take(thread, &more, &error);
        if (status != SKALD_OK) {
            outage_wait(thread, &error, ++attempt);
            continue;
        }
        well_note(thread);
        attempt = 0;
        if (!more)
            wait_for(thread, idle_ms(thread), true);
    }
    connection_close(thread);
    skald_hand_release(thread->hand);
    pthread_mutex_lock(&engine->mutex);
    thread->ended = true;
    pthread_cond_broadcast(&engine->condition);
    pthread_mutex_unlock(&engine->mutex);
    return NULL;
}

/* --- its life -------------------------------------------------------------------------------- */

static void pinged(void *user, const skald_nats_view *message)
{
    (void)message;
    wake(user);
}

static skald_status pings_listen(skald_engine *engine, skald_error *error)
{
    if (engine->hub->nats == NULL)
        return SKALD_OK;
    char subject[SUBJECT_SIZE];
    snprintf(subject, sizeof subject, "skald.sagas.%s", engine->hub->name);
    return skald_nats_listen(&engine->listener, engine->hub->nats, subject, pinged, engine, error);
}

skald_status skald_engine_open(skald_engine **out, skald_hub *hub, skald_error *error)
{
    skald_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the sagas' engine");
    engine->hub = hub;
    pthread_mutex_init(&engine->mutex, NULL);
    skald_clock_condition_init(&engine->condition);
    *out = engine;
    const uint32_t wanted = hub->sagas->threads;
    engine->thread_count = wanted < hub->partitions ? wanted : hub->partitions;
    skald_status status = pings_listen(engine, error);
    for (uint32_t i = 0; i < engine->thread_count && status == SKALD_OK; i++) {
        engine_thread *thread = &engine->threads[i];
        thread->engine = engine;
        thread->number = i;
        thread->started = pthread_create(&thread->thread, NULL, engine_main, thread) == 0;
        if (!thread->started)
            status = skald_error_set(error, SKALD_NO_MEMORY, "no thread for sagas");
    }
    return status;
}

void skald_engine_stop(skald_engine *engine)
{
    if (engine == NULL)
        return;
    pthread_mutex_lock(&engine->mutex);
    engine->stopping = true;
    pthread_cond_broadcast(&engine->condition);
    pthread_mutex_unlock(&engine->mutex);
}

static bool all_ended(const skald_engine *engine)
{
    for (uint32_t i = 0; i < engine->thread_count; i++) {
        if (engine->threads[i].started && !engine->threads[i].ended)
            return false;
    }
    return true;
}

bool skald_engine_join(skald_engine *engine, uint64_t wait_ms)
{
    if (engine == NULL)
        return true;
    const struct timespec deadline = skald_clock_deadline(wait_ms);
    bool in_time = true;
    pthread_mutex_lock(&engine->mutex);
    while (!all_ended(engine) && in_time)
        in_time = skald_clock_wait(&engine->condition, &engine->mutex, deadline);
    const bool ended = all_ended(engine);
    pthread_mutex_unlock(&engine->mutex);
    if (!ended)
        return false;
    for (uint32_t i = 0; i < engine->thread_count; i++) {
        if (engine->threads[i].started)
            pthread_join(engine->threads[i].thread, NULL);
        engine->threads[i].started = false;
    }
    return true;
}

void skald_engine_close(skald_engine *engine)
{
    if (engine == NULL)
        return;
    skald_nats_unlisten(engine->listener);
    pthread_cond_destroy(&engine->condition);
    pthread_mutex_destroy(&engine->mutex);
    free(engine);
}
