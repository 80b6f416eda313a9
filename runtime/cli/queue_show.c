/* skald queue show */
#include "cli/queue_columns.h"
#include "cli/terminal.h"

#include <string.h>

typedef struct queue_show_options {
    session_options session;
} queue_show_options;

static const listing_column job_columns[] = {
    {"id", "ID", LISTING_ID},           {"state", "STATE", LISTING_TEXT},
    {"key", "KEY", LISTING_TEXT},       {"attempts", "TRIES", LISTING_COUNT},
    {"due_at", "DUE", LISTING_TIME},    {"started_at", "STARTED", LISTING_TIME},
    {"progress", "DONE", LISTING_REAL}, {"waits_for", "WAITS FOR", LISTING_TEXT},
    {"reason", "REASON", LISTING_TEXT}, {0},
};

/* What runs, and what is due next. The view tells what each waits for; which ones are meant is
 * found first, because PostgreSQL would ask the view about every job of the queue. */
/* clang-format off */
#define JOBS_SQL \
    "WITH chosen AS ((SELECT id FROM skald.job WHERE queue = $1 AND state = 'running'" \
    " ORDER BY started_at LIMIT 10) UNION ALL (SELECT id FROM skald.job WHERE queue = $1" \
    " AND state = 'waiting' ORDER BY due_at, id LIMIT 10))" \
    " SELECT id, state, key, attempts, CASE WHEN state = 'waiting' THEN " SQL_TIME("due_at") \
    " END, CASE WHEN state = 'running' THEN " SQL_TIME("started_at") " END, progress, waits_for," \
    " reason FROM skald.v_job WHERE id = ANY (ARRAY(SELECT id FROM chosen))" \
    " ORDER BY state, v_job.due_at, id"
/* clang-format on */

static const skald_rows *jobs_load(cli_session *session, const char *name)
{
    return session_query(session, JOBS_SQL, name);
}

static void print_people(cli_session *session, const skald_rows *queue, const skald_rows *jobs)
{
    printf("%sQueue %s%s  %s\n", skald_terminal_bold(stdout), skald_rows_text(queue, 0, 0),
           skald_terminal_plain(stdout), skald_rows_text(queue, 0, 1));
    listing_fields(session, queue_columns, queue, 0, 2);
    if (skald_rows_count(jobs) > 0) {
        puts("\nWhat runs, and what is due next");
        listing_print(session, job_columns, jobs, "");
    }
    printf("\nNext:      skald job list --subscription %s\n"
           "           skald queue set %s --rate N --reason TEXT\n",
           skald_rows_text(queue, 0, 0), skald_rows_text(queue, 0, 0));
}

static int show(cli_session *session, const char *name)
{
    const skald_rows *queue = session_query(session, QUEUE_SQL " WHERE v.name = $1", name);
    const skald_rows *jobs = jobs_load(session, name);
    if (queue == NULL || jobs == NULL)
        return session_fail(session);
    if (skald_rows_count(queue) == 0)
        return session_refuse(session, SKALD_EXIT_NO,
                              "there is no queue \"%s\"; \"skald queue list\" lists them", name);
    if (!session->json) {
        print_people(session, queue, jobs);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    listing_members(session, queue_columns, queue, 0);
    skald_json_name(&session->out, "jobs");
    listing_array(session, job_columns, jobs);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const queue_show_options *show_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fputs("skald queue show: say which queue\n", stderr);
        return EX_USAGE;
    }
    if (!session_open(&session, &skald_command_queue_show, &show_options->session, &exit_code))
        return exit_code;
    return session_end(&session, show(&session, argv[0]));
}

static const skald_command_option options_table[] = {
    SESSION_TIME_OPTION(queue_show_options),
    SESSION_OPTIONS(queue_show_options),
    {0},
};

const skald_command skald_command_queue_show = {
    .name = "queue show",
    .purpose = "show one queue: its limits, what runs, what is due next",
    .examples = "  skald queue show emails\n",
    .operands = "NAME",
    .options = options_table,
    .options_size = sizeof(queue_show_options),
    .run = run,
};
