/* skald suspect list */
#include "cli/listing.h"

typedef struct suspect_list_options {
    session_options session;
    listing_page page;
} suspect_list_options;

static const listing_column columns[] = {
    {"follower", "FOLLOWER", LISTING_TEXT},  {"partition", "PARTITION", LISTING_COUNT},
    {"position", "POSITION", LISTING_ID},    {"crashes", "CRASHES", LISTING_COUNT},
    {"signal", "SIGNAL", LISTING_TEXT},      {"timed_out", "TIMED OUT", LISTING_BOOLEAN},
    {"crashed_at", "CRASHED", LISTING_TIME}, {"started_at", "BEGUN", LISTING_TIME},
    {"host", "HOST", LISTING_TEXT},          {"pid", "PID", LISTING_COUNT},
    {"backtrace", NULL, LISTING_TEXT},       {0},
};

/* clang-format off */
#define LIST_SQL \
    "SELECT follower, partition, position, crashes, signal, timed_out, " SQL_TIME("crashed_at") \
    ", " SQL_TIME("started_at") ", host, pid, backtrace FROM skald.suspect" \
    " ORDER BY skald.suspect.crashed_at DESC LIMIT $1"
/* clang-format on */

static int run(const void *options, int argc, char **argv)
{
    const suspect_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_suspect_list, &list_options->session, &exit_code))
        return exit_code;
    const skald_rows *rows = session_query(&session, LIST_SQL, listing_limit(&list_options->page));
    if (rows == NULL)
        return session_end(&session, session_fail(&session));
    listing_print(&session, columns, rows, "Nothing is suspected of crashing its process.");
    return session_end(&session, EX_OK);
}

static const skald_command_option options_table[] = {
    {"limit", "N", SKALD_OPTION_NUMBER, offsetof(suspect_list_options, page.limit),
     "how many at most; 50"},
    SESSION_TIME_OPTION(suspect_list_options),
    SESSION_OPTIONS(suspect_list_options),
    {0},
};

const skald_command skald_command_suspect_list = {
    .name = "suspect list",
    .purpose = "list messages that were in hand when a process crashed",
    .examples = "  skald suspect list\n",
    .notes = "Each is run alone, its attempt committed before it begins, until it succeeds\n"
             "or is declared dead.\n",
    .options = options_table,
    .options_size = sizeof(suspect_list_options),
    .run = run,
};
