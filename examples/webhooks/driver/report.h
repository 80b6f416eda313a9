/* What the demo says at its end: a short table for people, one JSON object for programs. */
#ifndef DRIVER_REPORT_H
#define DRIVER_REPORT_H

#include "common/figures.h"
#include "driver/books.h"
#include "driver/options.h"

#include <stdio.h>

typedef struct demo_report {
    const demo_options *options;
    const demo_books *books;
    demo_verdict verdict;
    percentiles answered; /* how long whoever tells of an event waits for the answer */
    unsigned burst;       /* how many may be begun at once */
    double burst_rate;    /* deliveries per second that came in */
    double seconds;       /* from the first event to the last delivery */
    figures_versions versions;
} demo_report;

bool report_is_good(const demo_report *report);
void report_print_table(const demo_report *report, FILE *file);
void report_print_json(const demo_report *report, FILE *file);

#endif
