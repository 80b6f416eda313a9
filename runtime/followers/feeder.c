/* The thread: register, then feed, rewind and mend as lanes ask for it. */
#include "followers/feeder.h"
#include "base/clock.h"
#include "followers/feeder_inside.h"
#include "followers/register.h"
#include "followers/worker.h"
#include "leases/leases.h"

#include <assert.h>
#include <skald/backoff.h>
#include <stdlib.h>

enum {
    IDLE_MS = 1000,
    OUTAGE_DELAY_MS_MIN = 100,
    OUTAGE_DELAY_MS_MAX = 2000,
    ANEW_DELAY_MS = 20, /* between two beginnings, so that many takings make one */
};

/* The lowest position any lane of ours needs, -1 when none is ours; and lanes are told to take
 * messages in again. */
static int64_t lanes_rewind(skald_feeder *feeder)
{
    skald_follower *follower = feeder->follower;
    int64_t lowest = -1;
    for (uint32_t i = 0; i < follower->partitions; i++) {
        skald_lane *lane = &follower->lanes[i];
        skald_worker_lock(lane->worker);
        if (lane->held && !lane->leaving) {
            skald_lane_rewind(lane);
            lowest = lowest < 0 || lane->fed < lowest ? lane->fed : lowest;
        }
        skald_worker_unlock(lane->worker);
    }
    return lowest;
}

uint64_t skald_feeder_queued(skald_feeder *feeder)
{
    skald_follower *follower = feeder->follower;
    uint64_t queued = 0;
    for (uint32_t i = 0; i < follower->partitions; i++) {
        skald_worker_lock(follower->lanes[i].worker);
        queued += follower->lanes[i].count;
        skald_worker_unlock(follower->lanes[i].worker);
    }
    return queued;
}

bool skald_feeder_interrupted(skald_feeder *feeder)
{
    return atomic_load(&feeder->stopping) || atomic_load(&feeder->rewind) ||
           atomic_load(&feeder->repair) || atomic_load(&feeder->doubt);
}

static skald_status connection_ready(skald_feeder *feeder, skald_error *error)
{
    if (feeder->pg != NULL && skald_pg_alive(feeder->pg))
        return SKALD_OK;
    skald_pg_close(feeder->pg);
    feeder->pg = NULL;
    return skald_pg_open(&feeder->pg, feeder->follower->hub->database,
                         feeder->follower->hub->application, error);
}

/* One stretch of feeding, until something changes. */
static skald_status feed(skald_feeder *feeder, skald_error *error)
{
    skald_status status = SKALD_OK;
    if (atomic_exchange(&feeder->repair, false))
        status = skald_feeder_mend(feeder, error);
    if (status == SKALD_TIMEOUT || status == SKALD_HISTORY_LOST || status == SKALD_UNAVAILABLE)
        atomic_store(&feeder->repair, true);
    if (status != SKALD_OK)
        return status;
    feeder->look_ms = 0;
    status = skald_feeder_look(feeder, error);
    if (status != SKALD_OK)
        return status;
    atomic_store(&feeder->doubt, false);
    atomic_store(&feeder->rewind, false);
    const int64_t position = lanes_rewind(feeder);
    if (position < 0) {
        skald_bell_wait(&feeder->bell, &feeder->heard, IDLE_MS);
        return SKALD_OK;
    }
    status = feeder->follower->direct ? skald_feed_outbox(feeder, position, error)
                                      : skald_feed_stream(feeder, position, error);
    if (status == SKALD_OK && !atomic_load(&feeder->stopping))
        skald_clock_sleep_ms(ANEW_DELAY_MS);
    return status;
}

