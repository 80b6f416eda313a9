/* Listening: core NATS, where everything may be lost. */
#include "nats/wire.h"

#include <stdlib.h>
#include <string.h>

/* Lives until the connection is closed, because its cnats subscription must; without a callback it
 * is silent, and the next one who listens to its subject takes it over. */
struct skald_nats_listener {
    skald_nats *nats;
    char *subject;
    natsSubscription *subscription;
    skald_nats_callback *callback; /* guarded by the callback mutex, as is `user` */
    void *user;
    skald_nats_listener *next;
};

static void on_complete(void *closure)
{
    skald_nats *nats = closure;
    pthread_mutex_lock(&nats->state_mutex);
    nats->delivering--;
    pthread_cond_broadcast(&nats->changed);
    pthread_mutex_unlock(&nats->state_mutex);
}

skald_status skald_nats_subscribe(natsSubscription **out, skald_nats *nats, const char *subject,
                                  natsMsgHandler handler, void *closure, skald_error *error)
{
    natsSubscription *subscription = NULL;
    natsStatus status =
        natsConnection_Subscribe(&subscription, nats->connection, subject, handler, closure);
    if (status != NATS_OK)
        return skald_nats_failure(status, error, "subscribe to", subject);
    pthread_mutex_lock(&nats->state_mutex);
    nats->delivering++;
    pthread_mutex_unlock(&nats->state_mutex);
    status = natsSubscription_SetOnCompleteCB(subscription, on_complete, nats);
    if (status != NATS_OK)
        on_complete(nats); /* its thread has ended already: the connection is closed */
    *out = subscription;
    return SKALD_OK;
}

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message,
                       void *closure)
{
    (void)connection;
    (void)subscription;
    skald_nats_listener *listener = closure;
    skald_nats *nats = listener->nats;
    skald_nats_view view;
    skald_nats_callbacks_lock(nats);
    if (listener->callback != NULL && skald_nats_view_of(&view, nats, message))
        listener->callback(listener->user, &view);
    skald_nats_callbacks_unlock(nats);
    natsMsg_Destroy(message);
}

static skald_nats_listener *listener_take_over(skald_nats *nats, const char *subject,
                                               skald_nats_callback *callback, void *user)
{
    skald_nats_callbacks_lock(nats);
    skald_nats_listener *listener = nats->listeners;
    while (listener != NULL &&
           (listener->callback != NULL || strcmp(listener->subject, subject) != 0))
        listener = listener->next;
    if (listener != NULL) {
        listener->callback = callback;
        listener->user = user;
    }
    skald_nats_callbacks_unlock(nats);
    return listener;
}

static void listener_add(skald_nats *nats, skald_nats_listener *listener,
                         skald_nats_callback *callback, void *user)
{
    skald_nats_callbacks_lock(nats);
    listener->callback = callback;
    listener->user = user;
    listener->next = nats->listeners;
    nats->listeners = listener;
    skald_nats_callbacks_unlock(nats);
}

static void listener_free(skald_nats_listener *listener)
{
    natsSubscription_Destroy(listener->subscription);
    free(listener->subject);
    free(listener);
}

skald_status skald_nats_listen(skald_nats_listener **out, skald_nats *nats, const char *subject,
                               skald_nats_callback *callback, void *user, skald_error *error)
{
    skald_nats_listener *listener = listener_take_over(nats, subject, callback, user);
    if (listener != NULL) {
        *out = listener;
        return SKALD_OK;
    }
    listener = calloc(1, sizeof *listener);
    char *copy = strdup(subject);
    if (listener == NULL || copy == NULL) {
        free(listener);
        free(copy);
        return skald_error_set(error, SKALD_NO_MEMORY, "NATS: no memory to listen to \"%s\"",
                               subject);
    }
    listener->nats = nats;
    listener->subject = copy;
    const skald_status status =
        skald_nats_subscribe(&listener->subscription, nats, subject, on_message, listener, error);
    if (status != SKALD_OK) {
        listener_free(listener);
        return status;
    }
    listener_add(nats, listener, callback, user);
    skald_nats_flush(nats);
    *out = listener;
    return SKALD_OK;
}

void skald_nats_unlisten(skald_nats_listener *listener)
{
    if (listener == NULL)
        return;
    skald_nats_callbacks_lock(listener->nats);
    listener->callback = NULL;
    skald_nats_callbacks_unlock(listener->nats);
}

void skald_nats_listeners_free(skald_nats *nats)
{
    while (nats->listeners != NULL) {
        skald_nats_listener *listener = nats->listeners;
        nats->listeners = listener->next;
        listener_free(listener);
    }
}
