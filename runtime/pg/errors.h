/* What PostgreSQL said, as a status and one sentence. */
#ifndef SKALD_PG_ERRORS_H
#define SKALD_PG_ERRORS_H

#include <libpq-fe.h>
#include <skald/status.h>

/* SQLSTATE raised by skald.advance when a partition has another owner (migrations/0001_bus.sql). */
#define SKALD_SQLSTATE_FENCED "SK001"

/* From a result that is an error, or NULL when libpq gave none; `sql` is named when it helps. */
skald_status skald_pg_error_of_result(const PGconn *connection, const PGresult *result,
                                      const char *sql, skald_error *error);

/* From a connection that could not be made or was lost. */
skald_status skald_pg_error_of_connection(const PGconn *connection, skald_error *error);

#endif
