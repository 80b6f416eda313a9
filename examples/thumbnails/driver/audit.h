/* Reads the service's tables. */
#ifndef DRIVER_AUDIT_H
#define DRIVER_AUDIT_H

#include "driver/books.h"

#include <libpq-fe.h>

/* Adds to the books what the tables say; false, with a line on stderr, when they cannot be read. */
bool audit_read(demo_books *books, PGconn *database);

/* Falsifies the tables, so that a person or a test can see the check fail. */
bool audit_spoil(PGconn *database, const char *what);

#endif
