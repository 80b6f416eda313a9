/* A few connections to a service's own database, lent to the threads that answer HTTP requests. */
#ifndef SHOP_POOL_H
#define SHOP_POOL_H

#include <libpq-fe.h>

typedef struct shop_pool shop_pool;

/* `conninfo` "" means libpq's PG* variables. Connections are made when they are first needed. NULL
 * only when memory is exhausted. */
shop_pool *pool_open(const char *conninfo, unsigned count);
void pool_free(shop_pool *pool);

/* Waits for a free connection. It may turn out to be broken: whoever uses it sees that in the first
 * answer. */
PGconn *pool_take(shop_pool *pool);

/* Gives it back; a broken one, or one left inside a transaction, is replaced when it is next taken.
 */
void pool_give(shop_pool *pool, PGconn *connection);

#endif
