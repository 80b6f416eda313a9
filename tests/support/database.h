/* Databases for tests, and one-line questions to them. A database is named by its connection
 * string, as skald_options.database and skald_pg_open take it. */
#ifndef TEST_SUPPORT_DATABASE_H
#define TEST_SUPPORT_DATABASE_H

#include <stdint.h>

/* A new database with Skald's schema, or without anything. The connection string lives until
 * servers_teardown. */
const char *database_new(void);
const char *database_new_empty(void);

/* Runs statements separated by ";". Fails the test when PostgreSQL refuses. */
void database_run(const char *database, const char *sql);

/* The first value of the first row: as text ("" for NULL or no row; valid for the next 7 calls), as
 * an integer (0 for NULL or no row). Fails the test when PostgreSQL refuses. */
const char *database_text(const char *database, const char *sql);
int64_t database_integer(const char *database, const char *sql);

/* Differs when any row of any table does; valid as database_text. */
const char *database_digest(const char *database);

/* Called by servers_teardown. */
void database_forget(void);

#endif
