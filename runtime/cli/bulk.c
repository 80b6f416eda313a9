/* The set is frozen by the function that begins the operation; its token, made of the ids in it,
 * lets somebody act on exactly the set that was looked at. */
#include "cli/bulk.h"
#include "cli/operation_wait.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- jobs and sagas ------------------------------------------------------------------------ */

static const listing_column job_columns[] = {
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

static const listing_column saga_columns[] = {
    {"sagas", "SAGAS", LISTING_COUNT},     {"definition", "DEFINITION", LISTING_TEXT},
    {"version", "VERSION", LISTING_COUNT}, {"phase", "PHASE", LISTING_TEXT},
    {"future", "WAITS FOR", LISTING_TEXT}, {"tasks", "TASKS", LISTING_TEXT},
    {"first_at", "FIRST", LISTING_TIME},   {"last_at", "LAST", LISTING_TIME},
    {"reason", "REASON", LISTING_TEXT},    {0},
};

/* clang-format off */
#define SET_SQL(from) \
    "SELECT count(*), left(encode(sha256(convert_to(coalesce(" \
    "string_agg(id::text, ',' ORDER BY id), ''), 'UTF8')), 'hex'), 12)" \
    " FROM " from "($1::jsonb) AS id"

const bulk_object bulk_jobs = {
    .noun = "jobs",
    .nothing = "nothing that is dead fits",
    .set_sql = SET_SQL("skald.job_select"),
    .groups_sql =
        "SELECT jobs, keys, fingerprint, subscription, " SQL_TIME("first_at") ", "
        SQL_TIME("last_at") ", type, error_class, sqlstate, reason"
        " FROM skald.operation_preview($1::jsonb)",
    .columns = job_columns,
    .begin_sql = "SELECT skald.operation_begin($1, $2::jsonb, $3, $4, $5)",
};

const bulk_object bulk_sagas = {
    .noun = "sagas",
    .nothing = "no saga that has not ended fits",
    .set_sql = SET_SQL("skald.saga_select"),
    .groups_sql =
        "SELECT sagas, definition, version, phase, future, tasks, " SQL_TIME("first_at") ", "
        SQL_TIME("last_at") ", nullif(reason, '') FROM skald.saga_preview($1::jsonb)",
    .columns = saga_columns,
    .begin_sql = "SELECT skald.saga_operation_begin($1, $6, $2::jsonb, $3, $4, $5)",
    .has_step = true,
};
/* clang-format on */

/* --- what would be changed ----------------------------------------------------------------- */

static bool set_find(cli_session *session, const bulk_change *bulk, int64_t *count, char token[16])
{
    const skald_rows *rows = session_query(session, bulk->object->set_sql, bulk->filter);
    if (rows == NULL)
        return false;
    *count = skald_rows_integer(rows, 0, 0);
    snprintf(token, 16, "%s", skald_rows_text(rows, 0, 1));
    return true;
}

static const skald_rows *groups_load(cli_session *session, const bulk_change *bulk)
{
    return session_query(session, bulk->object->groups_sql, bulk->filter);
}

static int preview(cli_session *session, const bulk_change *bulk)
{
    const skald_rows *groups = groups_load(session, bulk);
    if (groups == NULL)
        return session_fail(session);
    if (!session->json) {
        listing_print(session, bulk->object->columns, groups, "");
        printf("\n%lld %s, set %s\n", (long long)bulk->count, bulk->object->noun, bulk->token);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "action");
    skald_json_text(&session->out, bulk->action);
    skald_json_name(&session->out, bulk->object->noun);
    skald_json_integer(&session->out, bulk->count);
    skald_json_name(&session->out, "set");
    skald_json_text(&session->out, bulk->token);
    skald_json_name(&session->out, "groups");
    listing_array(session, bulk->object->columns, groups);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

/* Shows what is meant and asks. Without a terminal nobody can answer. */
static int confirm(cli_session *session, const bulk_change *bulk)
{
    char answer[16] = "";
    const skald_rows *groups = groups_load(session, bulk);
    if (groups == NULL)
        return session_fail(session);
    if (isatty(STDIN_FILENO) != 1)
        return session_refuse(
            session, EX_USAGE, "would %s %lld %s, set %s: look with --dry-run, then say --yes",
            bulk->action, (long long)bulk->count, bulk->object->noun, bulk->token);
    if (!session->json)
        listing_print(session, bulk->object->columns, groups, "");
    fflush(stdout);
    fprintf(stderr, "\n%c%s these %lld %s? [y/N] ", toupper((unsigned char)bulk->action[0]),
            bulk->action + 1, (long long)bulk->count, bulk->object->noun);
    if (fgets(answer, sizeof answer, stdin) != NULL && (*answer == 'y' || *answer == 'Y'))
        return EX_OK;
    return session_refuse(session, SKALD_EXIT_NO, "nothing was changed");
}

/* --- changing it --------------------------------------------------------------------------- */

static const skald_rows *operation_begin(cli_session *session, const bulk_change *bulk)
{
    const skald_param params[] = {
        skald_text(bulk->action),
        skald_text(bulk->filter),
        skald_text(session->actor),
        skald_text(session->reason),
        bulk->rate > 0 ? skald_real(bulk->rate) : skald_null(),
        skald_text(bulk->step),
    };
    return session_ask(session, bulk->object->begin_sql, bulk->object->has_step ? 6 : 5, params);
}

/* In one snapshot: that it is still the set that was looked at, and freezing it. */
static int begin(cli_session *session, bulk_change *bulk, int64_t *operation)
{
    const char *expected = bulk->options->set != NULL ? bulk->options->set : bulk->token;
    const bool looked = bulk->options->set != NULL || !bulk->options->yes;
    char token[16];
    if (skald_pg_script(session->pg, "BEGIN ISOLATION LEVEL REPEATABLE READ", &session->error) !=
            SKALD_OK ||
        !set_find(session, bulk, &bulk->count, token))
        return session_fail(session);
    if (looked && strcmp(token, expected) != 0)
        return session_refuse(session, EX_TEMPFAIL,
                              "the set is no longer %s but %s, %lld %s: look at it again", expected,
                              token, (long long)bulk->count, bulk->object->noun);
    const skald_rows *rows = operation_begin(session, bulk);
    if (rows == NULL || skald_pg_script(session->pg, "COMMIT", &session->error) != SKALD_OK)
        return session_fail(session);
    *operation = skald_rows_integer(rows, 0, 0);
    return EX_OK;
}

static int change(cli_session *session, bulk_change *bulk)
{
    int64_t operation = 0;
    int exit_code = bulk->options->yes ? EX_OK : confirm(session, bulk);
    if (exit_code == EX_OK)
        exit_code = begin(session, bulk, &operation);
    if (exit_code != EX_OK)
        return exit_code;
    if (bulk->options->wait)
        return operation_wait(session, operation);
    if (session->json)
        return operation_print(session, operation);
    printf("operation %lld: %s of %lld %s has begun\n", (long long)operation, bulk->action,
           (long long)bulk->count, bulk->object->noun);
    session_hint(session, "Next: skald operation show %lld", (long long)operation);
    return EX_OK;
}

int bulk_run(cli_session *session, bulk_change *bulk)
{
    if (!set_find(session, bulk, &bulk->count, bulk->token))
        return session_fail(session);
    if (bulk->options->dry_run)
        return preview(session, bulk);
    if (bulk->count == 0)
        return session_refuse(session, SKALD_EXIT_NO, "%s", bulk->object->nothing);
    return change(session, bulk);
}

bool bulk_rate_read(bulk_change *bulk, const cli_session *session, int *exit_code)
{
    char *end = NULL;
    if (bulk->options->rate == NULL)
        return true;
    bulk->rate = strtod(bulk->options->rate, &end);
    if (*bulk->options->rate != '\0' && *end == '\0' && isfinite(bulk->rate) && bulk->rate > 0)
        return true;
    *exit_code = session_refuse(session, EX_USAGE, "--rate is %s per second, above 0, not \"%s\"",
                                bulk->object->noun, bulk->options->rate);
    return false;
}
