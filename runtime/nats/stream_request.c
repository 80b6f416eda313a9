/* JetStream's refusals in Skald's words. */
#include "nats/stream_request.h"

skald_status skald_stream_connected(const skald_nats *nats, const char *stream, skald_error *error)
{
    if (skald_nats_connected(nats))
        return SKALD_OK;
    return skald_error_set(error, SKALD_UNAVAILABLE,
                           "NATS: not connected, so stream \"%s\" is out "
                           "of reach",
                           stream);
}

skald_status skald_stream_failure(natsStatus status, jsErrCode code, skald_error *error,
                                  const char *what, const char *stream)
{
    if (status == NATS_NO_RESPONDERS)
        return skald_error_set(error, SKALD_BROKER,
                               "NATS: cannot %s stream \"%s\": JetStream is not enabled", what,
                               stream);
    if (code == JSStreamNotFoundErr || code == JSNoMessageFoundErr)
        status = NATS_NOT_FOUND;
    if (status != NATS_ERR)
        return skald_nats_failure(status, error, what, stream);
    natsStatus last = NATS_OK;
    const char *text = nats_GetLastError(&last);
    return skald_error_set(error, SKALD_BROKER, "NATS: cannot %s stream \"%s\": %s (%d)", what,
                           stream, text != NULL ? text : "refused", (int)code);
}
