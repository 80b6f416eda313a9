/* Defaults, limits and copies. */
#include "service/service_inside.h"
#include "supervisor/supervisor.h"

#include <stdlib.h>
#include <string.h>

bool skald_name_valid(const char *name)
{
    if (name == NULL || name[0] < 'a' || name[0] > 'z')
        return false;
    const size_t size = strlen(name);
    return size <= SKALD_SERVICE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

bool skald_word_listed(const char *list, const char *word)
{
    const size_t size = strlen(word);
    while (list != NULL && *list != '\0') {
        list += strspn(list, " \t,");
        const size_t next = strcspn(list, " \t,");
        if (next == size && memcmp(list, word, size) == 0)
            return true;
        list += next;
    }
    return false;
}

static uint32_t or_default(uint32_t given, uint32_t otherwise)
{
    return given == 0 ? otherwise : given;
}

static skald_status limit_check(const char *what, uint32_t value, uint32_t min, uint32_t max,
                                skald_error *error)
{
    if (value >= min && value <= max)
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID, "skald_options.%s is %u, it must be %u to %u",
                           what, value, min, max);
}

static skald_status limits_check(const skald_options *options, skald_error *error)
{
    const struct {
        const char *what;
        uint32_t value, min, max;
    } limits[] = {
        {"partitions", or_default(options->partitions, 1), 1, SKALD_PARTITIONS_MAX},
        {"workers", options->workers, 1, SKALD_WORKERS_MAX},
        {"batch_max", options->batch_max, 1, SKALD_BATCH_MAX_MAX},
        {"lease_ms", options->lease_ms, SKALD_LEASE_MS_MIN, 3600000},
        {"drain_ms", options->drain_ms, 1, 3600000},
        {"alert_interval_ms", options->alert_interval_ms, 1, 7 * 24 * 3600000},
        {"processes", options->processes, 1, SKALD_SUPERVISE_PROCESSES_MAX},
        {"handler_ms", options->handler_ms, 1, 24 * 3600000},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        const skald_status status =
            limit_check(limits[i].what, limits[i].value, limits[i].min, limits[i].max, error);
        if (status != SKALD_OK)
            return status;
    }
    return SKALD_OK;
}

/* A copy of what is given, else of the environment variable, else NULL. */
static skald_status text_take(const char **out, const char *given, const char *variable,
                              skald_error *error)
{
    const char *text = given != NULL || variable == NULL ? given : getenv(variable);
    *out = NULL;
    if (text == NULL || (given == NULL && text[0] == '\0'))
        return SKALD_OK;
    *out = strdup(text);
    return *out != NULL ? SKALD_OK
                        : skald_error_set(error, SKALD_NO_MEMORY, "no memory for options");
}

skald_status skald_options_take(skald_options *out, const skald_options *given, skald_error *error)
{
    static const skald_options nothing = SKALD_OPTIONS_INIT;
    if (given == NULL)
        given = &nothing;
    if (given->size != sizeof *given)
        return skald_error_set(error, SKALD_INVALID,
                               "skald_options.size is %zu, not %zu: use SKALD_OPTIONS_INIT",
                               given->size, sizeof *given);
    *out = *given;
    out->workers = or_default(given->workers, SKALD_WORKERS_DEFAULT);
    out->batch_max = or_default(given->batch_max, SKALD_BATCH_MAX_DEFAULT);
    out->lease_ms = or_default(given->lease_ms, SKALD_LEASE_MS_DEFAULT);
    out->drain_ms = or_default(given->drain_ms, SKALD_DRAIN_MS_DEFAULT);
    out->alert_interval_ms = or_default(given->alert_interval_ms, SKALD_ALERT_INTERVAL_MS_DEFAULT);
    out->processes = or_default(given->processes, 1);
    out->handler_ms = or_default(given->handler_ms, SKALD_HANDLER_MS_DEFAULT);
    skald_status status = text_take(&out->database, given->database, NULL, error);
    if (status == SKALD_OK)
        status = text_take(&out->nats_url, given->nats_url, "NATS_URL", error);
    if (status == SKALD_OK)
        status = text_take(&out->allow, given->allow, "SKALD_ALLOW", error);
    if (status == SKALD_OK)
        status = text_take(&out->alert_command, given->alert_command, "SKALD_ALERT_COMMAND", error);
    return status == SKALD_OK ? limits_check(out, error) : status;
}

skald_status skald_policy_take(skald_policy_plan *out, const skald_policy *policy,
                               const char *where, skald_error *error)
{
    skald_error cause = {0};
    const skald_status status = skald_policy_compile(out, policy, &cause);
    return status == SKALD_OK ? SKALD_OK
                              : skald_error_set(error, status, "%s.%s", where, cause.text);
}

void skald_options_done(skald_options *options)
{
    free((void *)(uintptr_t)options->database);
    free((void *)(uintptr_t)options->nats_url);
    free((void *)(uintptr_t)options->allow);
    free((void *)(uintptr_t)options->alert_command);
}
