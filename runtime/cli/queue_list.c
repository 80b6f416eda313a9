/* skald queue list */
#include "cli/queue_columns.h"

typedef struct queue_list_options {
    session_options session;
} queue_list_options;

static int run(const void *options, int argc, char **argv)
{
    const queue_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_queue_list, &list_options->session, &exit_code))
        return exit_code;
    const skald_rows *rows = session_query(&session, QUEUE_SQL " ORDER BY v.name");
    if (rows == NULL)
        return session_end(&session, session_fail(&session));
    listing_print(&session, queue_columns, rows,
                  "No program of this service has declared a queue.");
    return session_end(&session, EX_OK);
}

static const skald_command_option options_table[] = {
    SESSION_TIME_OPTION(queue_list_options),
    SESSION_OPTIONS(queue_list_options),
    {0},
};

const skald_command skald_command_queue_list = {
    .name = "queue list",
    .purpose = "list queues: what waits, what runs, and their limits",
    .examples = "  skald queue list\n",
    .options = options_table,
    .options_size = sizeof(queue_list_options),
    .run = run,
};
