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
    percentiles answered; /* how long a customer waits for the answer to an upload */
    unsigned in_hand;     /* of the worker that was killed */
    double seconds;       /* from the first upload to the last thumbnail */
    figures_versions versions;
} demo_report;

bool report_is_good(const demo_report *report);
void report_print_table(const demo_report *report, FILE *file);
void report_print_json(const demo_report *report, FILE *file);

#endif
