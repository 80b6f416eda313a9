/* PgBouncer in transaction mode before the test's PostgreSQL: each transaction may get another
 * session, and nothing that belongs to a session survives. */
#ifndef TEST_SUPPORT_POOLER_H
#define TEST_SUPPORT_POOLER_H

/* The same database, reached through the pooler, which is started at the first call. The connection
 * string lives until servers_teardown. */
const char *pooler_of(const char *database);

/* Called by servers_teardown. */
void pooler_stop(void);

#endif
