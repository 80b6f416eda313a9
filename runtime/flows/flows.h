/* What a service watches: its flows, and which of them an event belongs to. */
#ifndef SKALD_FLOWS_FLOWS_H
#define SKALD_FLOWS_FLOWS_H

#include "base/arena.h"
#include "base/log.h"

#include <skald/flow.h>
#include <skald/message.h>
#include <stdatomic.h>

enum { SKALD_FLOWS_MAX = 32 };

/* Zero-initialised is none. Filled before the service starts, and constant afterwards but for what
 * was said. */
typedef struct skald_flows {
    const skald_flow *list[SKALD_FLOWS_MAX];
    size_t count;
    /* Of which events it was said that they have no key. */
    atomic_bool said[SKALD_FLOWS_MAX][SKALD_FLOW_EVENTS_MAX];
} skald_flows;

/* Adds a flow, which the caller keeps alive. SKALD_INVALID with the first mistake in it, after all
 * of them were said in the log; SKALD_FULL. */
skald_status skald_flows_add(skald_flows *flows, const skald_flow *flow, skald_log *log,
                             skald_error *error);

/* Which key a message has as that event of that flow, in `arena` or borrowed from the message; NULL
 * when it has none or cannot be read, which is said once. SKALD_NO_MEMORY. */
skald_status skald_flows_key(skald_flows *flows, size_t flow, size_t event,
                             const skald_message *message, skald_arena *arena, skald_log *log,
                             const char **key, skald_error *error);

#endif
