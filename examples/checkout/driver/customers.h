/* The customers: threads that place orders over HTTP, each order at its appointed time. */
#ifndef DRIVER_CUSTOMERS_H
#define DRIVER_CUSTOMERS_H

#include "driver/books.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct customers_plan {
    unsigned port;
    unsigned order_count;
    double rate;        /* orders per second */
    uint64_t seed;      /* decides who wants what */
    bool only_good;     /* no refused cards, nothing out of stock, nobody clicks twice */
    unsigned hold_from; /* this order and those after it wait at the door until customers_let_in;
                           0: nobody waits */
} customers_plan;

/* One order as the customer lived it. */
typedef struct customer_order {
    order_kind kind;
    unsigned sku;
    unsigned quantity;
    bool placed;
    char order_id[37];
    double wait_ms; /* from the moment the customer clicked to the answer */
} customer_order;

typedef struct demo_customers demo_customers;

/* Starts placing orders. NULL when memory or threads are exhausted. */
demo_customers *customers_start(const customers_plan *plan);

/* Opens the door for those who are held. */
void customers_let_in(demo_customers *customers);

/* How many orders were answered so far. */
unsigned customers_answered(const demo_customers *customers);

/* How often a customer who clicked twice got a second order; must stay 0. */
unsigned customers_cheated(const demo_customers *customers);

/* Waits for all of them. The orders are then complete and belong to `customers`. */
const customer_order *customers_join(demo_customers *customers);

/* Makes the customers go home; those in the middle of an order finish it. NULL is accepted. */
void customers_free(demo_customers *customers);

extern const char *const customers_skus[SKU_COUNT];

#endif
