/* Opening and closing, in the order that cnats 3.4.1 survives. */
#include "nats/connection.h"
#include "base/clock.h"
#include "nats/wire.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static skald_nats *nats_new(skald_log *log)
{
    skald_nats *nats = calloc(1, sizeof *nats);
    if (nats == NULL)
        return NULL;
    nats->log = log;
    atomic_init(&nats->epoch, 1);
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    /* So that closing something in a callback is an assert and not a deadlock. */
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
    pthread_mutex_init(&nats->callback_mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    pthread_mutex_init(&nats->create_mutex, NULL);
    pthread_mutex_init(&nats->state_mutex, NULL);
    skald_clock_condition_init(&nats->changed);
    return nats;
}

static void nats_free(skald_nats *nats)
{
    pthread_cond_destroy(&nats->changed);
    pthread_mutex_destroy(&nats->state_mutex);
    pthread_mutex_destroy(&nats->create_mutex);
    pthread_mutex_destroy(&nats->callback_mutex);
    free(nats->headers);
    free(nats);
}

static skald_status inbox_make(skald_nats *nats, skald_error *error)
{
    natsInbox *inbox = NULL;
    const natsStatus status = natsInbox_Create(&inbox);
    if (status != NATS_OK)
        return skald_nats_failure(status, error, "make an inbox for", "a connection");
    const int size = snprintf(nats->inbox, sizeof nats->inbox, "%s", inbox);
    natsInbox_Destroy(inbox);
    assert(size > 0 && (size_t)size < sizeof nats->inbox / 2);
    nats->instance = strrchr(nats->inbox, '.') + 1;
    return SKALD_OK;
}

static skald_status inbox_open(skald_nats *nats, skald_error *error)
{
    const skald_status status = inbox_make(nats, error);
    if (status != SKALD_OK)
        return status;
    char subject[SKALD_NATS_ADDRESS_SIZE + 2];
    snprintf(subject, sizeof subject, "%s.>", nats->inbox);
    return skald_nats_subscribe(&nats->inbox_subscription, nats, subject, skald_nats_routes_receive,
                                nats, error);
}

static skald_status jetstream_open(skald_nats *nats, skald_error *error)
{
    const natsStatus status = natsConnection_JetStream(&nats->jetstream, nats->connection, NULL);
    return status == NATS_OK ? SKALD_OK
                             : skald_nats_failure(status, error, "open", "the JetStream context");
}

skald_status skald_nats_open(skald_nats **out, const char *url, const char *name, skald_log *log,
                             skald_error *error)
{
    natsOptions *options = NULL;
    skald_nats *nats = nats_new(log);
    if (nats == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: no memory for a connection");
    skald_status status = skald_nats_options(&options, nats, url, name, error);
    if (status == SKALD_OK)
        status = skald_nats_dial(nats, options, error);
    if (status == SKALD_TIMEOUT) {
        if (error != NULL)
            error->status = SKALD_UNAVAILABLE;
        return SKALD_UNAVAILABLE;
    }
    if (status == SKALD_OK)
        status = jetstream_open(nats, error);
    if (status == SKALD_OK)
        status = inbox_open(nats, error);
    if (status == SKALD_OK)
        status = skald_nats_pulse_start(nats, error);
    if (status != SKALD_OK) {
        skald_nats_close(nats);
        return status;
    }
    *out = nats;
    return SKALD_OK;
}

/* cnats ends its own threads in Close; those that deliver, and the one that tells us it is closed,
 * end a little later. */
static void threads_await(skald_nats *nats)
{
    pthread_mutex_lock(&nats->state_mutex);
    while (nats->delivering > 0 || !nats->closed)
        pthread_cond_wait(&nats->changed, &nats->state_mutex);
    pthread_mutex_unlock(&nats->state_mutex);
}

/* Subscriptions are destroyed last: while the connection lives, its reader may still hold one. */
void skald_nats_close(skald_nats *nats)
{
    if (nats == NULL)
        return;
    assert(nats->routes == NULL);
    skald_nats_pulse_stop(nats);
    if (nats->connection != NULL) {
        natsConnection_Close(nats->connection);
        threads_await(nats);
    }
    skald_nats_listeners_free(nats);
    natsSubscription_Destroy(nats->inbox_subscription);
    jsCtx_Destroy(nats->jetstream);
    natsConnection_Destroy(nats->connection);
    nats_free(nats);
}

bool skald_nats_connected(const skald_nats *nats)
{
    return natsConnection_Status(nats->connection) == NATS_CONN_STATUS_CONNECTED;
}

uint64_t skald_nats_epoch(const skald_nats *nats)
{
    return atomic_load(&nats->epoch);
}

bool skald_nats_closed(const skald_nats *nats)
{
    return natsConnection_IsClosed(nats->connection);
}
