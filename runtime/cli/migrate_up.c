/* skald migrate up */
#include "cli/migrate_place.h"

#include "schema/schema.h"
#include "json/write.h"

typedef struct migration_progress {
    bool json;
    size_t count;
    skald_json out;
} migration_progress;

static void say_applied(void *user, const skald_migration *migration)
{
    migration_progress *progress = user;
    if (progress->json) {
        skald_json_open(&progress->out, '{');
        skald_json_name(&progress->out, "number");
        skald_json_integer(&progress->out, migration->number);
        skald_json_name(&progress->out, "name");
        skald_json_text(&progress->out, migration->name);
        skald_json_close(&progress->out, '}');
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

static void print_begin(skald_json *json)
{
    skald_json_open(json, '{');
    skald_json_name(json, "applied");
    skald_json_open(json, '[');
}

static void print_end(skald_json *json)
{
    skald_json_close(json, ']');
    skald_json_close(json, '}');
    skald_json_end(json);
}

static int run(const void *options, int argc, char **argv)
{
    const migrate_options *up = options;
    migration_progress progress = {.json = up->json, .out.out = stdout};
    skald_error error;
    (void)argc;
    (void)argv;
    if (up->json)
        print_begin(&progress.out);
    const skald_status status = migrate(up, &progress, &error);
    if (up->json)
        print_end(&progress.out);
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
