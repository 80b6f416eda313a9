/* The set is frozen by skald.operation_begin; its token, made of the ids in it, lets somebody act
 * on exactly the set that was looked at. */
#include "cli/dead_bulk.h"
#include "cli/dead_filter.h"
#include "cli/listing.h"
#include "cli/operation_wait.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const skald_command_option dead_bulk_options_table[] = {
    {"fingerprint", "F", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, fingerprint),
     "what died of this cause"},
    {"subscription", "S", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, subscription),
     "of this follower or queue"},
    {"type", "TYPE", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, type), "of this message type"},
    {"key", "KEY", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, key), "of this key"},
    {"error-class", "C", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, error_class),
     "with this class of error"},
    {"sqlstate", "CODE", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, sqlstate),
     "with this SQLSTATE"},
    {"since", "TIME", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, since),
     "died since: 90s, 15m, 2h, 7d, or RFC 3339"},
    {"until", "TIME", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, until), "died before"},
    {"all", NULL, SKALD_OPTION_FLAG, offsetof(dead_bulk_options, all), "all that is dead"},
    {"dry-run", NULL, SKALD_OPTION_FLAG, offsetof(dead_bulk_options, dry_run),
     "only say what would be changed, and the set's token"},
    {"set", "TOKEN", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, set),
     "only if it is still this set"},
    {"yes", NULL, SKALD_OPTION_FLAG, offsetof(dead_bulk_options, yes), "do not ask"},
    {"rate", "N", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, rate),
     "jobs per second; otherwise as fast as it goes"},
    {"wait", NULL, SKALD_OPTION_FLAG, offsetof(dead_bulk_options, wait),
     "until it is done; exits with 2 when some were refused"},
    SESSION_CHANGE_OPTIONS(dead_bulk_options),
    SESSION_OPTIONS(dead_bulk_options),
    {0},
};

static const listing_column columns[] = {
    {"jobs", "JOBS", LISTING_COUNT},
    {"keys", "KEYS", LISTING_COUNT},
    {"fingerprint", "FINGERPRINT", LISTING_TEXT},
    {"subscription", "SUBSCRIPTION", LISTING_TEXT},
    {"first_at", "FIRST", LISTING_TIME},
    {"last_at", "LAST", LISTING_TIME},
    {"type", "TYPE", LISTING_TEXT},
    {"error_class", NULL, LISTING_TEXT},
    {"sqlstate", NULL, LISTING_TEXT},
    {"reason", "REASON", LISTING_TEXT},
    {0},
};

typedef struct bulk_change {
    cli_session session;
    const dead_bulk_options *options;
    const char *action;
    const char *filter;
    double rate; /* 0: no limit */
    int64_t count;
    char token[16];
} bulk_change;

/* --- what would be changed ----------------------------------------------------------------- */

static bool set_find(bulk_change *bulk, int64_t *count, char token[16])
{
    const skald_rows *rows =
        session_query(&bulk->session,
                      "SELECT count(*), left(encode(sha256(convert_to(coalesce("
                      "string_agg(id::text, ',' ORDER BY id), ''), 'UTF8')), 'hex'), 12)"
                      " FROM skald.job_select($1::jsonb) AS id",
                      bulk->filter);
    if (rows == NULL)
        return false;
    *count = skald_rows_integer(rows, 0, 0);
    snprintf(token, 16, "%s", skald_rows_text(rows, 0, 1));
    return true;
}

/* clang-format off */
#define GROUPS_SQL \
    "SELECT jobs, keys, fingerprint, subscription, " SQL_TIME("first_at") ", " SQL_TIME("last_at") \
    ", type, error_class, sqlstate, reason FROM skald.operation_preview($1::jsonb)"
/* clang-format on */

static const skald_rows *groups_load(bulk_change *bulk)
{
    return session_query(&bulk->session, GROUPS_SQL, bulk->filter);
}

