/* skald saga list */
#include "cli/saga_columns.h"

#include <string.h>

typedef struct saga_list_options {
    session_options session;
    const char *definition;
    int64_t version;
    const char *phase;
    const char *future;
    const char *step;
    const char *reason;
    const char *since;
    const char *after;
    int64_t limit;
    bool open;
} saga_list_options;

const listing_column saga_columns[] = {
    {"id", "ID", LISTING_TEXT},
    {"definition", "DEFINITION", LISTING_TEXT},
    {"version", "VERSION", LISTING_COUNT},
    {"phase", "PHASE", LISTING_TEXT},
    {"future", NULL, LISTING_TEXT},
    {"started_at", "STARTED", LISTING_TIME},
    {"changed_at", "CHANGED", LISTING_TIME},
    {"tasks", NULL, LISTING_TEXT},
    {"owed", NULL, LISTING_TEXT},
    {"waits_for", "WAITS FOR", LISTING_TEXT},
    {"reason", "REASON", LISTING_TEXT},
    {"blocked", NULL, LISTING_TEXT},
    {"due_at", NULL, LISTING_TIME},
    {"ended_at", NULL, LISTING_TIME},
    {"parent", NULL, LISTING_TEXT},
    {"parent_operation", NULL, LISTING_TEXT},
    {"root", NULL, LISTING_TEXT},
    {"crashes", NULL, LISTING_COUNT},
    {"turns", NULL, LISTING_COUNT},
    {"stale", NULL, LISTING_COUNT},
    {"partition", NULL, LISTING_COUNT},
    {"state_type", NULL, LISTING_TEXT},
    {"correlation_id", NULL, LISTING_TEXT},
    {"causation_id", NULL, LISTING_TEXT},
    {"traceparent", NULL, LISTING_TEXT},
    {0},
};

/* The next page is what is older than the saga named last; a filter that is not given is NULL, and
 * PostgreSQL plans for the values, so it costs nothing. */
/* clang-format off */
#define LIST_SQL \
    SAGA_SQL \
    " WHERE ($1::text IS NULL OR s.definition = $1) AND ($2::bigint IS NULL OR s.version = $2)" \
    " AND ($3::text IS NULL OR s.phase = ANY (string_to_array($3, ',')))" \
    " AND ($4::text IS NULL OR CASE WHEN s.blocked IS NOT NULL THEN 'blocked' ELSE s.future END" \
    "      = ANY (string_to_array($4, ',')))" \
    " AND ($5::text IS NULL OR $5 = ANY (s.tasks) OR $5 = ANY (s.owed))" \
    " AND ($6::text IS NULL OR position(lower($6) IN lower(s.reason)) > 0)" \
    " AND ($7::bigint IS NULL OR s.changed_at >= to_timestamp($7 / 1e6))" \
    " AND ($8::text IS NULL OR (s.started_at, s.id) < (SELECT a.started_at, a.id" \
    "      FROM skald.saga AS a WHERE a.id = $8))" \
    " AND (NOT $9 OR s.ended_at IS NULL)" \
    " ORDER BY s.started_at DESC, s.id DESC LIMIT $10"
/* clang-format on */

static void hint_more(const cli_session *session, const skald_rows *rows, int64_t limit)
{
    const uint32_t count = skald_rows_count(rows);
    if (count > 0 && count == limit)
        session_hint(session, "There may be more: add --after %s",
                     skald_rows_text(rows, count - 1, SAGA_ID));
}

static int list(cli_session *session, const saga_list_options *options, int64_t since_us)
{
    const int64_t limit = listing_limit(&(listing_page){.limit = options->limit});
    const skald_param params[] = {
        skald_text(options->definition),
        options->version > 0 ? skald_integer(options->version) : skald_null(),
        skald_text(options->phase),
        skald_text(options->future),
        skald_text(options->step),
        skald_text(options->reason),
        options->since != NULL ? skald_integer(since_us) : skald_null(),
        skald_text(options->after),
        skald_boolean(options->open),
        skald_integer(limit),
    };
    const skald_rows *rows = session_ask(session, LIST_SQL, sizeof params / sizeof *params, params);
    if (rows == NULL)
        return session_fail(session);
    listing_print(session, saga_columns, rows, "No such sagas.");
    hint_more(session, rows, limit);
    return EX_OK;
}

