/* The connection's own thread: it ticks the routes, which notice what did not come, and it flushes.
 *
 * cnats lets published bytes wait for a millisecond. Its only way to send them at once without one
 * system call per message is a flush, which waits for the server's PONG; so a thread does that, and
 * whoever publishes goes on. */
#include "base/clock.h"
#include "nats/wire.h"

#include <signal.h>

enum { FLUSH_MS_MAX = 1000 };

static void routes_tick(skald_nats *nats)
{
    skald_nats_callbacks_lock(nats);
    for (skald_nats_route *route = nats->routes; route != NULL; route = route->next) {
        if (route->tick != NULL)
            route->tick(route->user);
    }
    skald_nats_callbacks_unlock(nats);
}

/* Waits for something to do; false when it is to stop. */
static bool pulse_wait(skald_nats *nats, uint64_t tick_ms, bool *flush)
{
    pthread_mutex_lock(&nats->state_mutex);
    bool in_time = true;
    while (!nats->stopping && !nats->flush_wanted && in_time) {
        const uint64_t now_ms = skald_clock_ms();
        in_time = now_ms < tick_ms && skald_clock_wait(&nats->changed, &nats->state_mutex,
                                                       skald_clock_deadline(tick_ms - now_ms));
    }
    *flush = nats->flush_wanted;
    nats->flush_wanted = false;
    const bool goes_on = !nats->stopping;
    pthread_mutex_unlock(&nats->state_mutex);
    return goes_on;
}

static void *pulse_run(void *argument)
{
    skald_nats *nats = argument;
    bool flush = false;
    uint64_t tick_ms = skald_clock_ms() + SKALD_NATS_TICK_MS;
    while (pulse_wait(nats, tick_ms, &flush)) {
        if (flush && skald_nats_connected(nats))
            natsConnection_FlushTimeout(nats->connection, FLUSH_MS_MAX);
        if (skald_clock_ms() >= tick_ms) {
            routes_tick(nats);
            tick_ms = skald_clock_ms() + SKALD_NATS_TICK_MS;
        }
    }
    return NULL;
}

skald_status skald_nats_pulse_start(skald_nats *nats, skald_error *error)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&nats->pulse, NULL, pulse_run, nats);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failed != 0)
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: no thread for a connection");
    nats->pulse_runs = true;
    return SKALD_OK;
}

void skald_nats_mute(skald_nats *nats)
{
    pthread_mutex_lock(&nats->state_mutex);
    nats->stopping = true;
    pthread_cond_broadcast(&nats->changed);
    pthread_mutex_unlock(&nats->state_mutex);
}

void skald_nats_pulse_stop(skald_nats *nats)
{
    skald_nats_mute(nats);
    if (nats->pulse_runs)
        pthread_join(nats->pulse, NULL);
}

void skald_nats_flush(skald_nats *nats)
{
    pthread_mutex_lock(&nats->state_mutex);
    if (!nats->flush_wanted) {
        nats->flush_wanted = true;
        pthread_cond_broadcast(&nats->changed);
    }
    pthread_mutex_unlock(&nats->state_mutex);
}
