/* Reads the service's tables and the endpoints' ledgers. */
#ifndef DRIVER_AUDIT_H
#define DRIVER_AUDIT_H

#include "driver/books.h"
#include "driver/site.h"

/* Fills in what became of every delivery; free with audit_done. False, with a line on stderr, when
 * something cannot be read. */
bool audit_read(demo_books *books, const demo_site *site);
void audit_done(demo_books *books);

/* Falsifies one of the books, so that a person or a test can see the check fail. */
bool audit_spoil(const demo_site *site, const char *what);

#endif
