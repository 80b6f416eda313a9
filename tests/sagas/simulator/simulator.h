/* Runs one saga through the simulator. */
#ifndef TEST_SIMULATOR_SIMULATOR_H
#define TEST_SIMULATOR_SIMULATOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "machine.h"

typedef struct sim_result {
    const char *wrong; /* the promise that was broken, or NULL */
    uint8_t outcome;   /* skald_saga_phase */
    uint32_t event_count;
    uint32_t undo_count;
} sim_result;

/* The same seed tells the same story. With `story` it is written there as it happens. */
sim_result sim_run(uint64_t seed, FILE *story);

/* Every row of both tables that any run has taken so far, counted. */
extern uint64_t sim_rows[256];
extern uint64_t sim_saga_rows[256];

#endif
