/* splitmix64: small, and good enough to choose cases. */
#include "support/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

test_random random_begin(void)
{
    const char *wanted = getenv("SKALD_TEST_SEED");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    const uint64_t made =
        (uint64_t)now.tv_sec * 1000003u + (uint64_t)now.tv_nsec + (uint64_t)getpid();
    const uint64_t seed = wanted != NULL ? strtoull(wanted, NULL, 10) : made;
    printf("seed: SKALD_TEST_SEED=%llu\n", (unsigned long long)seed);
    fflush(stdout);
    return (test_random){seed};
}

uint64_t random_next(test_random *random)
{
    random->state += 0x9E3779B97F4A7C15u;
    uint64_t mixed = random->state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9u;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBu;
    return mixed ^ (mixed >> 31);
}

uint32_t random_below(test_random *random, uint32_t count)
{
    return (uint32_t)(((random_next(random) >> 32) * count) >> 32);
}

bool random_chance(test_random *random, uint32_t percent)
{
    return random_below(random, 100) < percent;
}
