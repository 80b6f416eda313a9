/* One statement, one audit row. */
#include "cli/object_change.h"

#include <string.h>

const skald_command_option object_change_options_table[] = {
    SESSION_CHANGE_OPTIONS(object_change_options),
    SESSION_OPTIONS(object_change_options),
    {0},
};

static int change(cli_session *session, const char *what, const char *name, const char *sql)
{
    const skald_rows *rows = session_query(session, sql, name, session->actor, session->reason);
    if (rows == NULL)
        return session_fail(session);
    const char *answer = skald_rows_text(rows, 0, 0);
    if (strcmp(answer, "ok") != 0)
        return session_refused(session, answer);
    if (!session->json) {
        printf("%s %s: ok\n", what, name);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, what);
    skald_json_text(&session->out, name);
    skald_json_name(&session->out, "result");
    skald_json_text(&session->out, answer);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

int object_change_run(const skald_command *command, const object_change_options *options,
                      const char *what, int argc, char **argv, const char *sql)
{
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fprintf(stderr, "skald %s: say which %s\n", command->name, what);
        return EX_USAGE;
    }
    if (!session_open_change(&session, command, &options->session, &exit_code))
        return exit_code;
    return session_end(&session, change(&session, what, argv[0], sql));
}
