/* skald audit list */
#include "cli/listing.h"

typedef struct audit_list_options {
    session_options session;
    listing_page page;
    const char *since;
    const char *actor;
    const char *object;
} audit_list_options;

static const listing_column columns[] = {
    {"id", "ID", LISTING_ID},           {"at", "AT", LISTING_TIME},
    {"actor", "ACTOR", LISTING_TEXT},   {"action", "ACTION", LISTING_TEXT},
    {"object", "OBJECT", LISTING_TEXT}, {"reason", "REASON", LISTING_TEXT},
    {"detail", "DETAIL", LISTING_TEXT}, {0},
};

/* clang-format off */
#define LIST_SQL \
    "SELECT id, " SQL_TIME("at") ", actor, action, object, reason, detail FROM skald.audit" \
    " WHERE ($1::bigint IS NULL OR id < $1)" \
    " AND ($2::bigint IS NULL OR at >= to_timestamp($2 / 1e6))" \
    " AND ($3::text IS NULL OR actor = $3) AND ($4::text IS NULL OR object = $4)" \
    " ORDER BY id DESC LIMIT $5"
/* clang-format on */

static int list(cli_session *session, const audit_list_options *options, int64_t since_us)
{
    const skald_rows *rows =
        session_query(session, LIST_SQL,
                      options->page.after > 0 ? skald_integer(options->page.after) : skald_null(),
                      options->since != NULL ? skald_integer(since_us) : skald_null(),
                      options->actor, options->object, listing_limit(&options->page));
    if (rows == NULL)
        return session_fail(session);
    listing_print(session, columns, rows, "Nobody has changed anything.");
    listing_more(session, &options->page, rows);
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const audit_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    int64_t since_us = 0;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_audit_list, &list_options->session, &exit_code))
        return exit_code;
    if (list_options->since != NULL &&
        !session_time_read(&session, "since", list_options->since, &since_us))
        return session_end(&session, EX_USAGE);
    return session_end(&session, list(&session, list_options, since_us));
}

static const skald_command_option options_table[] = {
    {"since", "TIME", SKALD_OPTION_TEXT, offsetof(audit_list_options, since),
     "since: 90s, 15m, 2h, 7d, or RFC 3339"},
    {"actor", "NAME", SKALD_OPTION_TEXT, offsetof(audit_list_options, actor), "what this one did"},
    {"object", "NAME", SKALD_OPTION_TEXT, offsetof(audit_list_options, object),
     "what was done to it: \"job 42\", \"queue emails\""},
    LISTING_PAGE_OPTIONS(audit_list_options),
    SESSION_TIME_OPTION(audit_list_options),
    SESSION_OPTIONS(audit_list_options),
    {0},
};

const skald_command skald_command_audit_list = {
    .name = "audit list",
    .purpose = "list who changed what, and why; the newest first",
    .examples = "  skald audit list --since 1d\n"
                "  skald audit list --object \"job 42\"\n",
    .options = options_table,
    .options_size = sizeof(audit_list_options),
    .run = run,
};
