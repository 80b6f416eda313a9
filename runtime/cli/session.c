/* Opening, failing, asking. */
#include "cli/session.h"

#include "schema/schema.h"

#include <locale.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- opening ------------------------------------------------------------------------------- */

static bool time_style_find(cli_session *session, const char *text)
{
    if (text == NULL)
        session->time = session->terminal ? SESSION_TIME_RELATIVE : SESSION_TIME_ISO;
    else if (strcmp(text, "relative") == 0)
        session->time = SESSION_TIME_RELATIVE;
    else if (strcmp(text, "iso") == 0)
        session->time = SESSION_TIME_ISO;
    else if (strcmp(text, "unix") == 0)
        session->time = SESSION_TIME_UNIX;
    else
        return false;
    return true;
}

static skald_status connect_and_check(cli_session *session, const char *database)
{
    skald_status status = skald_pg_open(&session->pg, database, "skald", &session->error);
    if (status == SKALD_OK)
        status = skald_schema_verify(session->pg, &skald_migrations, &session->error);
    return status;
}

bool session_open(cli_session *session, const skald_command *command,
                  const session_options *options, int *exit_code)
{
    *session = (struct cli_session){.command = command, .json = options->json};
    session->terminal = isatty(STDOUT_FILENO) == 1;
    session->out = (skald_json){.out = stdout, .pretty = session->terminal};
    setlocale(LC_CTYPE, "");
    if (!time_style_find(session, options->time)) {
        *exit_code = session_refuse(session, EX_USAGE, "--time is relative, iso or unix");
        return false;
    }
    skald_rows *rows = NULL;
    skald_arena_init(&session->arena, 0);
    if (connect_and_check(session, options->database) == SKALD_OK)
        rows = session_query(session, "SELECT " SQL_TIME("skald.now()"));
    if (rows == NULL) {
        *exit_code = session_end(session, session_fail(session));
        return false;
    }
    session->now_us = skald_rows_integer(rows, 0, 0);
    return true;
}

/* Whoever became root by sudo is still meant. */
static const char *actor_find(const char *given)
{
    const char *names[] = {given, getenv("SUDO_USER"), getenv("USER")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i] != NULL && *names[i] != '\0')
            return names[i];
    const struct passwd *entry = getpwuid(getuid());
    return entry != NULL ? entry->pw_name : NULL;
}

/* A person may be asked; what is typed lives in `line`. */
static const char *reason_ask(void)
{
    static char line[512];
    if (isatty(STDIN_FILENO) != 1)
        return NULL;
    fputs("Reason: ", stderr);
    if (fgets(line, sizeof line, stdin) == NULL)
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return line;
}

bool session_open_change(cli_session *session, const skald_command *command,
                         const session_options *options, int *exit_code)
{
    const char *actor = actor_find(options->actor);
    *session = (struct cli_session){.command = command};
    const char *reason = options->reason != NULL ? options->reason : reason_ask();
    if (reason == NULL || strspn(reason, " \t\n") == strlen(reason)) {
        *exit_code = session_refuse(session, EX_USAGE, "say why: --reason TEXT");
        return false;
    }
    if (actor == NULL) {
        *exit_code = session_refuse(session, EX_USAGE, "say who you are: --actor NAME");
        return false;
    }
    if (!session_open(session, command, options, exit_code))
        return false;
    session->actor = actor;
    session->reason = skald_arena_text(&session->arena, reason);
    return true;
}

void session_forget(cli_session *session)
{
    for (const session_rows *kept = session->rows; kept != NULL; kept = kept->next)
        skald_rows_free(kept->rows);
    session->rows = NULL;
}

int session_end(cli_session *session, int exit_code)
{
    session_forget(session);
    skald_pg_close(session->pg);
    session->pg = NULL;
    skald_arena_done(&session->arena);
    if (fflush(stdout) != 0 || ferror(stdout) != 0)
        return session_refuse(session, EX_IOERR, "what was to be printed could not be written");
    return exit_code;
}

/* --- failing ------------------------------------------------------------------------------- */

int session_fail(const cli_session *session)
{
    return skald_command_fail(session->command, &session->error);
}

int session_refuse(const cli_session *session, int exit_code, const char *format, ...)
{
    va_list arguments;
    fflush(stdout);
    fprintf(stderr, "skald %s: ", session->command->name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return exit_code;
}

void session_hint(const cli_session *session, const char *format, ...)
{
    va_list arguments;
    if (session->json || !session->terminal)
        return;
    fflush(stdout);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

int session_refused(const cli_session *session, const char *answer)
{
    return session_refuse(
        session, strncmp(answer, "there is no", 11) == 0 ? SKALD_EXIT_NO : EX_NOPERM, "%s", answer);
}

/* --- asking -------------------------------------------------------------------------------- */

/* Answers are small and the command is short, so they are all kept until its end. */
static skald_rows *keep(cli_session *session, skald_rows *rows)
{
    session_rows *kept = skald_arena_alloc(&session->arena, sizeof *kept);
    if (kept == NULL) {
        skald_rows_free(rows);
        skald_error_set(&session->error, SKALD_NO_MEMORY, "no memory for an answer");
        return NULL;
    }
    *kept = (session_rows){rows, session->rows};
    session->rows = kept;
    return rows;
}

skald_rows *session_ask(cli_session *session, const char *sql, size_t count,
                        const skald_param *params)
{
    skald_rows *rows = NULL;
    if (skald_pg_run(session->pg, &rows, sql, count, params, &session->error) != SKALD_OK)
        return NULL;
    return keep(session, rows);
}

skald_rows *session_ask_binary(cli_session *session, const char *sql, size_t count,
                               const skald_param *params)
{
    skald_rows *rows = NULL;
    if (skald_pg_run_binary(session->pg, &rows, sql, count, params, &session->error) != SKALD_OK)
        return NULL;
    return keep(session, rows);
}
