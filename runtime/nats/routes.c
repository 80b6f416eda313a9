/* From the one inbox to whom it concerns. */
#include "nats/wire.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void skald_nats_callbacks_lock(skald_nats *nats)
{
    const int failed = pthread_mutex_lock(&nats->callback_mutex);
    assert(failed == 0); /* else: called from a callback */
    (void)failed;
}

void skald_nats_callbacks_unlock(skald_nats *nats)
{
    pthread_mutex_unlock(&nats->callback_mutex);
}

void skald_nats_route_add(skald_nats *nats, skald_nats_route *route)
{
    skald_nats_callbacks_lock(nats);
    route->id = ++nats->route_id_last;
    route->next = nats->routes;
    nats->routes = route;
    skald_nats_callbacks_unlock(nats);
}

void skald_nats_route_remove(skald_nats *nats, skald_nats_route *route)
{
    skald_nats_callbacks_lock(nats);
    skald_nats_route **link = &nats->routes;
    while (*link != route)
        link = &(*link)->next;
    *link = route->next;
    skald_nats_callbacks_unlock(nats);
}

void skald_nats_route_address(const skald_nats *nats, const skald_nats_route *route,
                              char out[SKALD_NATS_ADDRESS_SIZE])
{
    const int size = snprintf(out, SKALD_NATS_ADDRESS_SIZE, "%s.%" PRIu64, nats->inbox, route->id);
    assert(size > 0 && size < SKALD_NATS_ADDRESS_SIZE);
}

void skald_nats_route_token(const skald_nats *nats, const skald_nats_route *route,
                            char out[SKALD_NATS_TOKEN_SIZE])
{
    const int size =
        snprintf(out, SKALD_NATS_TOKEN_SIZE, "skald_%s_%" PRIu64, nats->instance, route->id);
    assert(size > 0 && size < SKALD_NATS_TOKEN_SIZE);
}

static skald_nats_route *route_find(const skald_nats *nats, uint64_t id)
{
    skald_nats_route *route = nats->routes;
    while (route != NULL && route->id != id)
        route = route->next;
    return route;
}

/* "<inbox>.<id>[.<rest>]" */
static uint64_t subject_read(const skald_nats *nats, const char *subject, const char **rest)
{
    const size_t size = strlen(nats->inbox);
    if (strncmp(subject, nats->inbox, size) != 0 || subject[size] != '.')
        return 0;
    char *end = NULL;
    const uint64_t id = strtoull(subject + size + 1, &end, 10);
    *rest = *end == '.' ? end + 1 : end;
    return id;
}

/* "$JS.ACK.<stream>.skald_<unique>_<id>.<numbers>": pulled messages keep their own subject, and
 * only the reply subject says whose they are. */
static uint64_t reply_read(const skald_nats *nats, const char *reply)
{
    static const char prefix[] = "$JS.ACK.";
    if (reply == NULL || strncmp(reply, prefix, sizeof prefix - 1) != 0)
        return 0;
    const char *token = strchr(reply + sizeof prefix - 1, '.');
    const size_t size = strlen(nats->instance);
    if (token == NULL || strncmp(token, ".skald_", 7) != 0 ||
        strncmp(token + 7, nats->instance, size) != 0 || token[7 + size] != '_')
        return 0;
    return strtoull(token + 7 + size + 1, NULL, 10);
}

void skald_nats_routes_receive(natsConnection *connection, natsSubscription *subscription,
                               natsMsg *message, void *closure)
{
    (void)connection;
    (void)subscription;
    skald_nats *nats = closure;
    const char *rest = NULL;
    uint64_t id = reply_read(nats, natsMsg_GetReply(message));
    if (id == 0)
        id = subject_read(nats, natsMsg_GetSubject(message), &rest);
    skald_nats_callbacks_lock(nats);
    const skald_nats_route *route = route_find(nats, id);
    if (route != NULL)
        route->receive(route->user, message, rest);
    skald_nats_callbacks_unlock(nats);
    natsMsg_Destroy(message);
}
