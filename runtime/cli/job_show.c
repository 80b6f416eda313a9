/* skald job show */
#include "cli/attempts.h"
#include "cli/body.h"
#include "cli/job_find.h"
#include "cli/listing.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "json/print.h"

#include <string.h>

typedef struct job_show_options {
    session_options session;
} job_show_options;

enum { ID, STATE, SUBSCRIPTION, WAITS_FOR };

/* Heads are what a line is called for people; without one it is told in another way. */
static const listing_column columns[] = {
    {"id", NULL, LISTING_ID},
    {"state", NULL, LISTING_TEXT},
    {"subscription", NULL, LISTING_TEXT},
    {"waits_for", NULL, LISTING_TEXT},
    {"follower", "Follower", LISTING_TEXT},
    {"queue", "Queue", LISTING_TEXT},
    {"type", "Type", LISTING_TEXT},
    {"key", "Key", LISTING_TEXT},
    {"message_id", "Message", LISTING_TEXT},
    {"source", "Source", LISTING_TEXT},
    {"position", "Position", LISTING_ID},
    {"sequence", "Sequence", LISTING_ID},
    {"partition", "Partition", LISTING_COUNT},
    {"priority", NULL, LISTING_COUNT},
    {"reason", "Reason", LISTING_TEXT},
    {"error_class", "Class", LISTING_TEXT},
    {"sqlstate", "SQLSTATE", LISTING_TEXT},
    {"fingerprint", "Fingerprint", LISTING_TEXT},
    {"attempts", "Tries", LISTING_COUNT},
    {"crashes", NULL, LISTING_COUNT},
    {"maybe_done", "Maybe done", LISTING_BOOLEAN},
    {"holds", "Holds key", LISTING_BOOLEAN},
    {"progress", "Progress", LISTING_REAL},
    {"progress_note", "Note", LISTING_TEXT},
    {"cancel_reason", "Cancelled", LISTING_TEXT},
    {"published_at", "Published", LISTING_TIME},
    {"created_at", "Created", LISTING_TIME},
    {"first_failed_at", "First failed", LISTING_TIME},
    {"tried_at", "Last tried", LISTING_TIME},
    {"started_at", "Started", LISTING_TIME},
    {"deadline_at", "Deadline", LISTING_TIME},
    {"due_at", "Due", LISTING_TIME},
    {"expires_at", "Expires", LISTING_TIME},
    {"ended_at", "Ended", LISTING_TIME},
    {"replaces", "Replaces job", LISTING_ID},
    {"replaced_by", "Replaced by", LISTING_ID},
    {"behind", "Behind it", LISTING_COUNT},
    {"unique_key", "Unique by", LISTING_TEXT},
    {"correlation_id", "Correlation", LISTING_TEXT},
    {"causation_id", "Caused by", LISTING_TEXT},
    {"traceparent", "Trace", LISTING_TEXT},
    {"content_type", NULL, LISTING_TEXT},
    {"headers", NULL, LISTING_TEXT},
    {"result_type", NULL, LISTING_TEXT},
    {0},
};

/* clang-format off */
#define JOB_SQL \
    "SELECT j.id, j.state, v.subscription, v.waits_for, j.follower, j.queue, j.type, j.key," \
    " j.message_id, j.source, j.position, j.sequence, j.partition, j.priority," \
    " nullif(j.reason, ''), j.error_class, j.sqlstate, j.fingerprint, j.attempts, j.crashes," \
    " j.maybe_done, j.holds, j.progress, j.progress_note, j.cancel_reason, " \
    SQL_TIME("j.published_at") ", " SQL_TIME("j.created_at") ", " SQL_TIME("j.first_failed_at") \
    ", " SQL_TIME("j.tried_at") ", " SQL_TIME("j.started_at") ", " SQL_TIME("j.deadline_at") \
    ", CASE WHEN j.state IN ('parked', 'waiting') THEN " SQL_TIME("j.due_at") " END, " \
    SQL_TIME("j.expires_at") ", " SQL_TIME("j.ended_at") ", j.replaces," \
    " (SELECT max(r.id) FROM skald.job AS r WHERE r.replaces = j.id)," \
    " nullif((SELECT count(*) FROM skald.job AS b WHERE b.follower = j.follower" \
    "  AND b.partition = j.partition AND b.key = j.key AND b.position > j.position" \
    "  AND (b.state = 'parked' OR (b.state = 'dead' AND b.holds))), 0)," \
    " j.unique_key, j.correlation_id, j.causation_id, j.traceparent, j.content_type, j.headers," \
    " j.result_type FROM skald.job AS j JOIN skald.v_job AS v ON v.id = j.id WHERE j.id = $1"
/* clang-format on */

typedef struct job_view {
    int64_t id;
    const skald_rows *row;
    cli_body body;
    cli_body result;
    bool has_result;
} job_view;

/* Bytes come in binary, all else as text. */
static bool load(cli_session *session, job_view *job)
{
    job->row = session_query(session, JOB_SQL, job->id);
    const skald_param params[] = {skald_integer(job->id)};
    const skald_rows *bytes = session_ask_binary(
        session,
        "SELECT type, content_type, body, result_type, result FROM skald.job WHERE id = $1", 1,
        params);
    if (job->row == NULL || bytes == NULL)
        return false;
    const char *texts[4] = {0};
    for (int i = 0; i < 4; i++) {
        const skald_bytes text = skald_rows_bytes(bytes, 0, i);
        if (i != 2 && !skald_rows_null(bytes, 0, i))
            texts[i] = skald_arena_text_sized(&session->arena, text.data, text.size);
    }
    job->has_result = !skald_rows_null(bytes, 0, 4);
    return body_load(session, &job->body, texts[0], texts[1], skald_rows_bytes(bytes, 0, 2)) &&
           (!job->has_result ||
            body_load(session, &job->result, texts[3], NULL, skald_rows_bytes(bytes, 0, 4)));
}

