/* Time. Deadlines of this process use the monotonic clock; leases use the database's and are not
 * here. */
#ifndef SKALD_BASE_CLOCK_H
#define SKALD_BASE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since some moment; never goes back. */
uint64_t skald_clock_ms(void);

/* Microseconds since 1970-01-01 UTC, by this machine's wall clock. */
int64_t skald_clock_wall_us(void);

/* `ms` from now on the monotonic clock, for skald_clock_wait. */
struct timespec skald_clock_deadline(uint64_t ms);

/* A condition variable whose waits use the monotonic clock. */
void skald_clock_condition_init(pthread_cond_t *condition);

/* Waits for `condition` until `deadline`; false when the deadline passed. */
bool skald_clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, struct timespec deadline);

/* Sleeps. Only for back-off between attempts, never to await a fact. */
void skald_clock_sleep_ms(uint64_t ms);

#endif
