/* skald job list */
#include "cli/listing.h"

#include <string.h>

typedef struct job_list_options {
    session_options session;
    listing_page page;
    const char *state;
    const char *subscription;
    const char *type;
    const char *key;
    const char *fingerprint;
    const char *since;
} job_list_options;

static const listing_column columns[] = {
    {"id", "ID", LISTING_ID},
    {"state", "STATE", LISTING_TEXT},
    {"subscription", "SUBSCRIPTION", LISTING_TEXT},
    {"type", "TYPE", LISTING_TEXT},
    {"key", "KEY", LISTING_TEXT},
    {"attempts", "TRIES", LISTING_COUNT},
    {"created_at", NULL, LISTING_TIME},
    {"due_at", "DUE", LISTING_TIME},
    {"waits_for", "WAITS FOR", LISTING_BRIEF},
    {"reason", "REASON", LISTING_TEXT},
    {"message_id", NULL, LISTING_TEXT},
    {"follower", NULL, LISTING_TEXT},
    {"queue", NULL, LISTING_TEXT},
    {"position", NULL, LISTING_ID},
    {"priority", NULL, LISTING_COUNT},
    {"crashes", NULL, LISTING_COUNT},
    {"begins_at", NULL, LISTING_TIME},
    {"started_at", NULL, LISTING_TIME},
    {"ended_at", NULL, LISTING_TIME},
    {"expires_at", NULL, LISTING_TIME},
    {"progress", NULL, LISTING_REAL},
    {"progress_note", NULL, LISTING_TEXT},
    {"error_class", NULL, LISTING_TEXT},
    {"sqlstate", NULL, LISTING_TEXT},
    {"fingerprint", NULL, LISTING_TEXT},
    {"holds", NULL, LISTING_BOOLEAN},
    {"replaces", NULL, LISTING_ID},
    {"body_size", NULL, LISTING_COUNT},
    {0},
};

/* Which jobs are meant is found first, down the primary key; the view, which tells what each waits
 * for, would otherwise be asked about all. A filter that is not given is NULL, and PostgreSQL plans
 * for the values, so it costs nothing. */
/* clang-format off */
#define LIST_SQL \
    "SELECT id, state, subscription, type, key, attempts, " SQL_TIME("created_at") \
    ", CASE WHEN state IN ('parked', 'waiting') THEN " SQL_TIME("due_at") " END, waits_for," \
    " reason, message_id, follower, queue, position, priority, crashes, " SQL_TIME("begins_at") \
    ", " SQL_TIME("started_at") ", " SQL_TIME("ended_at") ", " SQL_TIME("expires_at") \
    ", progress, progress_note, error_class, sqlstate, fingerprint, holds, replaces, body_size" \
    " FROM skald.v_job WHERE id = ANY (ARRAY(SELECT j.id FROM skald.job AS j" \
    " WHERE ($1::bigint IS NULL OR j.id < $1)" \
    " AND ($2::text IS NULL OR j.state = ANY (string_to_array($2, ',')))" \
    " AND ($3::text IS NULL OR coalesce(j.follower, j.queue) = $3)" \
    " AND ($4::text IS NULL OR j.type = $4) AND ($5::text IS NULL OR j.key = $5)" \
    " AND ($6::text IS NULL OR j.fingerprint = $6)" \
    " AND ($7::bigint IS NULL OR j.created_at >= to_timestamp($7 / 1e6))" \
    " ORDER BY j.id DESC LIMIT $8)) ORDER BY id DESC"
/* clang-format on */

static int list(cli_session *session, const job_list_options *options, int64_t since_us)
{
    const skald_param params[] = {
        options->page.after > 0 ? skald_integer(options->page.after) : skald_null(),
        skald_text(options->state),
        skald_text(options->subscription),
        skald_text(options->type),
        skald_text(options->key),
        skald_text(options->fingerprint),
        options->since != NULL ? skald_integer(since_us) : skald_null(),
        skald_integer(listing_limit(&options->page)),
    };
    const skald_rows *rows = session_ask(session, LIST_SQL, sizeof params / sizeof *params, params);
    if (rows == NULL)
        return session_fail(session);
    listing_print(session, columns, rows, "No such jobs.");
    listing_more(session, &options->page, rows);
    return EX_OK;
}

/* A state that there is not would just find nothing. */
static bool states_valid(const cli_session *session, const char *states)
{
    static const char all[] =
        ",parked,waiting,running,dead,done,cancelled,discarded,skipped,expired,replaced,";
    for (const char *at = states; at != NULL;) {
        char state[32];
        const size_t size = strcspn(at, ",");
        snprintf(state, sizeof state, ",%.*s,", (int)(size < 24 ? size : 24), at);
        if (size == 0 || strstr(all, state) == NULL) {
            session_refuse(session, EX_USAGE,
                           "there is no state \"%s\"; \"skald help job list\" "
                           "lists them",
                           states);
            return false;
        }
        at = at[size] == ',' ? at + size + 1 : NULL;
    }
    return true;
}

static int run(const void *options, int argc, char **argv)
{
    const job_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    int64_t since_us = 0;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_job_list, &list_options->session, &exit_code))
        return exit_code;
    if (!states_valid(&session, list_options->state))
        return session_end(&session, EX_USAGE);
    if (list_options->since != NULL &&
        !session_time_read(&session, "since", list_options->since, &since_us))
        return session_end(&session, EX_USAGE);
    return session_end(&session, list(&session, list_options, since_us));
}

static const skald_command_option options_table[] = {
    {"state", "S", SKALD_OPTION_TEXT, offsetof(job_list_options, state),
     "parked, waiting, running, dead, done, cancelled,\ndiscarded, skipped, expired or replaced;\n"
     "several with commas"},
    {"subscription", "S", SKALD_OPTION_TEXT, offsetof(job_list_options, subscription),
     "of this follower or queue"},
    {"type", "TYPE", SKALD_OPTION_TEXT, offsetof(job_list_options, type), "of this message type"},
    {"key", "KEY", SKALD_OPTION_TEXT, offsetof(job_list_options, key), "of this key"},
    {"fingerprint", "F", SKALD_OPTION_TEXT, offsetof(job_list_options, fingerprint),
     "that died of this cause"},
    {"since", "TIME", SKALD_OPTION_TEXT, offsetof(job_list_options, since),
     "created since: 90s, 15m, 2h, 7d, or RFC 3339"},
    LISTING_PAGE_OPTIONS(job_list_options),
    SESSION_TIME_OPTION(job_list_options),
    SESSION_OPTIONS(job_list_options),
    {0},
};

const skald_command skald_command_job_list = {
    .name = "job list",
    .purpose = "list what waits, runs, is dead or over, newest first",
    .examples = "  skald job list --state parked,dead\n"
                "  skald job list --subscription payments --since 1h --json\n",
    .options = options_table,
    .options_size = sizeof(job_list_options),
    .run = run,
};
