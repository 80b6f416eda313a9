/* What a service follows: names and handlers are checked and collected here, before the start. */
#include "service/service_inside.h"

#include <skald/participant.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

skald_status skald_mistake_keep(skald_service *service, const skald_error *error)
{
    if (service->mistake.status == SKALD_OK)
        service->mistake = *error;
    return error->status;
}

static skald_status follow_check(const skald_service *service, const char *stream,
                                 const skald_handler *handler, const skald_follow_options *options,
                                 skald_error *error)
{
    if (service->state != SKALD_SERVICE_OPEN)
        return skald_error_set(error, SKALD_INVALID, "skald_follow comes before the start");
    if (handler == NULL || handler->descriptor == NULL || handler->run == NULL)
        return skald_error_set(error, SKALD_INVALID, "skald_follow needs a handler");
    if (options->size != sizeof *options)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_follow_options.size is %zu, not %zu: use "
                               "SKALD_FOLLOW_OPTIONS_INIT",
                               options->size, sizeof *options);
    if ((unsigned)options->from > SKALD_FROM_TIME)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_follow_options.from is %d, which is none of SKALD_FROM_...",
                               (int)options->from);
    const bool stream_valid = options->foreign ? stream != NULL && stream[0] != '\0' &&
                                                     strlen(stream) < SKALD_FOLLOWER_NAME_SIZE &&
                                                     strpbrk(stream, ".*> \t\r\n\"\\{},") == NULL
                                               : skald_name_valid(stream);
    if (!stream_valid)
        return skald_error_set(error, SKALD_INVALID, "\"%.60s\" is not the name of a %s",
                               stream == NULL ? "NULL" : stream,
                               options->foreign ? "stream" : "service");
    if (options->name != NULL && !skald_name_valid(options->name))
        return skald_error_set(error, SKALD_INVALID, "\"%.60s\" is not a follower's name",
                               options->name);
    if (options->foreign_partitions > SKALD_PARTITIONS_MAX)
        return skald_error_set(
            error, SKALD_INVALID,
            "skald_follow_options.foreign_partitions is %u, at most %u are possible",
            options->foreign_partitions, SKALD_PARTITIONS_MAX);
    if (options->foreign_type != NULL && strlen(options->foreign_type) > SKALD_TYPE_SIZE_MAX)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_follow_options.foreign_type is too long");
    return SKALD_OK;
}

static skald_follower *follower_find(const skald_service *service, const char *name)
{
    skald_follower *follower = service->followers;
    while (follower != NULL && strcmp(follower->name, name) != 0)
        follower = follower->next;
    return follower;
}

