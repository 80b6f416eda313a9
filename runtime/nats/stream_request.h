/* What stream.c and stream_find.c share: asking JetStream, and its refusals in Skald's words. */
#ifndef SKALD_NATS_STREAM_REQUEST_H
#define SKALD_NATS_STREAM_REQUEST_H

#include "nats/wire.h"

/* Call it first: cnats would wait until its timeout. */
skald_status skald_stream_connected(const skald_nats *nats, const char *stream, skald_error *error);

/* `code` is JetStream's, 0 where there is none. `what` is a verb: "look at". */
skald_status skald_stream_failure(natsStatus status, jsErrCode code, skald_error *error,
                                  const char *what, const char *stream);

#endif
