/* What a service watches: flows, and the followers that read their streams; before the start. */
#include "base/clock.h"
#include "service/service_inside.h"

#include <skald/watch.h>
#include <stdio.h>
#include <string.h>

/* A dot is in no name that a user may give, so nobody's handlers get into it. */
#define NAME_BEGIN "flows."

/* Messages that come from now on: what began before would only be seen in half. */
static skald_status stream_watch(skald_service *service, const char *stream, skald_error *error)
{
    skald_follow_options options = SKALD_FOLLOW_OPTIONS_INIT;
    char name[SKALD_FOLLOWER_NAME_SIZE];
    skald_follower *follower = NULL;
    options.from = SKALD_FROM_TIME;
    options.from_time_us = skald_clock_wall_us();
    snprintf(name, sizeof name, NAME_BEGIN "%s", stream);
    const skald_status status =
        skald_follower_declare(&follower, service, name, stream, &options, error);
    if (status == SKALD_OK)
        follower->flows = &service->flows;
    return status;
}

static skald_status streams_watch(skald_service *service, const skald_flow *flow,
                                  skald_error *error)
{
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < flow->events.count && status == SKALD_OK; i++)
        status = stream_watch(service, flow->events.list[i].from, error);
    return status;
}

skald_status skald_watch(skald_service *service, const skald_flow *flow)
{
    if (service == NULL)
        return SKALD_INVALID;
    skald_error error = {0};
    skald_status status = SKALD_OK;
    if (service->state != SKALD_SERVICE_OPEN)
        status = skald_error_set(&error, SKALD_INVALID, "skald_watch comes before the start");
    else if (flow == NULL)
        status = skald_error_set(&error, SKALD_INVALID, "skald_watch needs a flow");
    if (status == SKALD_OK)
        status = skald_flows_add(&service->flows, flow, &service->log, &error);
    if (status == SKALD_OK)
        status = streams_watch(service, flow, &error);
    return status == SKALD_OK ? SKALD_OK : skald_mistake_keep(service, &error);
}
