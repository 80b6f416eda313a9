/* Opening, the pooler probe, and statements that are waited for. */
#include "pg/connection.h"
#include "pg/errors.h"
#include "pg/params.h"

#include <assert.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

struct skald_pg {
    PGconn *connection;
    bool pooled;
    const char *pinned; /* the text of the statement PINNED_NAME; NULL: there is none */
};

#define PINNED_NAME "skald_pinned"

static void notice_ignore(void *user, const PGresult *result)
{
    (void)user;
    (void)result;
}

static PGconn *connect_now(const char *database, const char *application)
{
    /* Later words win, so ours come before the user's string, but for the application's name: it is
     * how a successor finds the sessions of a process that is gone (leases/). */
    const char *const words[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                                 "keepalives_count", "tcp_user_timeout", "client_encoding",
                                 "dbname",           "application_name", NULL};
    const char *const values[] = {"10",   "5",      "2",         "3", "10000",
                                  "UTF8", database, application, NULL};
    return PQconnectdbParams(words, values, 1);
}

/* A transaction pooler answers with a process id of its own making at connect. */
static skald_status pooled_probe(skald_pg *pg, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(pg, &rows, error, "SELECT pg_backend_pid()");
    if (status != SKALD_OK)
        return status;
    pg->pooled = skald_rows_integer(rows, 0, 0) != PQbackendPID(pg->connection);
    skald_rows_free(rows);
    return SKALD_OK;
}

/* Is it a connection string or URI that libpq can read? A bare database name is one too. */
static skald_status database_check(const char *database, skald_error *error)
{
    if (database == NULL || (strchr(database, '=') == NULL && strstr(database, "://") == NULL))
        return SKALD_OK;
    char *reason = NULL;
    PQconninfoOption *parsed = PQconninfoParse(database, &reason);
    skald_status status = SKALD_OK;
    if (parsed == NULL)
        status = skald_error_set(error, SKALD_INVALID,
                                 "the database connection string cannot be read: %.200s",
                                 reason != NULL ? reason : "no memory");
    PQfreemem(reason);
    PQconninfoFree(parsed);
    return status;
}

skald_status skald_pg_open(skald_pg **out, const char *database, const char *application,
                           skald_error *error)
{
    skald_status status = database_check(database, error);
    if (status != SKALD_OK)
        return status;
    skald_pg *pg = calloc(1, sizeof *pg);
    if (pg == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a connection");
    pg->connection = connect_now(database, application);
    if (pg->connection == NULL) {
        status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for a connection");
        goto out;
    }
    if (PQstatus(pg->connection) != CONNECTION_OK) {
        status = skald_pg_error_of_connection(pg->connection, error);
        goto out;
    }
    PQsetNoticeReceiver(pg->connection, notice_ignore, NULL);
    status = pooled_probe(pg, error);

out:
    if (status == SKALD_OK)
        *out = pg;
    else
        skald_pg_close(pg);
    return status;
}

void skald_pg_close(skald_pg *pg)
{
    if (pg == NULL)
        return;
    PQfinish(pg->connection);
    free(pg);
}

bool skald_pg_alive(const skald_pg *pg)
{
    return PQstatus(pg->connection) == CONNECTION_OK;
}

bool skald_pg_pooled(const skald_pg *pg)
{
    return pg->pooled;
}

struct pg_conn *skald_pg_raw(skald_pg *pg)
{
    return pg->connection;
}

static skald_status answer_take(skald_pg *pg, PGresult *result, const char *sql, skald_rows **rows,
                                skald_error *error)
{
    const ExecStatusType outcome = PQresultStatus(result);
    if (outcome != PGRES_COMMAND_OK && outcome != PGRES_TUPLES_OK) {
        const skald_status status = skald_pg_error_of_result(pg->connection, result, sql, error);
        PQclear(result);
        return status;
    }
    if (rows != NULL)
        *rows = result;
    else
        PQclear(result);
    return SKALD_OK;
}

static skald_status run(skald_pg *pg, skald_rows **rows, int format, const char *sql, size_t count,
                        const skald_param *params, skald_error *error)
{
    skald_pg_params filled;
    const skald_status status = skald_pg_params_fill(&filled, count, params, error);
    if (status != SKALD_OK)
        return status;
    PGresult *result = PQexecParams(pg->connection, sql, filled.count, filled.types, filled.values,
                                    filled.lengths, filled.formats, format);
    return answer_take(pg, result, sql, rows, error);
}

skald_status skald_pg_run(skald_pg *pg, skald_rows **rows, const char *sql, size_t count,
                          const skald_param *params, skald_error *error)
{
    return run(pg, rows, 0, sql, count, params, error);
}

skald_status skald_pg_run_binary(skald_pg *pg, skald_rows **rows, const char *sql, size_t count,
                                 const skald_param *params, skald_error *error)
{
    return run(pg, rows, 1, sql, count, params, error);
}

/* Planning with the values known would look cheaper to PostgreSQL, and costs more than the reading.
 */
static skald_status pin(skald_pg *pg, const char *sql, skald_error *error)
{
    assert(pg->pinned == NULL && "one per connection");
    const skald_status status =
        skald_pg_script(pg,
                        "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
                        " SET enable_bitmapscan = off; SET enable_sort = off",
                        error);
    if (status != SKALD_OK)
        return status;
    PGresult *result = PQprepare(pg->connection, PINNED_NAME, sql, 0, NULL);
    const skald_status prepared = answer_take(pg, result, sql, NULL, error);
    if (prepared == SKALD_OK)
        pg->pinned = sql;
    return prepared;
}

skald_status skald_pg_run_pinned(skald_pg *pg, skald_rows **rows, const char *sql, size_t count,
                                 const skald_param *params, skald_error *error)
{
    if (pg->pooled)
        return run(pg, rows, 1, sql, count, params, error);
    skald_status status = pg->pinned == sql ? SKALD_OK : pin(pg, sql, error);
    skald_pg_params filled;
    if (status == SKALD_OK)
        status = skald_pg_params_fill(&filled, count, params, error);
    if (status != SKALD_OK)
        return status;
    PGresult *result = PQexecPrepared(pg->connection, PINNED_NAME, filled.count, filled.values,
                                      filled.lengths, filled.formats, 1);
    return answer_take(pg, result, sql, rows, error);
}

skald_status skald_pg_script(skald_pg *pg, const char *sql, skald_error *error)
{
    return answer_take(pg, PQexec(pg->connection, sql), NULL, NULL, error);
}
