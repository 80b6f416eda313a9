/* Trouble: services are killed without a word, and started again, while customers order. */
#ifndef DRIVER_CHAOS_H
#define DRIVER_CHAOS_H

#include "driver/shop.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef struct chaos_plan {
    unsigned seconds; /* how long it goes on */
    uint64_t seed;    /* decides who is killed when, and how long it stays away */
    FILE *talk;       /* where it is told */
} chaos_plan;

/* Every service but analytics may be hit, as by a power cut: with SIGKILL, and all it has started
 * with it. When it is over all of them run again; `*kills` counts how often one was hit. False, as
 * in shop.h, when one cannot be started or ends by itself. */
bool chaos_reign(demo_shop *shop, const chaos_plan *plan, unsigned *kills);

#endif
