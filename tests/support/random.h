/* Randomness that can be had again: the seed is printed, and SKALD_TEST_SEED sets it. */
#ifndef TEST_SUPPORT_RANDOM_H
#define TEST_SUPPORT_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

typedef struct test_random {
    uint64_t state;
} test_random;

/* A new seed for each run unless SKALD_TEST_SEED names one; prints which. */
test_random random_begin(void);

uint64_t random_next(test_random *random);

/* Evenly from 0 to count - 1; count is not 0. */
uint32_t random_below(test_random *random, uint32_t count);

/* True in `percent` of 100 cases. */
bool random_chance(test_random *random, uint32_t percent);

#endif
