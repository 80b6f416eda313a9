/* skald flow list */
#include "cli/listing.h"

#include <string.h>

typedef struct flow_list_options {
    session_options session;
    listing_page page;
    const char *flow;
    const char *state;
} flow_list_options;

static const listing_column columns[] = {
    {"id", "ID", LISTING_ID},
    {"flow", "FLOW", LISTING_TEXT},
    {"key", "KEY", LISTING_TEXT},
    {"state", "STATE", LISTING_TEXT},
    {"outcome", "OUTCOME", LISTING_TEXT},
    {"began_at", "BEGAN", LISTING_TIME},
    {"last_type", "LAST EVENT", LISTING_TEXT},
    {"last_at", "AT", LISTING_TIME},
    {"expects", "AWAITED", LISTING_TEXT},
    {"due_at", "UNTIL", LISTING_TIME},
    {"last_source", NULL, LISTING_TEXT},
    {"version", NULL, LISTING_COUNT},
    {"events", NULL, LISTING_COUNT},
    {"alerted_at", NULL, LISTING_TIME},
    {"ended_at", NULL, LISTING_TIME},
    {"ended_by", NULL, LISTING_TEXT},
    {0},
};

/* Which instances are meant is found first, as by `job list`. */
/* clang-format off */
#define STATE_SQL \
    "CASE WHEN f.phase = 'open' AND EXISTS (SELECT FROM skald.flow_wait AS w WHERE" \
    " w.flow = f.flow AND w.key = f.key AND w.due_at <= skald.now()) THEN 'overdue'" \
    " ELSE f.phase END"
#define LIST_SQL \
    "SELECT id, flow, key, state, outcome, " SQL_TIME("began_at") ", last_type, " \
    SQL_TIME("last_at") ", array_to_string(expects, ' '), " SQL_TIME("due_at") ", last_source," \
    " version, events, " SQL_TIME("alerted_at") ", " SQL_TIME("ended_at") ", ended_by" \
    " FROM skald.v_flow WHERE id = ANY (ARRAY(SELECT f.id FROM skald.flow AS f" \
    " WHERE ($1::bigint IS NULL OR f.id < $1) AND ($2::text IS NULL OR f.flow = $2)" \
    " AND ($3::text IS NULL OR " STATE_SQL " = ANY (string_to_array($3, ',')))" \
    " ORDER BY f.id DESC LIMIT $4)) ORDER BY id DESC"
/* clang-format on */

static int list(cli_session *session, const flow_list_options *options)
{
    const skald_param params[] = {
        options->page.after > 0 ? skald_integer(options->page.after) : skald_null(),
        skald_text(options->flow),
        skald_text(options->state),
        skald_integer(listing_limit(&options->page)),
    };
    const skald_rows *rows = session_ask(session, LIST_SQL, sizeof params / sizeof *params, params);
    if (rows == NULL)
        return session_fail(session);
    listing_print(session, columns, rows, "No flow has seen such an instance.");
    listing_more(session, &options->page, rows);
    return EX_OK;
}

/* A state that there is not would just find nothing. */
static bool states_valid(const char *states)
{
    static const char *const all[] = {"early", "open", "overdue", "ended"};
    for (const char *at = states; at != NULL && *at != '\0';) {
        const size_t size = strcspn(at, ",");
        bool known = false;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            known = known || (strlen(all[i]) == size && strncmp(all[i], at, size) == 0);
        if (!known) {
            fprintf(stderr,
                    "skald flow list: a state is early, open, overdue or ended, not "
                    "\"%.*s\"\n",
                    (int)size, at);
            return false;
        }
        at += size + (at[size] == ',' ? 1 : 0);
    }
    return true;
}

static int run(const void *options, int argc, char **argv)
{
    const flow_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    (void)argc;
    (void)argv;
    if (!states_valid(list_options->state))
        return EX_USAGE;
    if (!session_open(&session, &skald_command_flow_list, &list_options->session, &exit_code))
        return exit_code;
    return session_end(&session, list(&session, list_options));
}

static const skald_command_option options_table[] = {
    {"flow", "NAME", SKALD_OPTION_TEXT, offsetof(flow_list_options, flow), "of this flow"},
    {"state", "STATE,...", SKALD_OPTION_TEXT, offsetof(flow_list_options, state),
     "early, open, overdue, ended"},
    LISTING_PAGE_OPTIONS(flow_list_options),
    SESSION_TIME_OPTION(flow_list_options),
    SESSION_OPTIONS(flow_list_options),
    {0},
};

const skald_command skald_command_flow_list = {
    .name = "flow list",
    .purpose = "list choreographed sagas: what came last, what is awaited",
    .examples = "  skald flow list\n"
                "  skald flow list --state overdue\n",
    .options = options_table,
    .options_size = sizeof(flow_list_options),
    .run = run,
};
