/* Applying, listing and checking migrations. What a migration contains is in migrations/; how it
 * gets into the program is in runtime/cmake/EmbedMigrations.cmake. */
#include "schema/schema.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Where it is written what was applied. The first migration runs when this is there already. */
#define TABLE_SQL                                                                                  \
    "CREATE SCHEMA IF NOT EXISTS skald;\n"                                                         \
    "CREATE TABLE IF NOT EXISTS skald.migration (\n"                                               \
    "    number      integer     PRIMARY KEY,\n"                                                   \
    "    name        text        NOT NULL,\n"                                                      \
    "    checksum    text        NOT NULL,\n"                                                      \
    "    applied_at  timestamptz NOT NULL DEFAULT clock_timestamp()\n"                             \
    ");\n"                                                                                         \
    "COMMENT ON TABLE skald.migration IS\n"                                                        \
    "    'Which migrations made this schema; written by skald migrate up.';\n"

typedef struct applied_list {
    const skald_migration_set *set;
    skald_migration_entry *entries;
    size_t count;
} applied_list;

const char *skald_migration_state_name(skald_migration_state state)
{
    static const char *const names[] = {"applied", "pending", "changed", "unknown"};
    return (size_t)state < sizeof names / sizeof *names ? names[state] : "?";
}

static void name_database(skald_pg *pg, char *name, size_t size)
{
    skald_rows *rows = NULL;
    const bool known = skald_pg_do(pg, &rows, NULL, "SELECT current_database()") == SKALD_OK;
    snprintf(name, size, "%s", known ? skald_rows_text(rows, 0, 0) : "?");
    skald_rows_free(rows);
}

static skald_status table_exists(skald_pg *pg, bool *exists, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(pg, &rows, error, "SELECT to_regclass('skald.migration') IS NOT NULL");
    if (status == SKALD_OK)
        *exists = skald_rows_boolean(rows, 0, 0);
    skald_rows_free(rows);
    return status;
}

static skald_migration_state compare(const skald_migration_set *set, int64_t number,
                                     const char *checksum)
{
    if (number < 1 || number > (int64_t)set->count)
        return SKALD_MIGRATION_UNKNOWN;
    return strcmp(set->items[number - 1].checksum, checksum) == 0 ? SKALD_MIGRATION_APPLIED
                                                                  : SKALD_MIGRATION_CHANGED;
}

static void take_row(const skald_migration_set *set, const skald_rows *rows, uint32_t row,
                     skald_migration_entry *entry)
{
    const int64_t number = skald_rows_integer(rows, row, 0);
    entry->number = (uint32_t)number;
    snprintf(entry->name, sizeof entry->name, "%s", skald_rows_text(rows, row, 1));
    entry->state = compare(set, number, skald_rows_text(rows, row, 2));
    snprintf(entry->applied_at, sizeof entry->applied_at, "%s", skald_rows_text(rows, row, 3));
}

static void add_pending(applied_list *list, const skald_migration *migration)
{
    skald_migration_entry *entry = &list->entries[list->count++];
    *entry = (skald_migration_entry){.number = migration->number, .state = SKALD_MIGRATION_PENDING};
    snprintf(entry->name, sizeof entry->name, "%s", migration->name);
}

static bool is_applied(const skald_rows *rows, uint32_t number)
{
    for (uint32_t row = 0; row < skald_rows_count(rows); row++)
        if (skald_rows_integer(rows, row, 0) == (int64_t)number)
            return true;
    return false;
}

/* Rows come by number, and so do migrations: what is applied first, then what is not. */
static skald_status merge(applied_list *list, const skald_rows *rows, skald_error *error)
{
    const uint32_t applied = rows != NULL ? skald_rows_count(rows) : 0;
    if (applied + list->set->count > SKALD_MIGRATIONS_MAX)
        return skald_error_set(error, SKALD_FULL, "more than %u migrations", SKALD_MIGRATIONS_MAX);
    for (uint32_t row = 0; row < applied; row++)
        take_row(list->set, rows, row, &list->entries[list->count++]);
    for (size_t i = 0; i < list->set->count; i++)
        if (rows == NULL || !is_applied(rows, list->set->items[i].number))
            add_pending(list, &list->set->items[i]);
    return SKALD_OK;
}

