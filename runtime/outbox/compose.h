/* From what a user wants to publish to the message that is stored: checks, defaults, inheritance.
 */
#ifndef SKALD_OUTBOX_COMPOSE_H
#define SKALD_OUTBOX_COMPOSE_H

#include "base/arena.h"

#include <skald/publish.h>

/* Fills `out` with an encoded `event` of a service that has `partitions` partitions. What `options`
 * (NULL: none) leaves open is taken from `parent`, the message in hand (NULL: none), or made. All
 * memory is from `arena` or borrowed from the arguments. SKALD_INVALID, SKALD_FULL and
 * SKALD_NO_MEMORY as skald_publish. */
skald_status skald_compose(skald_message *out, const ProtobufCMessage *event,
                           const skald_publish_options *options, const skald_message *parent,
                           uint32_t partitions, skald_arena *arena, skald_error *error);

/* Is it published later, and so written as a job (effects/enqueue.h) instead of an outbox row? For
 * options that skald_compose has accepted; NULL: none. */
bool skald_publish_waits(const skald_publish_options *options);

#endif
