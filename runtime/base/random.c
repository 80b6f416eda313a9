#include "base/random.h"
#include "base/clock.h"

#include <sys/random.h>

uint64_t skald_random_bits(void)
{
    uint64_t bits = 0;
    if (getrandom(&bits, sizeof bits, 0) != (ssize_t)sizeof bits)
        bits = (uint64_t)skald_clock_wall_us() * UINT64_C(0x9e3779b97f4a7c15);
    return bits;
}
