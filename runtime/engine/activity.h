/* Activities of sagas, as jobs of their queue. */
#ifndef SKALD_ENGINE_ACTIVITY_H
#define SKALD_ENGINE_ACTIVITY_H

#include "engine/kinds.h"
#include "queues/queue.h"

/* The queue's options: each attempt is one job, and tried once. */
skald_queue_options skald_saga_queue_options(const skald_sagas *sagas);

extern const skald_queue_steps skald_saga_queue_steps;

/* Does any definition have one? */
bool skald_sagas_have_activities(const skald_sagas *sagas);

#endif
