/* What the endpoints were told, and whether it is what had to be told. Pure: whoever reads the
 * tables and the endpoints' ledgers (audit.c) brings the figures. */
#ifndef DRIVER_BOOKS_H
#define DRIVER_BOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ENDPOINTS 4u /* the last one is not there until the end */

extern const char *const books_endpoints[ENDPOINTS];

/* One event for one endpoint. */
typedef struct book_delivery {
    char id[37];
    unsigned endpoint;
    int64_t number;
    unsigned delivered; /* what the service noted */
    unsigned taken;     /* what the endpoint noted */
    unsigned repeated;  /* known by its key */
} book_delivery;

/* One request, as an endpoint noted it. */
typedef struct book_request {
    double at_ms;
    unsigned receiver; /* which process took it */
} book_request;

/* What happened while the endpoints were away. */
typedef struct book_outage {
    double seconds;
    int64_t waiting;  /* deliveries, when it ended */
    int64_t attempts; /* that failed */
    bool circuit_opened;
    bool circuit_closed; /* again, when they were back */
} book_outage;

typedef struct demo_books {
    book_delivery *deliveries; /* sorted by id */
    size_t delivery_count;
    book_request *requests; /* in the order of their time, for each receiver */
    size_t request_count;
    uint64_t events_placed;
    uint64_t disorder;  /* requests taken that were not the next of their endpoint */
    uint64_t strangers; /* requests that nobody had to make */
    uint64_t refused;   /* answered with 429 */
    int64_t last_number[ENDPOINTS];
    book_outage outage;
    int64_t dead;   /* when the 72 hours were over */
    int64_t behind; /* deliveries that waited behind the dead one */
} demo_books;

typedef struct demo_limits {
    uint64_t event_count;
    unsigned rate;
    unsigned burst;
} demo_limits;

typedef struct demo_verdict {
    uint64_t delivered;
    uint64_t lost;
    uint64_t doubled;
    uint64_t repeated;
    unsigned busiest_second; /* requests that one receiver got in any second */
    bool rate_ok;
    bool outage_ok;
    bool circuit_ok;
    bool dead_ok;
    bool order_ok;
    bool burst_ok; /* every event was taken in */
} demo_verdict;

void books_check(const demo_books *books, const demo_limits *limits, demo_verdict *out);

/* Everything is as it had to become. */
bool verdict_is_good(const demo_verdict *verdict);

/* The delivery with this id, or NULL. */
book_delivery *books_find(const demo_books *books, const char *id);
void books_sort(demo_books *books);

#endif
