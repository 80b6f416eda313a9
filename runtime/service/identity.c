/* Whose database is this? One service, one database, written down at the first start. */
#include "schema/schema.h"
#include "service/service_inside.h"

#include <string.h>

static skald_status owner_check(skald_service *service, const char *owner, uint32_t partitions,
                                skald_error *error)
{
    if (strcmp(owner, service->name) != 0)
        return skald_error_set(error, SKALD_SCHEMA,
                               "the database belongs to service \"%s\": give service \"%s\" a "
                               "database of its own",
                               owner, service->name);
    if (service->options.partitions != 0 && service->options.partitions != partitions)
        return skald_error_set(error, SKALD_INVALID,
                               "service \"%s\" began with %u partitions, which never changes; "
                               "skald_options.partitions says %u",
                               service->name, partitions, service->options.partitions);
    service->hub.partitions = partitions;
    return SKALD_OK;
}

static skald_status owner_claim(skald_service *service, skald_pg *pg, skald_error *error)
{
    const uint32_t partitions =
        service->options.partitions != 0 ? service->options.partitions : SKALD_PARTITIONS_DEFAULT;
    skald_rows *rows = NULL;
    skald_status status = skald_pg_do(pg, NULL, error,
                                      "INSERT INTO skald.service (name, partitions) VALUES ($1, $2)"
                                      " ON CONFLICT DO NOTHING",
                                      service->name, partitions);
    if (status == SKALD_OK)
        status = skald_pg_do(pg, &rows, error, "SELECT name, partitions FROM skald.service");
    if (status != SKALD_OK)
        return status;
    status = owner_check(service, skald_rows_text(rows, 0, 0),
                         (uint32_t)skald_rows_integer(rows, 0, 1), error);
    skald_rows_free(rows);
    return status;
}

/* The relay and the keeper are leased like followers, so they have rows like one. */
static skald_status leader_register(const skald_service *service, skald_pg *pg, const char *name,
                                    skald_error *error)
{
    const skald_status status =
        skald_pg_do(pg, NULL, error,
                    "INSERT INTO skald.follower (name, stream, partitions) VALUES ($1, $2, 1)"
                    " ON CONFLICT DO NOTHING",
                    name, service->name);
    if (status != SKALD_OK)
        return status;
    return skald_pg_do(
        pg, NULL, error,
        "INSERT INTO skald.position (follower, partition, position) VALUES ($1, 0, 0)"
        " ON CONFLICT DO NOTHING",
        name);
}

skald_status skald_identity_check(skald_service *service, skald_pg *pg, skald_error *error)
{
    skald_status status = skald_schema_verify(pg, &skald_migrations, error);
    if (status == SKALD_OK)
        status = skald_safety_check(pg, service->options.allow, error);
    if (status == SKALD_OK)
        status = owner_claim(service, pg, error);
    if (status == SKALD_OK)
        status = leader_register(service, pg, SKALD_RELAY_FOLLOWER, error);
    if (status == SKALD_OK)
        status = leader_register(service, pg, SKALD_KEEPER_FOLLOWER, error);
    if (status == SKALD_OK)
        status = skald_pg_do(pg, NULL, error, "SELECT skald.outbox_extend()");
    return status;
}
