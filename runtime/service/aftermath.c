/* What a service does first when processes of it have crashed. */
#include "engine/engine.h"
#include "followers/suspects.h"
#include "leases/rows.h"
#include "queues/queues.h"
#include "service/service_inside.h"
#include "supervisor/supervised.h"

#include <stdlib.h>

enum { TRIES_MAX = 5 };

/* Others may work on the same rows meanwhile. */
static skald_status crash_note(skald_pg *pg, const skald_crash *crash, skald_error *error)
{
    skald_status status = SKALD_CONFLICT;
    for (int i = 0; i < TRIES_MAX && status == SKALD_CONFLICT; i++)
        status = crash->work.saga[0] != '\0' ? skald_engine_crash_note(pg, crash, error)
                 : crash->work.position != 0 ? skald_suspects_note(pg, crash, error)
                                             : skald_queue_crash_note(pg, crash, error);
    return status;
}

/* When the database is not there we cannot start anyhow, and try again. What it will not take (the
 * subscription is gone, say) must not keep the service from running. */
static skald_status crashes_note(skald_service *service, skald_pg *pg, skald_crash *crash,
                                 skald_error *error)
{
    while (skald_crash_next(crash)) {
        const skald_status status = crash_note(pg, crash, error);
        if (!skald_pg_alive(pg))
            return status;
        if (status != SKALD_OK)
            skald_log_say(
                &service->log, SKALD_LOG_ERROR, "CRASH-NOT-NOTED",
                "that \"%s\" of \"%s\" ended process %d by %s could not be written down: %s",
                crash->work.code, crash->work.subscription, (int)crash->pid, crash->signal,
                error->text);
        skald_crash_noted(crash);
    }
    return SKALD_OK;
}

/* The partitions of an ended process are free only when its crashes are known: else another process
 * might run into the same ones. */
static skald_status dead_note(skald_service *service, skald_pg *pg, skald_error *error)
{
    char id[SKALD_PROCESS_ID];
    bool any = false;
    while (skald_dead_next(id)) {
        skald_status status = skald_suspects_acquit(pg, id, error);
        if (status == SKALD_OK)
            status = skald_queue_crash_rest(pg, id, error);
        if (status == SKALD_OK)
            status = skald_process_expire(pg, id, error);
        if (status != SKALD_OK)
            return status;
        skald_dead_noted();
        any = true;
    }
    return any ? skald_process_bury(pg, service->name, service->options.lease_ms, error) : SKALD_OK;
}

skald_status skald_service_aftermath(skald_service *service, skald_pg *pg, skald_error *error)
{
    skald_crash *crash = calloc(1, sizeof *crash);
    if (crash == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for what has crashed");
    skald_status status = crashes_note(service, pg, crash, error);
    free(crash);
    if (status == SKALD_OK)
        status = dead_note(service, pg, error);
    return status;
}
