/* Reads everybody's books: the services' tables and the provider's ledger. */
#ifndef DRIVER_AUDIT_H
#define DRIVER_AUDIT_H

#include "driver/books.h"
#include "driver/customers.h"
#include "driver/shop.h"

/* Fills `*out` with what became of the orders that customers got a number for; free with
 * audit_done. False, with a line on stderr, when something cannot be read. */
bool audit_read(demo_books *out, const demo_shop *shop, const customer_order *orders,
                size_t order_count);
void audit_done(demo_books *books);

/* How many orders somebody still has an eye on: sagas, or instances of the flow, that have not
 * ended; -1 when that cannot be read. */
int64_t audit_count_open(const demo_shop *shop);

/* Falsifies one of the books, so that a person or a test can see the check fail. */
bool audit_spoil(const demo_shop *shop, const char *what);

#endif