/* Says a failure once per outage and waits, a little longer each time. */
static void outage_wait(skald_feeder *feeder, const skald_error *error, uint32_t attempt)
{
    const skald_follower *follower = feeder->follower;
    /* A stream that does not exist yet is an ordinary start: its service has not run. */
    const skald_log_level level =
        error->status == SKALD_NOT_FOUND ? SKALD_LOG_INFO : SKALD_LOG_ERROR;
    if (!feeder->outage)
        skald_log_say(follower->hub->log, level, "FOLLOWER-WAITS", "follower \"%s\" waits: %s",
                      follower->name, error->text);
    feeder->outage = true;
    const skald_backoff policy = {OUTAGE_DELAY_MS_MIN, OUTAGE_DELAY_MS_MAX};
    skald_bell_wait(&feeder->bell, &feeder->heard,
                    skald_backoff_delay_ms(&policy, attempt, UINT64_MAX));
}

static void outage_over(skald_feeder *feeder)
{
    if (feeder->outage)
        skald_log_say(feeder->follower->hub->log, SKALD_LOG_INFO, "FOLLOWER-GOES-ON",
                      "follower \"%s\" goes on", feeder->follower->name);
    feeder->outage = false;
}

/* Until the follower's rows exist there is nothing to lease. */
static bool register_all(skald_feeder *feeder)
{
    skald_follower *follower = feeder->follower;
    uint32_t partitions = 0;
    for (uint32_t attempt = 1; !atomic_load(&feeder->stopping); attempt++) {
        skald_error error = {0};
        skald_status status = connection_ready(feeder, &error);
        if (status == SKALD_OK)
            status = skald_follower_register(follower, feeder->pg, &partitions, &error);
        if (status == SKALD_OK) {
            outage_over(feeder);
            skald_follower_lanes_init(follower, partitions);
            const skald_duty duty = skald_follower_duty(follower);
            skald_leases_add(follower->hub->leases, &duty);
            return true;
        }
        outage_wait(feeder, &error, attempt);
    }
    return false;
}

static void *feeder_main(void *argument)
{
    skald_feeder *feeder = argument;
    bool going = register_all(feeder);
    uint32_t attempt = 0;
    while (going && !atomic_load(&feeder->stopping)) {
        skald_error error = {0};
        skald_status status = connection_ready(feeder, &error);
        if (status == SKALD_OK)
            status = feed(feeder, &error);
        if (status != SKALD_OK) {
            outage_wait(feeder, &error, ++attempt);
            continue;
        }
        outage_over(feeder);
        attempt = 0;
    }
    skald_pg_close(feeder->pg);
    feeder->pg = NULL;
    return NULL;
}

skald_status skald_feeder_open(skald_follower *follower, skald_error *error)
{
    skald_feeder *feeder = calloc(1, sizeof *feeder);
    if (feeder == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a follower");
    feeder->follower = follower;
    skald_bell_init(&feeder->bell);
    skald_arena_init(&feeder->scratch, 0);
    follower->feeder = feeder;
    if (pthread_create(&feeder->thread, NULL, feeder_main, feeder) != 0)
        return skald_error_set(error, SKALD_NO_MEMORY, "no thread for a follower");
    feeder->started = true;
    return SKALD_OK;
}

void skald_feeder_wake(skald_feeder *feeder)
{
    skald_bell_ring(&feeder->bell);
}

void skald_feeder_rewind(skald_feeder *feeder)
{
    atomic_store(&feeder->rewind, true);
    skald_bell_ring(&feeder->bell);
}

void skald_feeder_repair(skald_feeder *feeder)
{
    atomic_store(&feeder->repair, true);
    skald_bell_ring(&feeder->bell);
}

void skald_feeder_stop(skald_feeder *feeder)
{
    if (feeder == NULL || !feeder->started)
        return;
    atomic_store(&feeder->stopping, true);
    skald_bell_ring(&feeder->bell);
    pthread_join(feeder->thread, NULL);
    feeder->started = false;
}

void skald_feeder_close(skald_feeder *feeder)
{
    if (feeder == NULL)
        return;
    assert(!feeder->started && feeder->puller == NULL);
    skald_arena_done(&feeder->scratch);
    skald_bell_done(&feeder->bell);
    free(feeder);
}
