/* One statement on a connection that belongs to the user: nothing about it is changed. */
#ifndef SKALD_PG_GUEST_H
#define SKALD_PG_GUEST_H

#include "pg/rows.h"

#include <skald/param.h>
#include <skald/status.h>

struct pg_conn;

/* Runs `sql` in whatever transaction is open and tells how many rows it touched. SKALD_INVALID when
 * the connection is NULL, in pipeline mode, not in UTF-8, busy with another statement, or in a
 * transaction that has failed already; other statuses as skald_pg_run. */
skald_status skald_pg_guest_run(struct pg_conn *connection, uint64_t *touched, const char *sql,
                                size_t count, const skald_param *params, skald_error *error);

/* The same with the rows it answers, in binary format, to be freed by the caller. */
skald_status skald_pg_guest_query(struct pg_conn *connection, skald_rows **rows, const char *sql,
                                  size_t count, const skald_param *params, skald_error *error);

#endif
