/* How the NATS binding of CloudEvents writes any text with printable ASCII only. */
#ifndef SKALD_EVENT_PERCENT_H
#define SKALD_EVENT_PERCENT_H

#include "base/arena.h"

#include <skald/status.h>

/* `text` itself when nothing in it needs encoding, otherwise a copy in `arena`; NULL without
 * memory. */
const char *skald_percent_encode(const char *text, skald_arena *arena);

/* The other way, into `arena`: double-quoted parts are unquoted first, then one round of decoding.
 * SKALD_MALFORMED with *reason set to a constant text when a "%" is not followed by two hexadecimal
 * digits, a quote is left open, or the result is not UTF-8 or has a NUL inside; SKALD_NO_MEMORY. */
skald_status skald_percent_decode(const char **out, skald_bytes value, skald_arena *arena,
                                  const char **reason);

#endif
