/* What the demo says at its end: a short table for people, one JSON object for programs. */
#ifndef DRIVER_REPORT_H
#define DRIVER_REPORT_H

#include "common/figures.h"
#include "driver/books.h"
#include "driver/options.h"

#include <stdio.h>

typedef struct demo_report {
    const demo_options *options;
    demo_verdict verdict;
    unsigned placed;  /* orders that got a number */
    unsigned cheated; /* customers who clicked twice and got two orders */
    unsigned kills;   /* services that were killed */
    book_ways ways;
    percentiles ended;  /* from an order's row to the event that ended it */
    percentiles queued; /* how long a customer waits */
    percentiles chained;
    double email_away_ms;
    int64_t confirmed_meanwhile;
    int64_t backlog_max;
    double drain_ms;
    double seconds; /* from the first order to the last end */
    figures_versions versions;
} demo_report;

bool report_is_good(const demo_report *report);
void report_print_table(const demo_report *report, FILE *file);
void report_print_json(const demo_report *report, FILE *file);

#endif
