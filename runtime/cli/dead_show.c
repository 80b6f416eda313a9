/* skald dead show */
#include "cli/attempts.h"
#include "cli/body.h"
#include "cli/listing.h"
#include "cli/terminal.h"

typedef struct dead_show_options {
    session_options session;
    listing_page page;
} dead_show_options;

static const listing_column group_columns[] = {
    {"fingerprint", NULL, LISTING_TEXT},
    {"subscription", NULL, LISTING_TEXT},
    {"type", NULL, LISTING_TEXT},
    {"reason", NULL, LISTING_TEXT},
    {"error_class", NULL, LISTING_TEXT},
    {"sqlstate", NULL, LISTING_TEXT},
    {"jobs", NULL, LISTING_COUNT},
    {"keys", NULL, LISTING_COUNT},
    {"holding", NULL, LISTING_COUNT},
    {"first_at", NULL, LISTING_TIME},
    {"last_at", NULL, LISTING_TIME},
    {"last_job", NULL, LISTING_ID},
    {0},
};
enum { LAST_JOB = 11 };

static const listing_column job_columns[] = {
    {"id", "ID", LISTING_ID},
    {"key", "KEY", LISTING_TEXT},
    {"attempts", "TRIES", LISTING_COUNT},
    {"holds", "HOLDS", LISTING_BOOLEAN},
    {"ended_at", "DIED", LISTING_TIME},
    {"message_id", NULL, LISTING_TEXT},
    {"subscription", "SUBSCRIPTION", LISTING_TEXT},
    {"reason", "REASON", LISTING_TEXT},
    {0},
};

/* clang-format off */
#define GROUPS_SQL \
    "SELECT fingerprint, subscription, type, reason, error_class, sqlstate, jobs, keys, holding, " \
    SQL_TIME("first_at") ", " SQL_TIME("last_at") ", last_job FROM skald.v_dead_group" \
    " WHERE fingerprint = $1 ORDER BY last_job DESC"
/* clang-format on */

static const skald_rows *groups_load(cli_session *session, const char *fingerprint)
{
    return session_query(session, GROUPS_SQL, fingerprint);
}

/* clang-format off */
#define JOBS_SQL \
    "SELECT id, key, attempts, holds, " SQL_TIME("ended_at") ", message_id," \
    " coalesce(follower, queue), reason FROM skald.job WHERE state = 'dead' AND fingerprint = $1" \
    " AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"
/* clang-format on */

static const skald_rows *jobs_load(cli_session *session, const char *fingerprint,
                                   const listing_page *page)
{
    return session_query(session, JOBS_SQL, fingerprint,
                         page->after > 0 ? skald_integer(page->after) : skald_null(),
                         listing_limit(page));
}

/* The body of the newest one stands for all. */
static bool sample_load(cli_session *session, int64_t job, cli_body *out)
{
    const skald_param params[] = {skald_integer(job)};
    const skald_rows *rows = session_ask_binary(
        session, "SELECT type, content_type, body FROM skald.job WHERE id = $1", 1, params);
    const char *texts[2] = {0};
    if (rows == NULL)
        return false;
    if (skald_rows_count(rows) == 0)
        return body_load(session, out, NULL, NULL, (skald_bytes){0});
    for (int i = 0; i < 2; i++) {
        const skald_bytes text = skald_rows_bytes(rows, 0, i);
        if (!skald_rows_null(rows, 0, i))
            texts[i] = skald_arena_text_sized(&session->arena, text.data, text.size);
    }
    return body_load(session, out, texts[0], texts[1], skald_rows_bytes(rows, 0, 2));
}

/* --- printing ------------------------------------------------------------------------------ */

static bool print_json(cli_session *session, const skald_rows *groups, const skald_rows *jobs,
                       int64_t sample_job, const cli_body *sample)
{
    skald_json *json = &session->out;
    skald_json_open(json, '{');
    skald_json_name(json, "groups");
    listing_array(session, group_columns, groups);
    skald_json_name(json, "sample");
    skald_json_open(json, '{');
    skald_json_name(json, "job");
    skald_json_long(json, sample_job);
    body_members(session, sample);
    const bool complete = attempts_member(session, sample_job);
    skald_json_close(json, '}');
    skald_json_name(json, "jobs");
    listing_array(session, job_columns, jobs);
    skald_json_close(json, '}');
    skald_json_end(json);
    return complete;
}

static void print_groups(cli_session *session, const skald_rows *groups)
{
    for (uint32_t row = 0; row < skald_rows_count(groups); row++) {
        printf("%sCause %s%s\n", skald_terminal_bold(stdout), skald_rows_text(groups, row, 0),
               skald_terminal_plain(stdout));
        listing_fields(session, group_columns, groups, row, 1);
    }
}

static bool print_people(cli_session *session, const skald_rows *groups, const skald_rows *jobs,
                         int64_t sample_job, const cli_body *sample)
{
    print_groups(session, groups);
    printf("\nBody of the newest, job %lld\n", (long long)sample_job);
    body_print(session, sample);
    if (!attempts_print(session, sample_job))
        return false;
    puts("\nJobs");
    listing_print(session, job_columns, jobs, "No more.");
    const char *fingerprint = skald_rows_text(groups, 0, 0);
    printf("\nNext:      skald dead replay --fingerprint %s --reason TEXT\n"
           "           skald dead discard --fingerprint %s --reason TEXT\n"
           "           skald dead edit %lld\n",
           fingerprint, fingerprint, (long long)sample_job);
    return true;
}

static int show(cli_session *session, const char *fingerprint, const listing_page *page)
{
    cli_body sample;
    const skald_rows *groups = groups_load(session, fingerprint);
    if (groups == NULL)
        return session_fail(session);
    if (skald_rows_count(groups) == 0)
        return session_refuse(session, SKALD_EXIT_NO,
                              "nothing dead has the fingerprint \"%s\"; \"skald dead list\" lists "
                              "them",
                              fingerprint);
    const int64_t sample_job = skald_rows_integer(groups, 0, LAST_JOB);
    const skald_rows *jobs = jobs_load(session, fingerprint, page);
    if (jobs == NULL || !sample_load(session, sample_job, &sample))
        return session_fail(session);
    const bool complete = session->json ? print_json(session, groups, jobs, sample_job, &sample)
                                        : print_people(session, groups, jobs, sample_job, &sample);
    if (!complete)
        return session_fail(session);
    listing_more(session, page, jobs);
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const dead_show_options *show_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fputs("skald dead show: say which group, by its fingerprint\n", stderr);
        return EX_USAGE;
    }
    if (!session_open(&session, &skald_command_dead_show, &show_options->session, &exit_code))
        return exit_code;
    return session_end(&session, show(&session, argv[0], &show_options->page));
}

static const skald_command_option options_table[] = {
    LISTING_PAGE_OPTIONS(dead_show_options),
    SESSION_TIME_OPTION(dead_show_options),
    SESSION_OPTIONS(dead_show_options),
    {0},
};

const skald_command skald_command_dead_show = {
    .name = "dead show",
    .purpose = "explain one cause: what died of it, the newest body",
    .examples = "  skald dead show 9f3a61c2\n",
    .operands = "FINGERPRINT",
    .options = options_table,
    .options_size = sizeof(dead_show_options),
    .run = run,
};