static int preview(bulk_change *bulk)
{
    cli_session *session = &bulk->session;
    const skald_rows *groups = groups_load(bulk);
    if (groups == NULL)
        return session_fail(session);
    if (!session->json) {
        listing_print(session, columns, groups, "");
        printf("\n%lld jobs, set %s\n", (long long)bulk->count, bulk->token);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "action");
    skald_json_text(&session->out, bulk->action);
    skald_json_name(&session->out, "jobs");
    skald_json_integer(&session->out, bulk->count);
    skald_json_name(&session->out, "set");
    skald_json_text(&session->out, bulk->token);
    skald_json_name(&session->out, "groups");
    listing_array(session, columns, groups);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

/* Shows what is meant and asks. Without a terminal nobody can answer. */
static int confirm(bulk_change *bulk)
{
    char answer[16] = "";
    const skald_rows *groups = groups_load(bulk);
    if (groups == NULL)
        return session_fail(&bulk->session);
    if (isatty(STDIN_FILENO) != 1)
        return session_refuse(&bulk->session, EX_USAGE,
                              "would %s %lld jobs, set %s: look with --dry-run, then say --yes",
                              bulk->action, (long long)bulk->count, bulk->token);
    if (!bulk->session.json)
        listing_print(&bulk->session, columns, groups, "");
    fflush(stdout);
    fprintf(stderr, "\n%s these %lld jobs? [y/N] ",
            strcmp(bulk->action, "replay") == 0 ? "Replay" : "Discard", (long long)bulk->count);
    if (fgets(answer, sizeof answer, stdin) != NULL && (*answer == 'y' || *answer == 'Y'))
        return EX_OK;
    return session_refuse(&bulk->session, SKALD_EXIT_NO, "nothing was changed");
}

/* --- changing it --------------------------------------------------------------------------- */

/* In one snapshot: that it is still the set that was looked at, and freezing it. */
static int begin(bulk_change *bulk, int64_t *operation)
{
    cli_session *session = &bulk->session;
    const char *expected = bulk->options->set != NULL ? bulk->options->set : bulk->token;
    const bool looked = bulk->options->set != NULL || !bulk->options->yes;
    char token[16];
    if (skald_pg_script(session->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ", &session->error) !=
            SKALD_OK ||
        !set_find(bulk, &bulk->count, token))
        return session_fail(session);
    if (looked && strcmp(token, expected) != 0)
        return session_refuse(session, EX_TEMPFAIL,
                              "the set is no longer %s but %s, %lld jobs: look at it again",
                              expected, token, (long long)bulk->count);
    const skald_rows *rows =
        session_query(session, "SELECT skald.operation_begin($1, $2::jsonb, $3, $4, $5)",
                      bulk->action, bulk->filter, session->actor, session->reason,
                      bulk->rate > 0 ? skald_real(bulk->rate) : skald_null());
    if (rows == NULL || skald_pg_script(session->pg, "COMMIT", &session->error) != SKALD_OK)
        return session_fail(session);
    *operation = skald_rows_integer(rows, 0, 0);
    return EX_OK;
}

static int change(bulk_change *bulk)
{
    int64_t operation = 0;
    int exit_code = bulk->options->yes ? EX_OK : confirm(bulk);
    if (exit_code == EX_OK)
        exit_code = begin(bulk, &operation);
    if (exit_code != EX_OK)
        return exit_code;
    if (bulk->options->wait)
        return operation_wait(&bulk->session, operation);
    if (!bulk->session.json)
        printf("operation %lld: %s of %lld jobs has begun\n", (long long)operation, bulk->action,
               (long long)bulk->count);
    else
        return operation_print(&bulk->session, operation);
    session_hint(&bulk->session, "Next: skald operation show %lld", (long long)operation);
    return EX_OK;
}

static int look_and_change(bulk_change *bulk)
{
    if (!set_find(bulk, &bulk->count, bulk->token))
        return session_fail(&bulk->session);
    if (bulk->options->dry_run)
        return preview(bulk);
    if (bulk->count == 0)
        return session_refuse(&bulk->session, SKALD_EXIT_NO, "nothing that is dead fits");
    return change(bulk);
}

static bool rate_read(bulk_change *bulk, int *exit_code)
{
    char *end = NULL;
    if (bulk->options->rate == NULL)
        return true;
    bulk->rate = strtod(bulk->options->rate, &end);
    if (*bulk->options->rate != '\0' && *end == '\0' && isfinite(bulk->rate) && bulk->rate > 0)
        return true;
    *exit_code =
        session_refuse(&bulk->session, EX_USAGE, "--rate is jobs per second, above 0, not \"%s\"",
                       bulk->options->rate);
    return false;
}

int dead_bulk_run(const skald_command *command, const dead_bulk_options *options, int argc,
                  char **argv, const char *action)
{
    bulk_change bulk = {.options = options, .action = action, .session.command = command};
    int exit_code = EX_OK;
    if (!dead_filter_given(options, argc, &bulk.session, &exit_code) ||
        !rate_read(&bulk, &exit_code))
        return exit_code;
    if (!(options->dry_run
              ? session_open(&bulk.session, command, &options->session, &exit_code)
              : session_open_change(&bulk.session, command, &options->session, &exit_code)))
        return exit_code;
    if (dead_filter_make(&bulk.session, options, argc, argv, &bulk.filter, &exit_code))
        exit_code = look_and_change(&bulk);
    return session_end(&bulk.session, exit_code);
}
