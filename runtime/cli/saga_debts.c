/* skald saga debts */
#include "cli/saga_views.h"

static const listing_column columns[] = {
    {"saga", "SAGA", LISTING_TEXT},
    {"definition", "DEFINITION", LISTING_TEXT},
    {"step", "STEP", LISTING_TEXT},
    {"since", "SINCE", LISTING_TIME},
    {0},
};

static int run(const void *options, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return saga_views_run(
        &(saga_listing){&skald_command_saga_debts, columns,
                        "SELECT saga, definition, step, " SQL_TIME(
                            "since") " FROM skald.v_debts"
                                     " WHERE ($1::text IS NULL OR definition = $1)"
                                     " ORDER BY since, saga, step LIMIT $2",
                        "Nothing is owed."},
        options);
}

const skald_command skald_command_saga_debts = {
    .name = "saga debts",
    .purpose = "list what is done and must still be undone, the oldest first",
    .examples = "  skald saga debts --definition checkout\n",
    .options = saga_views_options_table,
    .options_size = sizeof(saga_views_options),
    .run = run,
};
