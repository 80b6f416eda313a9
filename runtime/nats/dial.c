/* Connecting under a watchdog: cnats 3.4.1 can hang for ever in connect when the server falls
 * silent after its first line. A hung attempt cannot be stopped from outside, so it is left behind,
 * and as long as one is left behind no other is made. */
#include "base/clock.h"
#include "nats/wire.h"

#include <signal.h>
#include <stdlib.h>

enum { DIAL_MS_MAX = 10000 };

typedef struct skald_dial {
    skald_nats *nats; /* whom cnats calls back; freed by the thread if it is left behind */
    pthread_mutex_t mutex;
    pthread_cond_t ended_changed;
    natsOptions *options;
    natsConnection *connection;
    natsStatus status;
    bool ended;
    bool abandoned; /* the thread frees */
} skald_dial;

static atomic_int abandoned_count;

static void dial_free(skald_dial *dial)
{
    natsConnection_Destroy(dial->connection);
    natsOptions_Destroy(dial->options);
    pthread_cond_destroy(&dial->ended_changed);
    pthread_mutex_destroy(&dial->mutex);
    free(dial);
}

static natsConnection *dial_take(skald_dial *dial)
{
    natsConnection *connection = dial->connection;
    dial->connection = NULL;
    return connection;
}

static void *dial_run(void *argument)
{
    skald_dial *dial = argument;
    natsConnection *connection = NULL;
    const natsStatus status = natsConnection_Connect(&connection, dial->options);
    pthread_mutex_lock(&dial->mutex);
    dial->connection = connection;
    dial->status = status;
    dial->ended = true;
    const bool abandoned = dial->abandoned;
    pthread_cond_signal(&dial->ended_changed);
    pthread_mutex_unlock(&dial->mutex);
    if (abandoned) {
        dial->nats->connection = dial_take(dial);
        skald_nats_close(dial->nats);
        dial_free(dial);
        atomic_fetch_sub(&abandoned_count, 1);
    }
    return NULL;
}

/* cnats' threads inherit the signal mask of the thread that first calls it: signals are the
 * program's business, so all of them are blocked there. */
static int dial_start(pthread_t *thread, skald_dial *dial)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(thread, NULL, dial_run, dial);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

/* True when it ended in time; otherwise it belongs to its thread now. */
static bool dial_wait(skald_dial *dial)
{
    const struct timespec deadline = skald_clock_deadline(DIAL_MS_MAX);
    pthread_mutex_lock(&dial->mutex);
    bool in_time = true;
    while (!dial->ended && in_time)
        in_time = skald_clock_wait(&dial->ended_changed, &dial->mutex, deadline);
    const bool ended = dial->ended;
    if (!ended) {
        skald_nats_mute(dial->nats);
        dial->abandoned = true;
        atomic_fetch_add(&abandoned_count, 1);
    }
    pthread_mutex_unlock(&dial->mutex);
    return ended;
}

static skald_status dial_answer(skald_dial *dial, skald_error *error)
{
    if (dial->status == NATS_OK) {
        dial->nats->connection = dial_take(dial);
        return SKALD_OK;
    }
    const char *cause = natsStatus_GetText(dial->status);
    if (dial->status == NATS_INVALID_ARG || dial->status == NATS_ADDRESS_MISSING)
        return skald_error_set(error, SKALD_INVALID, "NATS: the URL cannot be used: %s", cause);
    if (dial->status == NATS_NO_MEMORY)
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: %s", cause);
    return skald_error_set(error, SKALD_UNAVAILABLE, "NATS: cannot connect: %s", cause);
}

skald_status skald_nats_dial(skald_nats *nats, natsOptions *options, skald_error *error)
{
    skald_dial *dial = atomic_load(&abandoned_count) == 0 ? calloc(1, sizeof *dial) : NULL;
    if (dial == NULL) {
        natsOptions_Destroy(options);
        return skald_error_set(error, SKALD_UNAVAILABLE,
                               "NATS: an earlier attempt to connect still hangs");
    }
    pthread_mutex_init(&dial->mutex, NULL);
    skald_clock_condition_init(&dial->ended_changed);
    dial->nats = nats;
    dial->options = options;
    pthread_t thread;
    if (dial_start(&thread, dial) != 0) {
        dial_free(dial);
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: no thread to connect with");
    }
    if (!dial_wait(dial)) {
        pthread_detach(thread);
        return skald_error_set(error, SKALD_TIMEOUT,
                               "NATS: the server did not finish its greeting");
    }
    pthread_join(thread, NULL);
    const skald_status status = dial_answer(dial, error);
    dial_free(dial);
    return status;
}
