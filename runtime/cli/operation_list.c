/* skald operation list */
#include "cli/operation_wait.h"

typedef struct operation_list_options {
    session_options session;
    listing_page page;
    const char *state;
} operation_list_options;

static int list(cli_session *session, const operation_list_options *options)
{
    const skald_rows *rows = session_query(
        session,
        OPERATION_SQL " WHERE ($1::bigint IS NULL OR id < $1)"
                      " AND ($2::text IS NULL OR state = $2) ORDER BY id DESC LIMIT $3",
        options->page.after > 0 ? skald_integer(options->page.after) : skald_null(), options->state,
        listing_limit(&options->page));
    if (rows == NULL)
        return session_fail(session);
    listing_print(session, operation_columns, rows, "No such operations.");
    listing_more(session, &options->page, rows);
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const operation_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_operation_list, &list_options->session, &exit_code))
        return exit_code;
    return session_end(&session, list(&session, list_options));
}

static const skald_command_option options_table[] = {
    {"state", "S", SKALD_OPTION_TEXT, offsetof(operation_list_options, state),
     "running, stopped or done"},
    LISTING_PAGE_OPTIONS(operation_list_options),
    SESSION_TIME_OPTION(operation_list_options),
    SESSION_OPTIONS(operation_list_options),
    {0},
};

const skald_command skald_command_operation_list = {
    .name = "operation list",
    .purpose = "list bulk replays and discards, the newest first",
    .examples = "  skald operation list --state running\n",
    .options = options_table,
    .options_size = sizeof(operation_list_options),
    .run = run,
};
