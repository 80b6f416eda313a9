/* skald saga tasks */
#include "cli/saga_views.h"

static const listing_column columns[] = {
    {"saga", "SAGA", LISTING_TEXT},
    {"definition", "DEFINITION", LISTING_TEXT},
    {"step", "STEP", LISTING_TEXT},
    {"since", "SINCE", LISTING_TIME},
    {"waits_for", "TASK", LISTING_TEXT},
    {"reason", "REASON", LISTING_TEXT},
    {0},
};

static int run(const void *options, int argc, char **argv)
{
    (void)argc;
    (void)argv;
    return saga_views_run(
        &(saga_listing){&skald_command_saga_tasks, columns,
                        "SELECT saga, definition, step, " SQL_TIME(
                            "since") ", waits_for, nullif(reason, '') FROM skald.v_saga_task"
                                     " WHERE ($1::text IS NULL OR definition = $1)"
                                     " ORDER BY since, saga, step LIMIT $2",
                        "Nobody has to do anything."},
        options);
}

const skald_command skald_command_saga_tasks = {
    .name = "saga tasks",
    .purpose = "list what waits for a person, the oldest first",
    .examples = "  skald saga tasks\n",
    .notes = "A saga that is blocked as a whole has no step here. \"skald saga show\" says what\n"
             "can be done about each.\n",
    .options = saga_views_options_table,
    .options_size = sizeof(saga_views_options),
    .run = run,
};
