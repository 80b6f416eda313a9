/* Each is a query and a list of columns. */
#include "cli/saga_views.h"

const skald_command_option saga_views_options_table[] = {
    {"definition", "NAME", SKALD_OPTION_TEXT, offsetof(saga_views_options, definition),
     "of this definition"},
    {"limit", "N", SKALD_OPTION_NUMBER, offsetof(saga_views_options, limit),
     "how many at most; 50"},
    SESSION_TIME_OPTION(saga_views_options),
    SESSION_OPTIONS(saga_views_options),
    {0},
};

int saga_views_run(const saga_listing *listing, const saga_views_options *options)
{
    cli_session session;
    int exit_code = EX_OK;
    if (!session_open(&session, listing->command, &options->session, &exit_code))
        return exit_code;
    const skald_rows *rows = session_query(&session, listing->sql, options->definition,
                                           listing_limit(&(listing_page){.limit = options->limit}));
    if (rows == NULL)
        return session_end(&session, session_fail(&session));
    listing_print(&session, listing->columns, rows, listing->nothing);
    return session_end(&session, EX_OK);
}
