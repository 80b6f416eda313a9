/* One transaction per job; each leaves its row in skald.audit, written by the SQL function. */
#include "cli/job_change.h"
#include "cli/job_find.h"

#include <string.h>

const skald_command_option job_change_options_table[] = {
    SESSION_CHANGE_OPTIONS(job_change_options),
    SESSION_OPTIONS(job_change_options),
    {0},
};

typedef struct job_changes {
    int changed;
    int exit_code; /* of the last refusal */
} job_changes;

static void print_result(cli_session *session, int64_t job, const char *result)
{
    if (!session->json) {
        if (strcmp(result, "ok") == 0)
            printf("job %lld: ok\n", (long long)job);
        return;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "job");
    skald_json_long(&session->out, job);
    skald_json_name(&session->out, "result");
    skald_json_text(&session->out, result);
    skald_json_close(&session->out, '}');
}

static void change(cli_session *session, const char *word, const char *sql, job_changes *changes)
{
    int64_t job = 0;
    if (!job_find(session, word, &job, &changes->exit_code))
        return;
    const skald_rows *rows = session_query(session, sql, job, session->actor, session->reason);
    if (rows == NULL) {
        changes->exit_code = session_fail(session);
        return;
    }
    const char *result = skald_rows_text(rows, 0, 0);
    print_result(session, job, result);
    if (strcmp(result, "ok") == 0)
        changes->changed++;
    else
        changes->exit_code = session_refused(session, result);
}

int job_change_run(const skald_command *command, const job_change_options *options, int argc,
                   char **argv, const char *sql)
{
    cli_session session;
    job_changes changes = {0};
    int exit_code = EX_OK;
    if (argc == 0) {
        fprintf(stderr, "skald %s: say which jobs, by their numbers or their messages' ids\n",
                command->name);
        return EX_USAGE;
    }
    if (!session_open_change(&session, command, &options->session, &exit_code))
        return exit_code;
    if (session.json)
        skald_json_open(&session.out, '[');
    for (int i = 0; i < argc; i++)
        change(&session, argv[i], sql, &changes);
    if (session.json) {
        skald_json_close(&session.out, ']');
        skald_json_end(&session.out);
    }
    const bool partly = changes.exit_code != EX_OK && changes.changed > 0;
    return session_end(&session, partly ? SKALD_EXIT_PARTLY : changes.exit_code);
}
