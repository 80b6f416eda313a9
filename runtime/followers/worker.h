/* A worker: one thread with one connection, which runs the handlers of its lanes in batches. */
#ifndef SKALD_FOLLOWERS_WORKER_H
#define SKALD_FOLLOWERS_WORKER_H

#include "followers/hub.h"
#include "followers/lane.h"

#include <pthread.h>
#include <skald/status.h>

typedef struct skald_worker skald_worker;

/* Starts the thread. Lanes are added later. */
skald_status skald_worker_open(skald_worker **out, skald_hub *hub, skald_error *error);

/* Gives the worker a lane to work on. Any thread. */
void skald_worker_add(skald_worker *worker, skald_lane *lane);

/* Guards the lanes of this worker. */
void skald_worker_lock(skald_worker *worker);
void skald_worker_unlock(skald_worker *worker);

/* Tells the worker that a lane has changed; with the lock held. */
void skald_worker_wake(skald_worker *worker);

/* Asks the thread to end after the batch in hand. */
void skald_worker_stop(skald_worker *worker);

/* Waits until the thread has ended, `wait_ms` at most; false when a handler did not return. */
bool skald_worker_join(skald_worker *worker, uint64_t wait_ms);

/* Frees a joined worker. NULL is accepted. */
void skald_worker_close(skald_worker *worker);

#endif
