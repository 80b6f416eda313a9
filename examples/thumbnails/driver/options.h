/* What the person who runs the demo asks for. */
#ifndef DRIVER_OPTIONS_H
#define DRIVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct demo_options {
    unsigned picture_count;
    double rate; /* uploads per second */
    unsigned threads;
    long delay_ms;
    uint64_t seed;
    const char *spoil; /* falsify "pixels", "twice" or "lost" before the check, or NULL */
    bool json;
} demo_options;

/* Returns true when the demo is to run. Otherwise it said what there was to say, and `*code` is the
 * program's exit code. */
bool options_read(demo_options *out, int argc, char **argv, int *code);

#endif
