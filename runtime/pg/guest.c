/* Checks that a connection can take a statement now, and runs it. */
#include "pg/guest.h"
#include "pg/errors.h"
#include "pg/params.h"
#include "pg/rows.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <string.h>

/* Texts are UTF-8. With another client encoding PostgreSQL would take them for something else and
 * store a key that is not the one its partition was made of. */
static bool encoding_fits(const PGconn *connection)
{
    const char *encoding = PQparameterStatus(connection, "client_encoding");
    return encoding == NULL || strcmp(encoding, "UTF8") == 0 || strcmp(encoding, "SQL_ASCII") == 0;
}

static skald_status ready_check(const PGconn *connection, skald_error *error)
{
    if (connection == NULL)
        return skald_error_set(error, SKALD_INVALID, "the connection is NULL");
    if (PQstatus(connection) != CONNECTION_OK)
        return skald_pg_error_of_connection(connection, error);
    if (PQpipelineStatus(connection) != PQ_PIPELINE_OFF)
        return skald_error_set(error, SKALD_INVALID,
                               "the connection is in pipeline mode; leave it before publishing");
    if (!encoding_fits(connection))
        return skald_error_set(error, SKALD_INVALID,
                               "the connection's client_encoding is %s; set it to UTF8",
                               PQparameterStatus(connection, "client_encoding"));
    switch (PQtransactionStatus(connection)) {
    case PQTRANS_INERROR:
        return skald_error_set(error, SKALD_INVALID,
                               "the transaction has failed already; roll it back and begin again");
    case PQTRANS_ACTIVE:
        return skald_error_set(
            error, SKALD_INVALID,
            "the connection is busy with another statement; read its results first");
    default:
        return SKALD_OK;
    }
}

/* Binary answers, so that bytes need not be decoded and a text is the same in both formats. */
skald_status skald_pg_guest_query(struct pg_conn *connection, skald_rows **rows, const char *sql,
                                  size_t count, const skald_param *params, skald_error *error)
{
    skald_status status = ready_check(connection, error);
    if (status != SKALD_OK)
        return status;
    skald_pg_params filled;
    status = skald_pg_params_fill(&filled, count, params, error);
    if (status != SKALD_OK)
        return status;
    PGresult *result = PQexecParams(connection, sql, filled.count, filled.types, filled.values,
                                    filled.lengths, filled.formats, 1);
    const ExecStatusType outcome = PQresultStatus(result);
    if (outcome == PGRES_COMMAND_OK || outcome == PGRES_TUPLES_OK) {
        *rows = result;
        return SKALD_OK;
    }
    status = skald_pg_error_of_result(connection, result, NULL, error);
    PQclear(result);
    return status;
}

skald_status skald_pg_guest_run(struct pg_conn *connection, uint64_t *touched, const char *sql,
                                size_t count, const skald_param *params, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_guest_query(connection, &rows, sql, count, params, error);
    if (status == SKALD_OK)
        *touched = skald_rows_touched(rows);
    skald_rows_free(rows);
    return status;
}
