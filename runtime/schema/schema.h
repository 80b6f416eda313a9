/* The schema "skald" in a service's database: what is there, what this program needs, and the way
 * from the one to the other. Every function takes the migrations it works with; that is
 * &skald_migrations everywhere but in tests. */
#ifndef SKALD_SCHEMA_SCHEMA_H
#define SKALD_SCHEMA_SCHEMA_H

#include "pg/connection.h"
#include "schema/migrations.h"

#include <stdbool.h>
#include <stdio.h>

#define SKALD_MIGRATIONS_MAX 256u

typedef enum skald_migration_state {
    SKALD_MIGRATION_APPLIED,
    SKALD_MIGRATION_PENDING,
    SKALD_MIGRATION_CHANGED, /* applied, but with another text than this program's */
    SKALD_MIGRATION_UNKNOWN, /* applied by a newer program; this one does not have it */
} skald_migration_state;

typedef struct skald_migration_entry {
    uint32_t number;
    skald_migration_state state;
    char name[64];
    char applied_at[40]; /* RFC 3339, UTC; empty when pending */
} skald_migration_entry;

/* "applied", "pending", "changed", "unknown". */
const char *skald_migration_state_name(skald_migration_state state);

/* Called after each migration that was applied and committed. */
typedef void skald_schema_applied_function(void *user, const skald_migration *migration);

/* Applies what is pending, each migration in a transaction of its own. Any number of programs may
 * do so at once: each transaction takes a lock that also works through a transaction pooler, and
 * reads under it what is still missing. SKALD_SCHEMA when the database holds migrations that are
 * changed or unknown: nothing more is applied then. `on_applied` may be NULL. */
skald_status skald_schema_migrate(skald_pg *pg, const skald_migration_set *set,
                                  skald_schema_applied_function *on_applied, void *user,
                                  skald_error *error);

/* Lists applied and pending migrations by number into `entries`, which has room for
 * SKALD_MIGRATIONS_MAX. SKALD_FULL when there are more. */
skald_status skald_schema_list(skald_pg *pg, const skald_migration_set *set,
                               skald_migration_entry *entries, size_t *count, skald_error *error);

/* Answers SKALD_OK when the database has exactly these migrations, otherwise SKALD_SCHEMA and one
 * sentence: the database, what is found, what is needed, and the command to run. */
skald_status skald_schema_verify(skald_pg *pg, const skald_migration_set *set, skald_error *error);

/* Prints migrations `from` to `to` as SQL that can be run by any tool and records itself as
 * skald_schema_migrate would; with `down` the way back, from the last to the first. */
void skald_schema_print(const skald_migration_set *set, uint32_t from, uint32_t to, bool down,
                        FILE *out);

#endif
