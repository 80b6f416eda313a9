/* cnats' statuses in Skald's words. */
#include "nats/wire.h"

static skald_status status_of(natsStatus status)
{
    switch (status) {
    case NATS_OK:
        return SKALD_OK;
    case NATS_INVALID_ARG:
    case NATS_INVALID_SUBJECT:
    case NATS_INVALID_TIMEOUT:
        return SKALD_INVALID;
    case NATS_NOT_FOUND:
    case NATS_NO_RESPONDERS:
        return SKALD_NOT_FOUND;
    case NATS_MAX_PAYLOAD:
        return SKALD_FULL;
    case NATS_NO_MEMORY:
        return SKALD_NO_MEMORY;
    case NATS_ERR:
    case NATS_NOT_PERMITTED:
    case NATS_NOT_INITIALIZED:
    case NATS_NO_SERVER_SUPPORT:
        return SKALD_BROKER;
    default: /* closed, disconnected, timed out, write failed, reconnecting: all pass with time */
        return SKALD_UNAVAILABLE;
    }
}

skald_status skald_nats_failure(natsStatus status, skald_error *error, const char *what,
                                const char *object)
{
    return skald_error_set(error, status_of(status), "NATS: %s \"%s\": %s", what, object,
                           natsStatus_GetText(status));
}