/* A word that there is not would just find nothing. */
static bool words_valid(const cli_session *session, const char *option, const char *words,
                        const char *all)
{
    for (const char *at = words; at != NULL;) {
        char word[32];
        const size_t size = strcspn(at, ",");
        snprintf(word, sizeof word, ",%.*s,", (int)(size < 24 ? size : 24), at);
        if (size == 0 || strstr(all, word) == NULL) {
            session_refuse(session, EX_USAGE,
                           "there is no %s \"%s\"; \"skald help saga list\" lists them", option,
                           words);
            return false;
        }
        at = at[size] == ',' ? at + size + 1 : NULL;
    }
    return true;
}

static bool options_valid(const cli_session *session, const saga_list_options *options,
                          int64_t *since_us)
{
    return words_valid(session, "phase", options->phase,
                       ",new,running,compensating,completed,compensated,") &&
           words_valid(session, "future", options->future,
                       ",start,time,message,child,person,lock,blocked,nothing,ended,") &&
           (options->since == NULL ||
            session_time_read(session, "since", options->since, since_us));
}

static int run(const void *options, int argc, char **argv)
{
    const saga_list_options *list_options = options;
    cli_session session;
    int exit_code = EX_OK;
    int64_t since_us = 0;
    (void)argc;
    (void)argv;
    if (!session_open(&session, &skald_command_saga_list, &list_options->session, &exit_code))
        return exit_code;
    if (!options_valid(&session, list_options, &since_us))
        return session_end(&session, EX_USAGE);
    return session_end(&session, list(&session, list_options, since_us));
}

static const skald_command_option options_table[] = {
    {"open", NULL, SKALD_OPTION_FLAG, offsetof(saga_list_options, open), "only what has not ended"},
    {"definition", "NAME", SKALD_OPTION_TEXT, offsetof(saga_list_options, definition),
     "of this definition"},
    {"version", "N", SKALD_OPTION_NUMBER, offsetof(saga_list_options, version),
     "of this version of it"},
    {"phase", "P", SKALD_OPTION_TEXT, offsetof(saga_list_options, phase),
     "new, running, compensating, completed or\ncompensated; several with commas"},
    {"future", "F", SKALD_OPTION_TEXT, offsetof(saga_list_options, future),
     "what can move it: start, time, message, child,\nperson, lock, blocked or ended; several with "
     "commas"},
    {"step", "STEP", SKALD_OPTION_TEXT, offsetof(saga_list_options, step),
     "of which this step waits for a person, or its undo\nis owed"},
    {"reason", "TEXT", SKALD_OPTION_TEXT, offsetof(saga_list_options, reason),
     "with this in the reason"},
    {"since", "TIME", SKALD_OPTION_TEXT, offsetof(saga_list_options, since),
     "changed since: 90s, 15m, 2h, 7d, or RFC 3339"},
    {"limit", "N", SKALD_OPTION_NUMBER, offsetof(saga_list_options, limit), "how many at most; 50"},
    {"after", "ID", SKALD_OPTION_TEXT, offsetof(saga_list_options, after),
     "the next page: started before this one"},
    SESSION_TIME_OPTION(saga_list_options),
    SESSION_OPTIONS(saga_list_options),
    {0},
};

const skald_command skald_command_saga_list = {
    .name = "saga list",
    .purpose = "list sagas and what each waits for, the newest first",
    .examples = "  skald saga list --open\n"
                "  skald saga list --definition checkout --future person,blocked\n",
    .options = options_table,
    .options_size = sizeof(saga_list_options),
    .run = run,
};
