/* What everybody has in their books about the orders, and whether it agrees. Pure: whoever reads
 * the books (audit.c) brings the numbers. */
#ifndef DRIVER_BOOKS_H
#define DRIVER_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SKU_COUNT 9u /* the last one is never in stock */

/* What kind of customer placed an order; it decides how the order must end. */
typedef enum order_kind {
    ORDER_GOOD,
    ORDER_REFUSED_CARD,
    ORDER_OUT_OF_STOCK,
} order_kind;

typedef enum order_state {
    STATE_MISSING, /* the customer was told a number, and "orders" does not know it */
    STATE_CREATED,
    STATE_CONFIRMED,
    STATE_CANCELLED,
    STATE_PAYMENT_FAILED,
} order_state;

/* One order as the customer placed it, and what each service and the provider noted about it. */
typedef struct book_order {
    char id[37];
    order_kind kind;
    unsigned sku;
    int64_t quantity;
    order_state state;
    int64_t total_cents;
    double took_ms;   /* from created to ended, by the database's clock */
    unsigned endings; /* "orders": events that ended it */
    unsigned charges; /* "payments" */
    unsigned refusals;
    unsigned refunds;
    unsigned reservations; /* "inventory" */
    int64_t reserved;
    unsigned shipments;
    unsigned mails;        /* "email" */
    unsigned ledger_lines; /* the provider's ledger */
    int64_t charged_cents;
    int64_t refunded_cents;
} book_order;

/* How the orders went, as seen by whoever has an eye on each of them: sagas in an orchestrated
 * shop, instances of the declared flow in a choreographed one. */
typedef struct book_ways {
    int64_t well;  /* ended confirmed */
    int64_t badly; /* ended otherwise */
    int64_t open;
    int64_t owed; /* undos that are owed; events that are awaited */
} book_ways;

typedef struct demo_books {
    book_order *orders; /* sorted by id */
    size_t order_count;
    int64_t stock_initial[SKU_COUNT];
    int64_t stock_on_hand[SKU_COUNT];
    int64_t analytics_confirmed;
    int64_t analytics_confirmed_cents;
    int64_t analytics_cancelled;
    book_ways ways;
    uint64_t strangers; /* rows and lines about orders that nobody placed */
} demo_books;

typedef struct demo_verdict {
    uint64_t confirmed;
    uint64_t cancelled;
    uint64_t payment_failed;
    uint64_t wrong;   /* ended, but not as their kind must */
    uint64_t lost;    /* effects of events that should be there and are not */
    uint64_t doubled; /* effects that are there more than once, or that nobody caused */
    int64_t charged_cents;
    int64_t refunded_cents;
    bool money_ok;
    bool stock_ok;
    bool mail_ok;
    bool analytics_ok;
    bool ways_ok;
} demo_verdict;

void books_check(const demo_books *books, demo_verdict *out);

/* All ended as they must, and everybody's books agree. */
bool verdict_is_good(const demo_verdict *verdict);

/* The order with this id, or NULL. */
book_order *books_find(const demo_books *books, const char *id);
void books_sort(demo_books *books);

#endif
