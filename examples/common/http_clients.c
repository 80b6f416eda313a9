/* A stack under one lock, searched from its top. */
#include "common/http_clients.h"

#include <pthread.h>
#include <stdlib.h>

#define IDLE_MAX 64u

struct http_clients {
    pthread_mutex_t mutex;
    unsigned idle_count;
    http_client *idle[IDLE_MAX];
};

http_clients *http_clients_open(void)
{
    http_clients *made = calloc(1, sizeof(*made));
    if (made != NULL)
        pthread_mutex_init(&made->mutex, NULL);
    return made;
}

void http_clients_free(http_clients *clients)
{
    if (clients == NULL)
        return;
    while (clients->idle_count > 0)
        http_client_free(clients->idle[--clients->idle_count]);
    pthread_mutex_destroy(&clients->mutex);
    free(clients);
}

/* With the lock held; NULL when none is idle. */
static http_client *find_idle(http_clients *clients, unsigned port)
{
    for (unsigned i = clients->idle_count; i > 0; i--) {
        http_client *client = clients->idle[i - 1];
        if (http_client_port(client) != port)
            continue;
        clients->idle[i - 1] = clients->idle[--clients->idle_count];
        return client;
    }
    return NULL;
}

http_client *http_clients_take(http_clients *clients, unsigned port)
{
    pthread_mutex_lock(&clients->mutex);
    http_client *client = find_idle(clients, port);
    pthread_mutex_unlock(&clients->mutex);
    return client != NULL ? client : http_client_open(port);
}

void http_clients_give(http_clients *clients, http_client *client)
{
    pthread_mutex_lock(&clients->mutex);
    if (client != NULL && clients->idle_count < IDLE_MAX) {
        clients->idle[clients->idle_count++] = client;
        client = NULL;
    }
    pthread_mutex_unlock(&clients->mutex);
    http_client_free(client);
}