/* --- for programs -------------------------------------------------------------------------- */

static bool print_json(cli_session *session, const job_view *job)
{
    skald_json *json = &session->out;
    skald_json_open(json, '{');
    listing_members(session, columns, job->row, 0);
    body_members(session, &job->body);
    skald_json_name(json, "result");
    if (job->has_result && job->result.message != NULL)
        skald_json_print(json, job->result.message, true);
    else if (job->has_result)
        skald_json_bytes(json, job->result.bytes);
    else
        skald_json_null(json);
    const bool complete = attempts_member(session, job->id);
    skald_json_close(json, '}');
    skald_json_end(json);
    return complete;
}

/* --- for people ---------------------------------------------------------------------------- */

static void print_fields(cli_session *session, const job_view *job)
{
    printf("%sJob %lld%s  %s in %s\n", skald_terminal_bold(stdout), (long long)job->id,
           skald_terminal_plain(stdout), skald_rows_text(job->row, 0, STATE),
           skald_rows_text(job->row, 0, SUBSCRIPTION));
    for (int i = 0; columns[i].name != NULL; i++) {
        const char *value = listing_value(session, columns, job->row, 0, i);
        if (columns[i].head != NULL && value != NULL && *value != '\0')
            printf("  %-13s %s\n", columns[i].head, table_text(&session->arena, value));
    }
}

static void print_headers(cli_session *session, const char *headers)
{
    if (headers == NULL || *headers == '\0')
        return;
    puts("\nHeaders");
    char *copy = skald_arena_text(&session->arena, headers);
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"))
        printf("  %s\n", table_text(&session->arena, line));
}

static void print_body(cli_session *session, const char *head, const cli_body *body)
{
    printf("\n%s (%s, %zu bytes)\n", head,
           body->type != NULL ? table_text(&session->arena, body->type) : "of unknown type",
           body->bytes.size);
    body_print(session, body);
}

typedef struct next_step {
    const char *state;
    const char *command;
} next_step;

static void print_next(const job_view *job)
{
    static const next_step steps[] = {
        {"dead", "dead edit %lld"},
        {"dead", "job replay %lld --reason TEXT"},
        {"dead", "job discard %lld --reason TEXT"},
        {"parked", "job replay %lld --reason TEXT    try it now"},
        {"parked", "job discard %lld --reason TEXT"},
        {"waiting", "job cancel %lld --reason TEXT"},
        {"running", "job cancel %lld --reason TEXT"},
        {"discarded", "job replay %lld --reason TEXT"},
        {"skipped", "job replay %lld --reason TEXT"},
        {"expired", "job replay %lld --reason TEXT"},
        {"cancelled", "job replay %lld --reason TEXT"},
    };
    const char *state = skald_rows_text(job->row, 0, STATE);
    bool any = false;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (strcmp(steps[i].state, state) != 0)
            continue;
        char command[96];
        snprintf(command, sizeof command, steps[i].command, (long long)job->id);
        printf("%s skald %s\n", any ? "          " : "Next:     ", command);
        any = true;
    }
}

static bool print_people(cli_session *session, const job_view *job)
{
    const int headers = (int)(sizeof columns / sizeof *columns) - 3;
    print_fields(session, job);
    print_headers(session, skald_rows_text(job->row, 0, headers));
    print_body(session, "Body", &job->body);
    if (job->has_result)
        print_body(session, "Result", &job->result);
    if (!attempts_print(session, job->id))
        return false;
    printf("\nWaits for: %s\n", skald_rows_text(job->row, 0, WAITS_FOR));
    print_next(job);
    return true;
}

static int show(cli_session *session, const char *word)
{
    job_view job = {0};
    int exit_code = EX_OK;
    if (!job_find(session, word, &job.id, &exit_code))
        return exit_code;
    if (!load(session, &job))
        return session_fail(session);
    if (session->json ? print_json(session, &job) : print_people(session, &job))
        return EX_OK;
    return session_fail(session);
}

static int run(const void *options, int argc, char **argv)
{
    const job_show_options *show_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fputs("skald job show: say which job, by its number or its message's id\n", stderr);
        return EX_USAGE;
    }
    if (!session_open(&session, &skald_command_job_show, &show_options->session, &exit_code))
        return exit_code;
    return session_end(&session, show(&session, argv[0]));
}

static const skald_command_option options_table[] = {
    SESSION_TIME_OPTION(job_show_options),
    SESSION_OPTIONS(job_show_options),
    {0},
};

const skald_command skald_command_job_show = {
    .name = "job show",
    .purpose = "explain one job: its body, what was tried, what it waits for",
    .examples = "  skald job show 42\n"
                "  skald job show 0192f3c1           the beginning of its message's id\n",
    .operands = "JOB",
    .notes = "The body is shown as JSON once a program of the service that handles its type\n"
             "has run.\n",
    .options = options_table,
    .options_size = sizeof(job_show_options),
    .run = run,
};
