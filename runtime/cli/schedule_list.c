/* skald schedule list */
#include "cli/listing.h"

typedef struct schedule_list_options {
    session_options session;
} schedule_list_options;

static const listing_column columns[] = {
    {"name", "NAME", LISTING_TEXT},       {"state", "STATE", LISTING_TEXT},
    {"cron", "CRON", LISTING_TEXT},       {"time_zone", "TIME ZONE", LISTING_TEXT},
    {"missed", "MISSED", LISTING_TEXT},   {"next_at", "NEXT", LISTING_TIME},
    {"last_at", "LAST", LISTING_TIME},    {"queue", "QUEUE", LISTING_TEXT},
    {"type", "TYPE", LISTING_TEXT},       {"key", "KEY", LISTING_TEXT},
    {"failure", "FAILURE", LISTING_TEXT}, {"failed_at", NULL, LISTING_TIME},
    {"created_at", NULL, LISTING_TIME},   {0},
};

/* clang-format off */
#define LIST_SQL \
    "SELECT name, CASE WHEN paused THEN 'paused' WHEN failure IS NOT NULL THEN 'failing'" \
    " ELSE 'on' END, cron, time_zone, missed, CASE WHEN NOT paused THEN " SQL_TIME("next_at") \
    " END, " SQL_TIME("last_at") ", queue, type, key, failure, " SQL_TIME("failed_at") ", " \
    SQL_TIME("created_at") " FROM skald.schedule ORDER BY name"
/* clang-format on */

static int list(cli_session *session)
{
    const skald_rows *rows = session_query(session, LIST_SQL);
    if (rows == NULL)
        return session_fail(session);
    listing_print(session, columns, rows, "No program of this service has declared a schedule.");
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const schedule_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_schedule_list, &list_options->session, &exit_code))
        return exit_code;
    return session_end(&session, list(&session));
}

static const skald_command_option options_table[] = {
    SESSION_TIME_OPTION(schedule_list_options),
    SESSION_OPTIONS(schedule_list_options),
    {0},
};

const skald_command skald_command_schedule_list = {
    .name = "schedule list",
    .purpose = "list what is published or enqueued again and again",
    .examples = "  skald schedule list\n",
    .options = options_table,
    .options_size = sizeof(schedule_list_options),
    .run = run,
};
