/* The customers: threads that upload pictures over HTTP, each at its appointed time, and look at
 * what becomes of them. */
#ifndef DRIVER_CUSTOMERS_H
#define DRIVER_CUSTOMERS_H

#include "common/figures.h"
#include "driver/books.h"
#include "driver/options.h"

typedef struct demo_customers demo_customers;

/* Customers of the API on this port; they note everything in `books`, whose pictures are
 * options->picture_count. NULL when memory is exhausted. */
demo_customers *customers_open(demo_books *books, const demo_options *options, unsigned port);

/* Makes the customers go home. NULL is accepted. */
void customers_free(demo_customers *customers);

/* The pictures come in two bursts of one half each. Waits for the customers of the burst before,
 * and starts uploading, so many in a second. False when threads are exhausted. */
bool customers_burst(demo_customers *customers, unsigned burst, double rate);

/* Waits for all of them. How long they waited for the answer to an upload. */
percentiles customers_join(demo_customers *customers);

/* Gets every thumbnail and notes its checksum; false, with a line on stderr, when the API does not
 * answer. */
bool customers_collect(demo_books *books, unsigned port);

#endif
