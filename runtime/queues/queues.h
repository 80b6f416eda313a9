/* The queues of one process: a dispatcher thread, which claims jobs and notes their ends, and
 * runner threads, which run the activities. */
#ifndef SKALD_QUEUES_QUEUES_H
#define SKALD_QUEUES_QUEUES_H

#include "followers/hub.h"
#include "queues/queue.h"
#include "supervisor/hand.h"

typedef struct skald_queues skald_queues;

/* Starts the threads. The queues, from `first` on, are borrowed, and their rows exist. */
skald_status skald_queues_open(skald_queues **out, skald_hub *hub, skald_work_queue *first,
                               skald_error *error);

/* Jobs may have been committed: look now. Any thread; NULL is accepted. */
void skald_queues_ring(skald_queues *queues);

/* Claims nothing more; activities are told by their heartbeat. NULL is accepted. */
void skald_queues_stop(skald_queues *queues);

/* Waits until all that was claimed has ended, `wait_ms` at most. False when an activity did not
 * return: its threads go on, and the queues must stay. NULL is accepted. */
bool skald_queues_join(skald_queues *queues, uint64_t wait_ms);

/* Frees what was joined. NULL is accepted. */
void skald_queues_close(skald_queues *queues);

/* A process ended with this job in hand: its attempt is kept with signal and backtrace, and it is
 * tried again at once; after too many such attempts whoever claims it declares it dead. A job that
 * somebody has dealt with already is left alone. */
skald_status skald_queue_crash_note(skald_pg *pg, const skald_crash *crash, skald_error *error);

/* What else that process had claimed was never begun: it waits again, as if it had not been
 * claimed. To be called when all crashes of the process are noted. */
skald_status skald_queue_crash_rest(skald_pg *pg, const char *process_id, skald_error *error);

#endif