skald_status skald_schema_list(skald_pg *pg, const skald_migration_set *set,
                               skald_migration_entry *entries, size_t *count, skald_error *error)
{
    applied_list list = {.set = set, .entries = entries};
    skald_rows *rows = NULL;
    bool exists = false;
    skald_status status = table_exists(pg, &exists, error);
    if (status == SKALD_OK && exists)
        status = skald_pg_do(
            pg, &rows, error,
            "SELECT number, name, checksum,"
            "       to_char(applied_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
            "  FROM skald.migration ORDER BY number");
    if (status == SKALD_OK)
        status = merge(&list, rows, error);
    if (status == SKALD_OK)
        *count = list.count;
    skald_rows_free(rows);
    return status;
}

static size_t count_state(const skald_migration_entry *entries, size_t count,
                          skald_migration_state state)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += entries[i].state == state;
    return found;
}

static const skald_migration_entry *find_state(const skald_migration_entry *entries, size_t count,
                                               skald_migration_state state)
{
    for (size_t i = 0; i < count; i++)
        if (entries[i].state == state)
            return &entries[i];
    return NULL;
}

static skald_status refuse_changed(skald_pg *pg, const skald_migration_entry *entry,
                                   skald_error *error)
{
    char database[64];
    name_database(pg, database, sizeof database);
    return skald_error_set(error, SKALD_SCHEMA,
                           "database \"%s\" has migration %u \"%s\" with another text than this "
                           "program needs: use the program that made it, or another database",
                           database, entry->number, entry->name);
}

static skald_status refuse_unknown(skald_pg *pg, const skald_migration_set *set,
                                   const skald_migration_entry *entry, skald_error *error)
{
    char database[64];
    name_database(pg, database, sizeof database);
    return skald_error_set(error, SKALD_SCHEMA,
                           "database \"%s\" has migration %u \"%s\" of a newer program, this one "
                           "ends at %zu: run the newer one",
                           database, entry->number, entry->name, set->count);
}

static skald_status refuse_missing(skald_pg *pg, const skald_migration_set *set, size_t missing,
                                   skald_error *error)
{
    char database[64];
    name_database(pg, database, sizeof database);
    if (missing == set->count)
        return skald_error_set(error, SKALD_SCHEMA,
                               "database \"%s\" has no Skald schema: run \"skald migrate up\" with "
                               "the same PG* settings",
                               database);
    return skald_error_set(error, SKALD_SCHEMA,
                           "database \"%s\" has %zu of the %zu migrations this program needs: run "
                           "\"skald migrate up\" with the same PG* settings",
                           database, set->count - missing, set->count);
}

static skald_status refuse_foreign(skald_pg *pg, const skald_migration_set *set,
                                   const skald_migration_entry *entries, size_t count,
                                   skald_error *error)
{
    const skald_migration_entry *changed = find_state(entries, count, SKALD_MIGRATION_CHANGED);
    const skald_migration_entry *unknown = find_state(entries, count, SKALD_MIGRATION_UNKNOWN);
    if (changed != NULL)
        return refuse_changed(pg, changed, error);
    return unknown != NULL ? refuse_unknown(pg, set, unknown, error) : SKALD_OK;
}

skald_status skald_schema_verify(skald_pg *pg, const skald_migration_set *set, skald_error *error)
{
    skald_migration_entry entries[SKALD_MIGRATIONS_MAX];
    size_t count = 0;
    skald_status status = skald_schema_list(pg, set, entries, &count, error);
    if (status == SKALD_OK)
        status = refuse_foreign(pg, set, entries, count, error);
    if (status != SKALD_OK)
        return status;
    const size_t missing = count_state(entries, count, SKALD_MIGRATION_PENDING);
    return missing > 0 ? refuse_missing(pg, set, missing, error) : SKALD_OK;
}

