/* One connection to PostgreSQL, used by one thread at a time. libpq is spoken to in this folder
 * only.
 *
 * Nothing here relies on session state that a transaction pooler would lose: statements are
 * prepared only when a probe at connect has shown that no pooler stands between. */
#ifndef SKALD_PG_CONNECTION_H
#define SKALD_PG_CONNECTION_H

#include "pg/rows.h"

#include <skald/param.h>
#include <skald/status.h>
#include <stdbool.h>

typedef struct skald_pg skald_pg;

/* Connects (10 s at most unless the connection string says otherwise), with keepalives and a TCP
 * user timeout, so that a silent peer is noticed. `database` is a libpq connection string or URI,
 * NULL for the PG* variables. `application` is shown in pg_stat_activity. SKALD_UNAVAILABLE,
 * SKALD_INVALID for a connection string that cannot be parsed. */
skald_status skald_pg_open(skald_pg **out, const char *database, const char *application,
                           skald_error *error);

/* NULL is accepted. */
void skald_pg_close(skald_pg *pg);

/* Is the connection still usable? False after it was lost: close it and open another. */
bool skald_pg_alive(const skald_pg *pg);

/* True when a pooler stands between, so that statements must not be prepared. */
bool skald_pg_pooled(const skald_pg *pg);

/* libpq's connection, for the public calls that hand it to users. */
struct pg_conn *skald_pg_raw(skald_pg *pg);

/* Runs one statement and waits. `rows` (NULL: not wanted) receives the answer in text format, to be
 * freed by the caller. Errors: SKALD_UNAVAILABLE (connection lost; the outcome of a statement
 * outside a transaction, or of COMMIT, is then unknown), SKALD_CONFLICT (40001, 40P01),
 * SKALD_FENCED (SK001), SKALD_TIMEOUT (57014, 55P03), SKALD_DATABASE with the SQLSTATE for the
 * rest. */
skald_status skald_pg_run(skald_pg *pg, skald_rows **rows, const char *sql, size_t count,
                          const skald_param *params, skald_error *error);

/* The same with the answer in binary format. */
skald_status skald_pg_run_binary(skald_pg *pg, skald_rows **rows, const char *sql, size_t count,
                                 const skald_param *params, skald_error *error);

/* The same for one question that is asked again and again: it is planned once per connection, and
 * made to walk an index in its order, because a plan made while a table was empty would stay bad
 * when it grows. One such question per connection, whose text lives as long as it; the connection
 * is not for statements that need other plans. Behind a pooler it is planned each time. */
skald_status skald_pg_run_pinned(skald_pg *pg, skald_rows **rows, const char *sql, size_t count,
                                 const skald_param *params, skald_error *error);

/* Runs several statements separated by ";", without parameters, in one implicit transaction. */
skald_status skald_pg_script(skald_pg *pg, const char *sql, skald_error *error);

/* skald_pg_do(pg, &rows, error, "SELECT $1", value): skald_pg_run with typed values. */
#define skald_pg_do(pg, rows, error, ...)                                                          \
    skald_pg_run_sql_((pg), (rows), (error), SKALD_SQL(__VA_ARGS__))
static inline skald_status skald_pg_run_sql_(skald_pg *pg, skald_rows **rows, skald_error *error,
                                             const char *sql, size_t count,
                                             const skald_param *params)
{
    return skald_pg_run(pg, rows, sql, count, params, error);
}

#endif
