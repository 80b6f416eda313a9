/* A few connections to a service's own database, lent to the threads that answer HTTP requests. */
#ifndef EXAMPLES_POOL_H
#define EXAMPLES_POOL_H

#include <libpq-fe.h>

typedef struct connection_pool connection_pool;

/* `conninfo` "" means libpq's PG* variables. Connections are made when they are first needed. NULL
 * only when memory is exhausted. */
connection_pool *pool_open(const char *conninfo, unsigned count);
void pool_free(connection_pool *pool);

/* Waits for a free connection. It may turn out to be broken: whoever uses it sees that in the first
 * answer. */
PGconn *pool_take(connection_pool *pool);

/* Gives it back; a broken one, or one left inside a transaction, is replaced when it is next taken.
 */
void pool_give(connection_pool *pool, PGconn *connection);

#endif
