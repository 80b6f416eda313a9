/* skald migrate status */
#include "cli/migrate_place.h"
#include "cli/terminal.h"

#include "schema/schema.h"
#include "json/write.h"

typedef struct migration_listing {
    skald_migration_entry entries[SKALD_MIGRATIONS_MAX];
    size_t count;
} migration_listing;

static skald_status load(const migrate_options *options, migration_listing *listing,
                         skald_error *error)
{
    skald_pg *pg = NULL;
    skald_status status = skald_pg_open(&pg, options->database, "skald migrate", error);
    if (status == SKALD_OK)
        status = skald_schema_list(pg, &skald_migrations, listing->entries, &listing->count, error);
    skald_pg_close(pg);
    return status;
}

static void print_table(const migration_listing *listing)
{
    printf("%sNUMBER  STATE    APPLIED               NAME%s\n", skald_terminal_bold(stdout),
           skald_terminal_plain(stdout));
    for (size_t i = 0; i < listing->count; i++) {
        const skald_migration_entry *entry = &listing->entries[i];
        printf("%6u  %-7s  %-20s  %s\n", entry->number, skald_migration_state_name(entry->state),
               *entry->applied_at != '\0' ? entry->applied_at : "-", entry->name);
    }
}

static void print_json(const migration_listing *listing)
{
    skald_json json = {.out = stdout};
    skald_json_open(&json, '[');
    for (size_t i = 0; i < listing->count; i++) {
        const skald_migration_entry *entry = &listing->entries[i];
        skald_json_open(&json, '{');
        skald_json_name(&json, "number");
        skald_json_integer(&json, entry->number);
        skald_json_name(&json, "state");
        skald_json_text(&json, skald_migration_state_name(entry->state));
        skald_json_name(&json, "name");
        skald_json_text(&json, entry->name);
        skald_json_name(&json, "applied_at");
        skald_json_text(&json, *entry->applied_at != '\0' ? entry->applied_at : NULL);
        skald_json_close(&json, '}');
    }
    skald_json_close(&json, ']');
    skald_json_end(&json);
}

static bool all_applied(const migration_listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->entries[i].state != SKALD_MIGRATION_APPLIED)
            return false;
    return true;
}

static int run(const void *options, int argc, char **argv)
{
    const migrate_options *status = options;
    migration_listing listing = {0};
    skald_error error;
    (void)argc;
    (void)argv;
    if (load(status, &listing, &error) != SKALD_OK)
        return skald_command_fail(&skald_command_migrate_status, &error);
    if (status->json)
        print_json(&listing);
    else
        print_table(&listing);
    return all_applied(&listing) ? EX_OK : SKALD_EXIT_NO;
}

static const skald_command_option options_table[] = {
    MIGRATE_DATABASE_OPTION,
    MIGRATE_JSON_OPTION,
    {0},
};

const skald_command skald_command_migrate_status = {
    .name = "migrate status",
    .purpose = "list migrations: applied, pending, changed, unknown",
    .examples = "  skald migrate status\n"
                "  skald migrate status --json\n",
    .notes = "Exits with 1 unless all are applied.\n",
    .options = options_table,
    .options_size = sizeof(migrate_options),
    .run = run,
};
