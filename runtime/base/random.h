/* Random bits, for jitter: not for secrets. */
#ifndef SKALD_BASE_RANDOM_H
#define SKALD_BASE_RANDOM_H

#include <stdint.h>

/* Any 64 of them. Never fails: without the kernel's they are made of the time. */
uint64_t skald_random_bits(void);

#endif