static skald_status follower_new(skald_service *service, const char *name, const char *stream,
                                 const skald_follow_options *options, const skald_policy_plan *plan,
                                 skald_follower **out, skald_error *error)
{
    if (service->follower_count == SKALD_FOLLOWERS_MAX)
        return skald_error_set(error, SKALD_FULL, "a service has at most %d followers",
                               SKALD_FOLLOWERS_MAX);
    skald_follower *follower = calloc(1, sizeof *follower);
    if (follower == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a follower");
    snprintf(follower->name, sizeof follower->name, "%s", name);
    snprintf(follower->stream, sizeof follower->stream, "%s", stream);
    follower->options = *options;
    follower->options.name = follower->name;
    if (options->foreign_type != NULL) {
        snprintf(follower->foreign_type, sizeof follower->foreign_type, "%s",
                 options->foreign_type);
        follower->options.foreign_type = follower->foreign_type;
    }
    if (follower->options.foreign_partitions == 0)
        follower->options.foreign_partitions = SKALD_PARTITIONS_DEFAULT;
    follower->hub = &service->hub;
    follower->policy = options->policy != NULL ? &follower->plan : &service->hub.policy;
    follower->plan = *plan;
    /* In the order they were declared. */
    skald_follower **tail = &service->followers;
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = follower;
    service->follower_count++;
    *out = follower;
    return SKALD_OK;
}

skald_status skald_follower_declare(skald_follower **out, skald_service *service, const char *name,
                                    const char *stream, const skald_follow_options *options,
                                    skald_error *error)
{
    skald_policy_plan plan;
    skald_status status = skald_policy_take(&plan, options->policy, "skald_follow_options", error);
    if (status != SKALD_OK)
        return status;
    skald_follower *follower = follower_find(service, name);
    if (follower == NULL)
        status = follower_new(service, name, stream, options, &plan, &follower, error);
    else if (strcmp(follower->stream, stream) != 0)
        status = skald_error_set(error, SKALD_INVALID,
                                 "follower \"%s\" cannot follow both \"%s\" and \"%s\"", name,
                                 follower->stream, stream);
    if (status == SKALD_OK)
        *out = follower;
    return status;
}

/* Handlers of events and of commands are added in the same way. */
static skald_status handler_add(skald_service *service, const char *stream, skald_kind kind,
                                const skald_handler *handler, const skald_follow_options *options)
{
    static const skald_follow_options nothing = SKALD_FOLLOW_OPTIONS_INIT;
    if (service == NULL)
        return SKALD_INVALID;
    if (options == NULL)
        options = &nothing;
    skald_error error = {0};
    skald_status status = follow_check(service, stream, handler, options, &error);
    if (status != SKALD_OK)
        return skald_mistake_keep(service, &error);
    const char *name = options->name != NULL ? options->name : stream;
    skald_follower *follower = NULL;
    status = skald_follower_declare(&follower, service, name, stream, options, &error);
    if (status == SKALD_OK)
        status = skald_follower_add(follower, kind, handler, &error);
    return status == SKALD_OK ? SKALD_OK : skald_mistake_keep(service, &error);
}

skald_status skald_follow_with(skald_service *service, const char *stream,
                               const skald_handler *handler, const skald_follow_options *options)
{
    return handler_add(service, stream, SKALD_KIND_EVENT, handler, options);
}

skald_status skald_follow(skald_service *service, const char *stream, const skald_handler *handler)
{
    return skald_follow_with(service, stream, handler, NULL);
}

/* --- sagas ----------------------------------------------------------------------------------- */

/* Commands are addressed to the service, not to one of its followers: there is one for them. */
static skald_status participate_check(const skald_follow_options *options, skald_error *error)
{
    if (options == NULL || (options->name == NULL && !options->foreign))
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "skald_participate_with takes neither skald_follow_options.name nor "
                           "foreign: commands come from another service of Skald's, and to one "
                           "follower");
}

skald_status skald_participate_with(skald_service *service, const char *stream,
                                    const skald_handler *handler,
                                    const skald_follow_options *options)
{
    skald_error error = {0};
    if (service == NULL)
        return SKALD_INVALID;
    if (participate_check(options, &error) != SKALD_OK)
        return skald_mistake_keep(service, &error);
    return handler_add(service, stream, SKALD_KIND_COMMAND, handler, options);
}

skald_status skald_participate(skald_service *service, const char *stream,
                               const skald_handler *handler)
{
    return skald_participate_with(service, stream, handler, NULL);
}

static skald_status replies_check(const skald_service *service, const char *participant,
                                  skald_error *error)
{
    if (service->state != SKALD_SERVICE_OPEN)
        return skald_error_set(error, SKALD_INVALID, "skald_follow_replies comes before the start");
    if (!skald_name_valid(participant))
        return skald_error_set(error, SKALD_INVALID, "\"%.60s\" is not the name of a participant",
                               participant == NULL ? "NULL" : participant);
    return SKALD_OK;
}

skald_status skald_follow_replies(skald_service *service, const char *participant)
{
    static const skald_follow_options nothing = SKALD_FOLLOW_OPTIONS_INIT;
    skald_error error = {0};
    skald_policy_plan plan;
    if (service == NULL)
        return SKALD_INVALID;
    skald_status status = replies_check(service, participant, &error);
    if (status == SKALD_OK)
        status = skald_policy_take(&plan, NULL, "skald_follow_options", &error);
    skald_follower *follower = status == SKALD_OK ? follower_find(service, participant) : NULL;
    if (follower != NULL &&
        (strcmp(follower->stream, participant) != 0 || follower->options.foreign))
        status = skald_error_set(&error, SKALD_INVALID,
                                 "follower \"%s\" follows another stream, but replies of "
                                 "participant \"%s\" are read by the follower of its name",
                                 participant, participant);
    if (status == SKALD_OK && follower == NULL)
        status =
            follower_new(service, participant, participant, &nothing, &plan, &follower, &error);
    if (status != SKALD_OK)
        return skald_mistake_keep(service, &error);
    follower->replies = true;
    return SKALD_OK;
}
