/* Number i is due at start + i / rate. */
#include "common/crowd.h"

#include "common/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define THREADS 32u

struct demo_crowd {
    crowd_plan plan;
    double start_ms;
    pthread_t threads[THREADS];
    unsigned thread_count;
    atomic_uint next;
    atomic_uint done;
    atomic_bool stopped;
};

static void *live(void *argument)
{
    demo_crowd *crowd = argument;
    http_client *client = http_client_open(crowd->plan.port);
    while (client != NULL && !crowd_stopped(crowd)) {
        const unsigned index = atomic_fetch_add(&crowd->next, 1);
        if (index >= crowd->plan.count)
            break;
        const double due_ms = crowd->start_ms + (double)index / crowd->plan.rate * 1e3;
        clock_sleep_until_ms(due_ms);
        crowd->plan.act(crowd->plan.user, client, index, due_ms);
        atomic_fetch_add(&crowd->done, 1);
    }
    http_client_free(client);
    return NULL;
}

/* The threads must not be the ones to receive the signals that end the demo. */
static void start_threads(demo_crowd *crowd)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (crowd->thread_count < THREADS &&
           pthread_create(&crowd->threads[crowd->thread_count], NULL, live, crowd) == 0)
        crowd->thread_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

demo_crowd *crowd_start(const crowd_plan *plan)
{
    demo_crowd *made = calloc(1, sizeof(*made));
    if (made == NULL)
        return NULL;
    made->plan = *plan;
    made->start_ms = clock_now_ms();
    start_threads(made);
    if (made->thread_count > 0)
        return made;
    free(made);
    return NULL;
}

unsigned crowd_done(const demo_crowd *crowd)
{
    return atomic_load(&crowd->done);
}

void crowd_stop(demo_crowd *crowd)
{
    atomic_store(&crowd->stopped, true);
}

bool crowd_stopped(const demo_crowd *crowd)
{
    return atomic_load(&crowd->stopped);
}

void crowd_join(demo_crowd *crowd)
{
    while (crowd->thread_count > 0)
        pthread_join(crowd->threads[--crowd->thread_count], NULL);
}

void crowd_free(demo_crowd *crowd)
{
    if (crowd == NULL)
        return;
    crowd_stop(crowd);
    crowd_join(crowd);
    free(crowd);
}
