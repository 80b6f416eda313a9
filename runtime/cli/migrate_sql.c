/* skald migrate sql */
#include "cli/migrate_place.h"

#include "schema/schema.h"

#include <stdlib.h>

static bool parse_number(const char *text, uint32_t otherwise, uint32_t *out)
{
    char *end = NULL;
    const unsigned long number = text != NULL ? strtoul(text, &end, 10) : otherwise;
    if (text != NULL && (*text < '0' || *text > '9' || *end != '\0'))
        return false;
    *out = (uint32_t)number;
    return number >= 1 && number <= skald_migrations.count;
}

static int run(const void *options, int argc, char **argv)
{
    const migrate_options *sql = options;
    uint32_t from = 0;
    uint32_t to = 0;
    (void)argc;
    (void)argv;
    if (!parse_number(sql->from, 1, &from) ||
        !parse_number(sql->to, (uint32_t)skald_migrations.count, &to)) {
        fprintf(stderr, "skald migrate sql: --from and --to are 1 to %zu\n",
                skald_migrations.count);
        return EX_USAGE;
    }
    skald_schema_print(&skald_migrations, from, to, sql->down, stdout);
    return EX_OK;
}

static const skald_command_option options_table[] = {
    {"from", "N", SKALD_OPTION_TEXT, offsetof(migrate_options, from), "the first migration; 1"},
    {"to", "N", SKALD_OPTION_TEXT, offsetof(migrate_options, to), "the last one; the newest"},
    {"down", NULL, SKALD_OPTION_FLAG, offsetof(migrate_options, down),
     "the way back, last one first; destroys data"},
    {0},
};

const skald_command skald_command_migrate_sql = {
    .name = "migrate sql",
    .purpose = "print the migrations as SQL, for another tool or for reading",
    .examples = "  skald migrate sql > skald.sql\n"
                "  skald migrate sql --down | psql orders\n",
    .notes = "Needs no database. What is printed also records itself in skald.migration, so\n"
             "that `skald migrate up` and services know about it.\n",
    .options = options_table,
    .options_size = sizeof(migrate_options),
    .run = run,
};
