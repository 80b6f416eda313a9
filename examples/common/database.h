/* Databases as a demo's driver uses them: made before the services start, looked into while they
 * run, read when they have stopped. */
#ifndef EXAMPLES_DATABASE_H
#define EXAMPLES_DATABASE_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

/* A connection to the database of this name on the server that the PG* variables name; NULL, with a
 * line on stderr, when there is none. */
PGconn *database_connect(const char *name);

/* All of these say on stderr what PostgreSQL refused, and return false. */
bool database_create(const char *name);
bool database_run(PGconn *connection, const char *sql);
bool database_run_file(PGconn *connection, const char *path);

/* The rows that the query answers, to be cleared; NULL when it fails. */
PGresult *database_rows(PGconn *connection, const char *sql);

/* A field of them as a number. */
int64_t database_number_at(const PGresult *rows, int row, int column);

/* The one number that the query answers; -1 when it fails. */
int64_t database_number(PGconn *connection, const char *sql);

#endif
