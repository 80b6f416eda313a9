/* A stack of connections under one lock. */
#include "common/pool.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct connection_pool {
    pthread_mutex_t mutex;
    pthread_cond_t given;
    char *conninfo;
    unsigned count; /* of all connections */
    unsigned free_count;
    PGconn *free[]; /* NULL: not connected yet */
};

connection_pool *pool_open(const char *conninfo, unsigned count)
{
    connection_pool *made = calloc(1, sizeof(*made) + count * sizeof(PGconn *));
    char *copy = strdup(conninfo);
    if (made == NULL || copy == NULL) {
        free(made);
        free(copy);
        return NULL;
    }
    made->conninfo = copy;
    made->count = count;
    made->free_count = count;
    pthread_mutex_init(&made->mutex, NULL);
    pthread_cond_init(&made->given, NULL);
    return made;
}

void pool_free(connection_pool *pool)
{
    if (pool == NULL)
        return;
    assert(pool->free_count == pool->count);
    for (unsigned i = 0; i < pool->count; i++)
        PQfinish(pool->free[i]);
    pthread_cond_destroy(&pool->given);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->conninfo);
    free(pool);
}

PGconn *pool_take(connection_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    while (pool->free_count == 0)
        pthread_cond_wait(&pool->given, &pool->mutex);
    PGconn *connection = pool->free[--pool->free_count];
    pthread_mutex_unlock(&pool->mutex);
    return connection != NULL ? connection : PQconnectdb(pool->conninfo);
}

void pool_give(connection_pool *pool, PGconn *connection)
{
    if (PQtransactionStatus(connection) != PQTRANS_IDLE) {
        PQfinish(connection);
        connection = NULL;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->free[pool->free_count++] = connection;
    pthread_cond_signal(&pool->given);
    pthread_mutex_unlock(&pool->mutex);
}