/* The lock belongs to the transaction, not to the session, because a transaction pooler may give
 * the session to somebody else. READ COMMITTED, so that what is read after waiting for it is fresh.
 */
static skald_status begin_locked(skald_pg *pg, skald_error *error)
{
    bool exists = false;
    skald_status status = skald_pg_script(pg, "BEGIN ISOLATION LEVEL READ COMMITTED", error);
    if (status == SKALD_OK)
        status =
            skald_pg_do(pg, NULL, error,
                        "SELECT pg_advisory_xact_lock(hashtextextended('skald.migration', 0))");
    if (status == SKALD_OK)
        status = table_exists(pg, &exists, error);
    if (status != SKALD_OK || exists)
        return status;
    return skald_pg_script(pg, TABLE_SQL, error);
}

static skald_status apply(skald_pg *pg, const skald_migration *migration, skald_error *error)
{
    const skald_status status = skald_pg_script(pg, migration->up, error);
    if (status != SKALD_OK)
        return status;
    return skald_pg_do(pg, NULL, error,
                       "INSERT INTO skald.migration (number, name, checksum) VALUES ($1, $2, $3)",
                       migration->number, migration->name, migration->checksum);
}

/* Applies the first pending migration; `*applied` stays NULL when there is none. */
static skald_status apply_next(skald_pg *pg, const skald_migration_set *set,
                               const skald_migration **applied, skald_error *error)
{
    skald_migration_entry entries[SKALD_MIGRATIONS_MAX];
    size_t count = 0;
    skald_status status = skald_schema_list(pg, set, entries, &count, error);
    if (status == SKALD_OK)
        status = refuse_foreign(pg, set, entries, count, error);
    const skald_migration_entry *next = find_state(entries, count, SKALD_MIGRATION_PENDING);
    if (status != SKALD_OK || next == NULL)
        return status;
    status = apply(pg, &set->items[next->number - 1], error);
    if (status == SKALD_OK)
        *applied = &set->items[next->number - 1];
    return status;
}

static skald_status migrate_once(skald_pg *pg, const skald_migration_set *set,
                                 const skald_migration **applied, skald_error *error)
{
    skald_status status = begin_locked(pg, error);
    if (status == SKALD_OK)
        status = apply_next(pg, set, applied, error);
    if (status == SKALD_OK)
        return skald_pg_script(pg, "COMMIT", error);
    if (skald_pg_alive(pg))
        skald_pg_script(pg, "ROLLBACK", NULL);
    return status;
}

skald_status skald_schema_migrate(skald_pg *pg, const skald_migration_set *set,
                                  skald_schema_applied_function *on_applied, void *user,
                                  skald_error *error)
{
    for (;;) {
        const skald_migration *applied = NULL;
        const skald_status status = migrate_once(pg, set, &applied, error);
        if (status != SKALD_OK || applied == NULL)
            return status;
        if (on_applied != NULL)
            on_applied(user, applied);
    }
}

static void print_up(const skald_migration *migration, FILE *out)
{
    fprintf(out, "BEGIN;\n\n%s\n", migration->up);
    fprintf(out,
            "INSERT INTO skald.migration (number, name, checksum)\nVALUES (%u, '%s', '%s');\n\n",
            migration->number, migration->name, migration->checksum);
    fputs("COMMIT;\n\n", out);
}

static void print_down(const skald_migration *migration, FILE *out)
{
    fprintf(out, "BEGIN;\n\n%s\nDELETE FROM skald.migration WHERE number = %u;\n\nCOMMIT;\n\n",
            migration->down, migration->number);
}

void skald_schema_print(const skald_migration_set *set, uint32_t from, uint32_t to, bool down,
                        FILE *out)
{
    if (!down && from == 1)
        fprintf(out, "%s\n", TABLE_SQL);
    for (uint32_t number = from; number <= to && !down; number++)
        print_up(&set->items[number - 1], out);
    for (uint32_t number = to; number >= from && down; number--)
        print_down(&set->items[number - 1], out);
}
