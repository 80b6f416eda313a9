/* A counter and a condition variable. */
#include "outbox/bell.h"
#include "base/clock.h"

void skald_bell_init(skald_bell *bell)
{
    *bell = (skald_bell){0};
    pthread_mutex_init(&bell->mutex, NULL);
    skald_clock_condition_init(&bell->condition);
}

void skald_bell_done(skald_bell *bell)
{
    pthread_cond_destroy(&bell->condition);
    pthread_mutex_destroy(&bell->mutex);
}

void skald_bell_ring(skald_bell *bell)
{
    pthread_mutex_lock(&bell->mutex);
    bell->rings++;
    pthread_cond_broadcast(&bell->condition);
    pthread_mutex_unlock(&bell->mutex);
}

bool skald_bell_wait(skald_bell *bell, uint64_t *heard, uint32_t wait_ms)
{
    const struct timespec deadline = skald_clock_deadline(wait_ms);
    pthread_mutex_lock(&bell->mutex);
    bool in_time = true;
    while (bell->rings == *heard && in_time)
        in_time = skald_clock_wait(&bell->condition, &bell->mutex, deadline);
    const bool rang = bell->rings != *heard;
    *heard = bell->rings;
    pthread_mutex_unlock(&bell->mutex);
    return rang;
}
