/* What the person who runs the demo asks for. */
#ifndef DRIVER_OPTIONS_H
#define DRIVER_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct demo_options {
    unsigned order_count;
    double rate; /* orders per second */
    bool orchestrated;
    bool timeline;    /* one order's way is shown */
    unsigned chaos_s; /* how long services are killed; 0: not at all */
    uint64_t seed;
    long provider_latency_ms;
    long mail_latency_ms;
    const char
        *spoil; /* falsify "ledger", "stock", "mail" or "analytics" before the check, or NULL */
    bool json;
} demo_options;

/* Returns true when the demo is to run. Otherwise it said what there was to say, and `*code` is the
 * program's exit code. */
bool options_read(demo_options *out, int argc, char **argv, int *code);

#endif
