/* What the drivers' reports have in common. */
#ifndef EXAMPLES_FIGURES_H
#define EXAMPLES_FIGURES_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef struct percentiles {
    double p50_ms;
    double p99_ms;
} percentiles;

/* Sorts the values. All zero when there are none. */
percentiles percentiles_of(double *values, size_t count);

/* "agrees", or the same in capital letters when it does not. */
const char *figures_agrees(bool good);

/* Of the servers that the environment names; "unknown" where one does not say. */
typedef struct figures_versions {
    char postgresql[64];
    char nats[64];
} figures_versions;

void figures_find_versions(figures_versions *out);
void figures_print_versions(const figures_versions *versions, FILE *file);
json_t *figures_versions_json(const figures_versions *versions);

/* As text: not every reader of JSON has 64-bit numbers. */
json_t *figures_seed_json(uint64_t seed);

/* One object on one line. Takes it over. */
void figures_print_json(json_t *object, FILE *file);

#endif
