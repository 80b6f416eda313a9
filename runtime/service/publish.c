/* Publishing from outside a handler, and the bell that follows the commit. */
#include "base/arena.h"
#include "effects/enqueue.h"
#include "outbox/compose.h"
#include "outbox/writer.h"
#include "service/service_inside.h"

#include <skald/publish.h>

enum { COMPOSE_MEMORY_MAX = 4 * 1024 * 1024 };

/* Until it is published it is a job; the keeper of this process looks for it sooner. */
static skald_status delayed_write(skald_service *service, struct pg_conn *connection,
                                  const skald_message *event, const skald_publish_options *options,
                                  skald_error *error)
{
    const skald_new_job job = skald_new_job_delayed(event, options);
    const skald_status status =
        skald_new_job_write_on(connection, service->name, &job, NULL, error);
    if (status == SKALD_OK)
        atomic_fetch_add(&service->hub.tally.delayed, 1);
    return status;
}

skald_status skald_publish_on(skald_service *service, struct pg_conn *connection,
                              const ProtobufCMessage *event, const skald_publish_options *options,
                              skald_error *error)
{
    if (service == NULL || service->hub.partitions == 0)
        return skald_error_set(
            error, SKALD_INVALID,
            "the service has not been started: publish after skald_service_start");
    skald_arena arena;
    skald_arena_init(&arena, COMPOSE_MEMORY_MAX);
    skald_message message;
    skald_status status =
        skald_compose(&message, event, options, NULL, service->hub.partitions, &arena, error);
    if (status == SKALD_OK && skald_publish_waits(options))
        status = delayed_write(service, connection, &message, options, error);
    else if (status == SKALD_OK)
        status = skald_outbox_write_on(connection, service->name, &message, error);
    skald_arena_done(&arena);
    return status;
}

void skald_ring(skald_service *service)
{
    if (service == NULL || service->state != SKALD_SERVICE_RUNNING)
        return;
    for (skald_follower *follower = service->followers; follower != NULL; follower = follower->next)
        skald_follower_ring(follower);
    skald_queues_ring(service->queues);
    skald_engine_ring(service->engine);
    skald_keeper_wake(service->keeper);
    if (service->relay == NULL)
        return;
    if (atomic_exchange(&service->hub.enqueued, false)) {
        skald_nats_ping(service->nats, service->queue_subject);
        skald_nats_ping(service->nats, service->sagas_subject);
    }
    if (skald_relay_leads(service->relay))
        skald_bell_ring(&service->bell);
    else
        skald_nats_ping(service->nats, service->bell_subject);
}
