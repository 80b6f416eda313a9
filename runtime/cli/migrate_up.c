/* skald migrate up */
#include "cli/migrate_place.h"
#include "cli/terminal.h"

#include "schema/schema.h"

typedef struct migration_progress {
    bool json;
    size_t count;
} migration_progress;

static void say_applied(void *user, const skald_migration *migration)
{
    migration_progress *progress = user;
    if (progress->json) {
        printf("%s{\"number\":%u,\"name\":", progress->count > 0 ? "," : "", migration->number);
        skald_terminal_json(stdout, migration->name);
        fputc('}', stdout);
    } else {
        printf("applied %04u %s\n", migration->number, migration->name);
    }
    progress->count++;
}

static skald_status migrate(const migrate_options *options, migration_progress *progress,
                            skald_error *error)
{
    skald_pg *pg = NULL;
    skald_status status = skald_pg_open(&pg, options->database, "skald migrate", error);
    if (status == SKALD_OK)
        status = skald_schema_migrate(pg, &skald_migrations, say_applied, progress, error);
    skald_pg_close(pg);
    return status;
}

static int run(const void *options, int argc, char **argv)
{
    const migrate_options *up = options;
    migration_progress progress = {.json = up->json};
    skald_error error;
    (void)argc;
    (void)argv;
    if (up->json)
        fputs("{\"applied\":[", stdout);
    const skald_status status = migrate(up, &progress, &error);
    if (up->json)
        puts("]}");
    if (status != SKALD_OK)
        return skald_command_fail(&skald_command_migrate_up, &error);
    if (progress.count == 0 && !up->json)
        puts("nothing to do: the schema is up to date");
    return EX_OK;
}

static const skald_command_option options_table[] = {
    MIGRATE_DATABASE_OPTION,
    MIGRATE_JSON_OPTION,
    {0},
};

const skald_command skald_command_migrate_up = {
    .name = "migrate up",
    .purpose = "give a database the schema \"skald\", or bring it up to date",
    .examples = "  PGHOST=db PGDATABASE=orders skald migrate up\n"
                "  skald migrate up --pg postgresql://admin@db/orders\n",
    .notes = "Each migration is one transaction, under a lock: any number of these may run at\n"
             "once. A migration that was applied with another text stops it (exit code 78).\n",
    .options = options_table,
    .options_size = sizeof(migrate_options),
    .run = run,
};
