/* What one process of a service leads: the relay and the keeper, as the leases know them. */
#include "service/service_inside.h"

static void relay_taken(void *user, uint32_t partition, int64_t epoch, int64_t position)
{
    (void)partition, (void)epoch, (void)position;
    skald_relay_lead(user, true);
}

static void relay_lost(void *user, uint32_t partition)
{
    (void)partition;
    skald_relay_lead(user, false);
}

static void keeper_taken(void *user, uint32_t partition, int64_t epoch, int64_t position)
{
    (void)partition, (void)epoch, (void)position;
    skald_keeper_lead(user, true);
}

static void keeper_lost(void *user, uint32_t partition)
{
    (void)partition;
    skald_keeper_lead(user, false);
}

void skald_duties_add(skald_service *service)
{
    const skald_duty relay = {
        .name = SKALD_RELAY_FOLLOWER,
        .partitions = 1,
        .user = service->relay,
        .taken = relay_taken,
        .lost = relay_lost,
    };
    const skald_duty keeper = {
        .name = SKALD_KEEPER_FOLLOWER,
        .partitions = 1,
        .user = service->keeper,
        .taken = keeper_taken,
        .lost = keeper_lost,
    };
    if (service->relay != NULL)
        skald_leases_add(service->leases, &relay);
    skald_leases_add(service->leases, &keeper);
}
