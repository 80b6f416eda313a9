/* What the person who runs the demo asks for. */
#ifndef DRIVER_OPTIONS_H
#define DRIVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct demo_options {
    unsigned event_count;
    unsigned rate; /* deliveries per second that the endpoints can take */
    long hour_ms;
    const char *spoil; /* falsify "ledger", "lost" or "order" before the check, or NULL */
    bool json;
} demo_options;

/* The burst is so many times what the endpoints can take. */
#define BURST_FACTOR 10u

/* Returns true when the demo is to run. Otherwise it said what there was to say, and `*code` is the
 * program's exit code. */
bool options_read(demo_options *out, int argc, char **argv, int *code);

#endif
