/* skald dead list */
#include "cli/listing.h"

typedef struct dead_list_options {
    session_options session;
    listing_page page;
    const char *subscription;
    const char *type;
    const char *since;
} dead_list_options;

static const listing_column columns[] = {
    {"fingerprint", "FINGERPRINT", LISTING_TEXT},
    {"subscription", "SUBSCRIPTION", LISTING_TEXT},
    {"jobs", "JOBS", LISTING_COUNT},
    {"keys", "KEYS", LISTING_COUNT},
    {"holding", "HOLDING", LISTING_COUNT},
    {"first_at", "FIRST", LISTING_TIME},
    {"last_at", "LAST", LISTING_TIME},
    {"type", "TYPE", LISTING_TEXT},
    {"sqlstate", NULL, LISTING_TEXT},
    {"error_class", NULL, LISTING_TEXT},
    {"last_job", NULL, LISTING_ID},
    {"reason", "REASON", LISTING_TEXT},
    {0},
};

/* clang-format off */
#define LIST_SQL \
    "SELECT fingerprint, subscription, jobs, keys, holding, " SQL_TIME("first_at") ", " \
    SQL_TIME("last_at") ", type, sqlstate, error_class, last_job, reason FROM skald.v_dead_group" \
    " WHERE ($1::text IS NULL OR subscription = $1) AND ($2::text IS NULL OR type = $2)" \
    " AND ($3::bigint IS NULL OR last_at >= to_timestamp($3 / 1e6))" \
    " ORDER BY v_dead_group.last_at DESC NULLS LAST, last_job DESC LIMIT $4"
/* clang-format on */

static int list(cli_session *session, const dead_list_options *options, int64_t since_us)
{
    const skald_rows *rows =
        session_query(session, LIST_SQL, options->subscription, options->type,
                      options->since != NULL ? skald_integer(since_us) : skald_null(),
                      listing_limit(&options->page));
    if (rows == NULL)
        return session_fail(session);
    listing_print(session, columns, rows, "Nothing is dead.");
    if (skald_rows_count(rows) > 0)
        session_hint(session, "\nNext: skald dead show FINGERPRINT");
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const dead_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    int64_t since_us = 0;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_dead_list, &list_options->session, &exit_code))
        return exit_code;
    if (list_options->since != NULL &&
        !session_time_read(&session, "since", list_options->since, &since_us))
        return session_end(&session, EX_USAGE);
    return session_end(&session, list(&session, list_options, since_us));
}

static const skald_command_option options_table[] = {
    {"subscription", "S", SKALD_OPTION_TEXT, offsetof(dead_list_options, subscription),
     "of this follower or queue"},
    {"type", "TYPE", SKALD_OPTION_TEXT, offsetof(dead_list_options, type), "of this message type"},
    {"since", "TIME", SKALD_OPTION_TEXT, offsetof(dead_list_options, since),
     "where one died since: 90s, 15m, 2h, 7d, or RFC 3339"},
    {"limit", "N", SKALD_OPTION_NUMBER, offsetof(dead_list_options, page.limit),
     "how many groups at most; 50"},
    SESSION_TIME_OPTION(dead_list_options),
    SESSION_OPTIONS(dead_list_options),
    {0},
};

const skald_command skald_command_dead_list = {
    .name = "dead list",
    .purpose = "list what was given up, grouped by its cause",
    .examples = "  skald dead list\n"
                "  skald dead list --subscription payments --since 1h\n",
    .notes = "HOLDING counts jobs whose key waits for a decision.\n",
    .options = options_table,
    .options_size = sizeof(dead_list_options),
    .run = run,
};
