/* The keeper's thread: whose turn it is, and what happens when something fails. */
#include "keeper/keeper.h"
#include "base/clock.h"
#include "keeper/keeper_parts.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>

enum {
    STAND_BY_MS = 60000, /* the bell rings when that changes */
    OUTAGE_MS = 500,     /* until it connects again */
    RECENT_MS = 2000,    /* how long rings are heeded after a delayed message was written */
    TURN_MS = 1000,
};

/* In this order, so that what was waited for goes before the tidying up. */
static const struct {
    const char *name;
    skald_keeper_duty *run;
    uint32_t every_ms;
} duties[SKALD_KEEPER_DUTIES] = {
    {"delayed messages", skald_keeper_delayed, TURN_MS},
    {"schedules", skald_keeper_schedules, TURN_MS},
    {"bulk operations", skald_keeper_operations, TURN_MS},
    {"expired jobs", skald_keeper_expire, TURN_MS},
    {"caps", skald_keeper_caps, TURN_MS},
    {"alerts", skald_keeper_alerts, TURN_MS},
    {"stuck sagas", skald_keeper_sagas, 5 * TURN_MS},
    {"old jobs", skald_keeper_forget, 10 * TURN_MS},
    {"old flows", skald_keeper_flows, 10 * TURN_MS},
};

enum { DELAYED = 0 };

static bool works(const skald_keeper *keeper)
{
    return atomic_load(&keeper->leads) && !atomic_load(&keeper->stopping);
}

void skald_keeper_sooner(uint32_t *wait_ms, int64_t other_ms)
{
    if (other_ms < (int64_t)*wait_ms)
        *wait_ms = other_ms < 0 ? 0 : (uint32_t)other_ms;
}

skald_status skald_keeper_begin(skald_keeper *keeper, skald_error *error)
{
    return skald_pg_script(keeper->pg,
                           "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'", error);
}

skald_status skald_keeper_end(skald_keeper *keeper, skald_status status, skald_error *error)
{
    if (status == SKALD_OK)
        return skald_pg_script(keeper->pg, "COMMIT", error);
    skald_error lost = {0};
    if (skald_pg_script(keeper->pg, "ROLLBACK", &lost) == SKALD_OK)
        return status;
    *error = lost;
    return lost.status;
}

static void connection_close(skald_keeper *keeper)
{
    skald_pg_close(keeper->pg);
    keeper->pg = NULL;
}

static skald_status connection_ready(skald_keeper *keeper, skald_error *error)
{
    if (keeper->pg != NULL && !skald_pg_alive(keeper->pg))
        connection_close(keeper);
    if (keeper->pg != NULL)
        return SKALD_OK;
    return skald_pg_open(&keeper->pg, keeper->options.database, keeper->options.application, error);
}

/* What another keeper is just at, or a person, is found again at the next turn. */
static bool is_passing(skald_status status)
{
    return status == SKALD_CONFLICT || status == SKALD_TIMEOUT;
}

static skald_status duty_run(skald_keeper *keeper, uint32_t duty, skald_error *error)
{
    uint32_t wait_ms = duties[duty].every_ms;
    const skald_status status = duties[duty].run(keeper, &wait_ms, error);
    keeper->next_ms[duty] = skald_clock_ms() + (status == SKALD_OK ? wait_ms : TURN_MS);
    if (status == SKALD_OK && keeper->failing[duty])
        skald_log_say(keeper->options.log, SKALD_LOG_INFO, "KEEPER-GOES-ON", "%s go on",
                      duties[duty].name);
    else if (status != SKALD_OK && !is_passing(status) && !keeper->failing[duty])
        skald_log_say(keeper->options.log, SKALD_LOG_ERROR, "KEEPER-WAITS", "%s: %s",
                      duties[duty].name, error->text);
    keeper->failing[duty] = status != SKALD_OK && !is_passing(status);
    return status;
}

/* One duty that fails does not hold up the others; without a connection all wait. */
static skald_status turn(skald_keeper *keeper, skald_error *error)
{
    for (uint32_t i = 0; i < SKALD_KEEPER_DUTIES && works(keeper); i++) {
        if (skald_clock_ms() < keeper->next_ms[i])
            continue;
        const skald_status status = duty_run(keeper, i, error);
        if (status == SKALD_UNAVAILABLE)
            return status;
    }
    return SKALD_OK;
}

