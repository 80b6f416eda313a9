/* The user's own headers, kept as text: one "name: value\n" line each, in the order given, names
 * compared without case. This is how they stand in skald.outbox.headers. */
#ifndef SKALD_EVENT_HEADERS_H
#define SKALD_EVENT_HEADERS_H

#include "base/arena.h"

#include <skald/publish.h>
#include <skald/status.h>
#include <stdbool.h>

/* May a user give a header this name? False for everything that Skald, CloudEvents or the NATS
 * server reads itself (Nats-*, Skald-*, ce-*, Status, Description, Content-Type, traceparent,
 * tracestate) and for anything but letters, digits, "-" and "_". */
bool skald_header_name_valid(const char *name, size_t size);

/* Valid UTF-8 without control characters, no blank at either end. */
bool skald_header_value_valid(const char *value, size_t size);

/* `inherited` (NULL: none) with `headers` added and winning; NULL in *out when there are none.
 * SKALD_INVALID names the header that is wrong; SKALD_FULL above SKALD_HEADERS_SIZE_MAX;
 * SKALD_NO_MEMORY. */
skald_status skald_headers_merge(const char **out, const char *inherited,
                                 const skald_header *headers, size_t count, skald_arena *arena,
                                 skald_error *error);

/* One header's value, copied into `arena`; NULL when it is not there. */
const char *skald_headers_find(const char *headers, const char *name, skald_arena *arena);

/* Calls `visit` for every line; name and value are not NUL-terminated. Stops at and returns the
 * first status other than SKALD_OK. */
typedef skald_status skald_headers_visitor(void *user, const char *name, size_t name_size,
                                           const char *value, size_t value_size);
skald_status skald_headers_visit(const char *headers, skald_headers_visitor *visit, void *user);

#endif
