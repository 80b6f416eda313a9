/* Thin names over clock_gettime and the condition variable's clock. */
#include "base/clock.h"

#include <assert.h>
#include <errno.h>

static struct timespec now(clockid_t clock)
{
    struct timespec time;
    const int failed = clock_gettime(clock, &time);
    assert(failed == 0);
    (void)failed;
    return time;
}

uint64_t skald_clock_ms(void)
{
    const struct timespec time = now(CLOCK_MONOTONIC);
    return (uint64_t)time.tv_sec * 1000u + (uint64_t)time.tv_nsec / 1000000u;
}

int64_t skald_clock_wall_us(void)
{
    const struct timespec time = now(CLOCK_REALTIME);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

struct timespec skald_clock_deadline(uint64_t ms)
{
    struct timespec time = now(CLOCK_MONOTONIC);
    time.tv_sec += (time_t)(ms / 1000u);
    time.tv_nsec += (long)(ms % 1000u) * 1000000L;
    if (time.tv_nsec >= 1000000000L) {
        time.tv_sec += 1;
        time.tv_nsec -= 1000000000L;
    }
    return time;
}

void skald_clock_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

bool skald_clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, struct timespec deadline)
{
    return pthread_cond_timedwait(condition, mutex, &deadline) != ETIMEDOUT;
}

void skald_clock_sleep_ms(uint64_t ms)
{
    struct timespec left = {.tv_sec = (time_t)(ms / 1000u),
                            .tv_nsec = (long)(ms % 1000u) * 1000000L};
    while (nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
}