static void outage_wait(skald_keeper *keeper, const skald_error *error)
{
    if (!keeper->outage)
        skald_log_say(keeper->options.log, SKALD_LOG_WARNING, "KEEPER-WAITS", "%s", error->text);
    keeper->outage = true;
    skald_bell_wait(&keeper->bell, &keeper->heard, OUTAGE_MS);
}

static void next_await(skald_keeper *keeper)
{
    uint64_t next_ms = UINT64_MAX;
    for (uint32_t i = 0; i < SKALD_KEEPER_DUTIES; i++)
        next_ms = keeper->next_ms[i] < next_ms ? keeper->next_ms[i] : next_ms;
    const uint64_t now_ms = skald_clock_ms();
    if (now_ms >= next_ms)
        return;
    if (skald_bell_wait(&keeper->bell, &keeper->heard, (uint32_t)(next_ms - now_ms)))
        keeper->next_ms[DELAYED] = 0;
}

static void lead(skald_keeper *keeper)
{
    skald_log_say(keeper->options.log, SKALD_LOG_INFO, "KEEPER-LEADS",
                  "this process does the housekeeping now");
    for (uint32_t i = 0; i < SKALD_KEEPER_DUTIES; i++)
        keeper->next_ms[i] = 0;
    while (works(keeper)) {
        skald_error error = {0};
        skald_status status = connection_ready(keeper, &error);
        if (status == SKALD_OK)
            status = turn(keeper, &error);
        if (status != SKALD_OK) {
            outage_wait(keeper, &error);
            continue;
        }
        if (keeper->outage)
            skald_log_say(keeper->options.log, SKALD_LOG_INFO, "KEEPER-GOES-ON",
                          "the housekeeping goes on");
        keeper->outage = false;
        next_await(keeper);
    }
    skald_keeper_alerts_end(keeper);
    connection_close(keeper);
    skald_log_say(keeper->options.log, SKALD_LOG_INFO, "KEEPER-STANDS-BY",
                  "this process does the housekeeping no more");
}

static void *keeper_run(void *argument)
{
    skald_keeper *keeper = argument;
    while (!atomic_load(&keeper->stopping)) {
        if (works(keeper))
            lead(keeper);
        else
            skald_bell_wait(&keeper->bell, &keeper->heard, STAND_BY_MS);
    }
    return NULL;
}

skald_status skald_keeper_open(skald_keeper **out, const skald_keeper_options *options,
                               skald_error *error)
{
    skald_keeper *keeper = calloc(1, sizeof *keeper);
    if (keeper == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the keeper");
    keeper->options = *options;
    skald_bell_init(&keeper->bell);
    /* Signals are the program's business. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&keeper->thread, NULL, keeper_run, keeper);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0) {
        skald_bell_done(&keeper->bell);
        free(keeper);
        return skald_error_set(error, SKALD_NO_MEMORY, "no thread for the keeper");
    }
    *out = keeper;
    return SKALD_OK;
}

void skald_keeper_lead(skald_keeper *keeper, bool leads)
{
    atomic_store(&keeper->leads, leads);
    skald_bell_ring(&keeper->bell);
}

bool skald_keeper_leads(const skald_keeper *keeper)
{
    return keeper != NULL && atomic_load(&keeper->leads);
}

/* Most rings are about other things: they cost nothing as long as this process delays nothing. A
 * ring may come before the commit that it should tell of, so all are heeded for a while. */
void skald_keeper_wake(skald_keeper *keeper)
{
    if (!skald_keeper_leads(keeper))
        return;
    const uint64_t now_ms = skald_clock_ms();
    const uint64_t written = atomic_load(keeper->options.delayed);
    if (written != atomic_load(&keeper->seen)) {
        atomic_store(&keeper->seen, written);
        atomic_store(&keeper->recent_ms, now_ms + RECENT_MS);
    }
    if (now_ms < atomic_load(&keeper->recent_ms))
        skald_bell_ring(&keeper->bell);
}

void skald_keeper_close(skald_keeper *keeper)
{
    if (keeper == NULL)
        return;
    atomic_store(&keeper->stopping, true);
    skald_bell_ring(&keeper->bell);
    pthread_join(keeper->thread, NULL);
    skald_bell_done(&keeper->bell);
    free(keeper);
}
