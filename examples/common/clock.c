/* CLOCK_MONOTONIC. */
#include "common/clock.h"

#include <errno.h>
#include <time.h>

double clock_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void clock_sleep_ms(long milliseconds)
{
    struct timespec left = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    while (nanosleep(&left, &left) != 0 && errno == EINTR)
        continue;
}

void clock_sleep_until_ms(double when_ms)
{
    const double seconds = when_ms / 1e3;
    const time_t whole = (time_t)seconds;
    const struct timespec due = {whole, (long)((seconds - (double)whole) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL) == EINTR)
        continue;
}
