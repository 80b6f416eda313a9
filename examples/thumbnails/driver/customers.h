/* The customers: threads that upload pictures over HTTP, each at its appointed time, and look at
 * what becomes of them. */
#ifndef DRIVER_CUSTOMERS_H
#define DRIVER_CUSTOMERS_H

#include "common/figures.h"
#include "driver/books.h"
#include "driver/options.h"

typedef struct demo_customers demo_customers;

/* Starts uploading to the API on this port; notes everything in `books`, whose pictures are
 * options->picture_count. NULL when memory or threads are exhausted. */
demo_customers *customers_start(demo_books *books, const demo_options *options, unsigned port);

/* How many pictures were taken in so far. */
unsigned customers_answered(const demo_customers *customers);

/* Waits for all of them. How long they waited for the answer to an upload. */
percentiles customers_join(demo_customers *customers);

/* Gets every thumbnail and notes its checksum; false, with a line on stderr, when the API does not
 * answer. */
bool customers_collect(demo_books *books, unsigned port);

/* Makes the customers go home. NULL is accepted. */
void customers_free(demo_customers *customers);

#endif
