/* The comparison, delivery by delivery and then over time. */
#include "driver/books.h"

#include <stdlib.h>
#include <string.h>

#define SECOND_MS 1000.0

/* Requests are begun at the rate and arrive a little later, some more so than others: what two
 * seconds share may be seen in one. */
#define JITTER 0.2

const char *const books_endpoints[ENDPOINTS] = {"ann", "bob", "cid", "dora"};

static void check_delivery(const book_delivery *delivery, demo_verdict *verdict)
{
    verdict->delivered += delivery->taken > 0 && delivery->delivered > 0;
    verdict->lost += delivery->taken == 0 || delivery->delivered == 0;
    verdict->doubled += delivery->taken > 1 ? delivery->taken - 1 : 0;
    verdict->doubled += delivery->delivered > 1 ? delivery->delivered - 1 : 0;
    verdict->repeated += delivery->repeated;
}

/* How many requests the receiver of number `first` got in the second that begins with it. */
static unsigned count_second(const demo_books *books, size_t first)
{
    unsigned count = 0;
    const book_request *begin = &books->requests[first];
    for (size_t i = first; i < books->request_count; i++) {
        const book_request *request = &books->requests[i];
        if (request->receiver != begin->receiver || request->at_ms - begin->at_ms >= SECOND_MS)
            break;
        count++;
    }
    return count;
}

static unsigned find_busiest_second(const demo_books *books)
{
    unsigned busiest = 0;
    for (size_t i = 0; i < books->request_count; i++) {
        const unsigned count = count_second(books, i);
        busiest = count > busiest ? count : busiest;
    }
    return busiest;
}

/* During the outage there was something to send all the time; yet hardly anybody tried. */
static bool held_back(const book_outage *outage, const demo_limits *limits)
{
    return outage->waiting > 0 && outage->attempts > 0 &&
           (double)outage->attempts < outage->seconds * limits->rate / 2 + limits->burst;
}

void books_check(const demo_books *books, const demo_limits *limits, demo_verdict *out)
{
    *out = (demo_verdict){0};
    for (size_t i = 0; i < books->delivery_count; i++)
        check_delivery(&books->deliveries[i], out);
    out->doubled += books->strangers;
    out->busiest_second = find_busiest_second(books);
    out->rate_ok = out->busiest_second > 0 &&
                   out->busiest_second <= (unsigned)((limits->rate + limits->burst) * (1 + JITTER));
    out->outage_ok = held_back(&books->outage, limits);
    out->circuit_ok = books->outage.circuit_opened && books->outage.circuit_closed;
    /* The first one is dead and holds the others, none of which was tried. */
    out->dead_ok = books->dead == 1 && books->behind == (int64_t)limits->event_count - 1;
    out->order_ok = books->disorder == 0;
    out->burst_ok = books->events_placed == limits->event_count &&
                    books->delivery_count == limits->event_count * ENDPOINTS;
}

bool verdict_is_good(const demo_verdict *verdict)
{
    return verdict->delivered > 0 && verdict->lost == 0 && verdict->doubled == 0 &&
           verdict->rate_ok && verdict->outage_ok && verdict->circuit_ok && verdict->dead_ok &&
           verdict->order_ok && verdict->burst_ok;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(((const book_delivery *)left)->id, ((const book_delivery *)right)->id);
}

book_delivery *books_find(const demo_books *books, const char *id)
{
    book_delivery wanted = {0};
    strncpy(wanted.id, id, sizeof(wanted.id) - 1);
    return bsearch(&wanted, books->deliveries, books->delivery_count, sizeof(wanted), compare_ids);
}

void books_sort(demo_books *books)
{
    qsort(books->deliveries, books->delivery_count, sizeof(books->deliveries[0]), compare_ids);
}
