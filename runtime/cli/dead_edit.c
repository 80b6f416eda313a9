/* skald dead edit */
#include "cli/job_find.h"
#include "cli/json_edit.h"

#include <string.h>

typedef struct dead_edit_options {
    session_options session;
    const char *file;
    const char *type;
    const char *key;
    bool print;
} dead_edit_options;

typedef struct body_edit {
    cli_session session;
    const dead_edit_options *options;
    int64_t job;
    cli_body body;
    json_edit edited;
} body_edit;

/* --- the body as it is --------------------------------------------------------------------- */

static bool job_load(body_edit *edit)
{
    cli_session *session = &edit->session;
    const skald_param params[] = {skald_integer(edit->job)};
    const skald_rows *rows =
        session_ask_binary(session, "SELECT body, type FROM skald.job WHERE id = $1", 1, params);
    if (rows == NULL)
        return false;
    const skald_bytes type = skald_rows_bytes(rows, 0, 1);
    const char *name = edit->options->type;
    if (name == NULL && !skald_rows_null(rows, 0, 1))
        name = skald_arena_text_sized(&session->arena, type.data, type.size);
    return body_load(session, &edit->body, name, NULL, skald_rows_bytes(rows, 0, 0));
}

/* --- the new job --------------------------------------------------------------------------- */

static int print_result(body_edit *edit, const char *id)
{
    cli_session *session = &edit->session;
    const skald_rows *rows =
        session_query(session, "SELECT max(id) FROM skald.job WHERE replaces = $1", edit->job);
    if (rows == NULL)
        return session_fail(session);
    if (!session->json) {
        printf("job %s replaces job %lld, message %s\n", skald_rows_text(rows, 0, 0),
               (long long)edit->job, id);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "job");
    skald_json_text(&session->out, skald_rows_text(rows, 0, 0));
    skald_json_name(&session->out, "replaces");
    skald_json_long(&session->out, edit->job);
    skald_json_name(&session->out, "message_id");
    skald_json_text(&session->out, id);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

static int replace(body_edit *edit)
{
    cli_session *session = &edit->session;
    char id[37];
    skald_uuid7(id);
    const skald_rows *rows = session_query(
        session, "SELECT skald.job_edit($1, $2, $3, $4, $5, $6, $7)", edit->job, (const char *)id,
        edit->options->type, edit->options->key,
        skald_bytea(edit->edited.changed.data != NULL ? edit->edited.changed.data : "",
                    edit->edited.changed.size),
        session->actor, session->reason);
    if (rows == NULL)
        return session_fail(session);
    const char *answer = skald_rows_text(rows, 0, 0);
    return strcmp(answer, "ok") == 0 ? print_result(edit, id) : session_refused(session, answer);
}

static int change(body_edit *edit)
{
    cli_session *session = &edit->session;
    edit->edited = (json_edit){
        .body = &edit->body,
        .what = skald_arena_format(&session->arena, "job %lld", (long long)edit->job),
        .name = skald_arena_format(&session->arena, "job-%lld.json", (long long)edit->job),
    };
    int exit_code = json_edit_begin(session, &edit->edited);
    if (exit_code == EX_OK && edit->options->print) {
        fputs(edit->edited.json, stdout);
        return EX_OK;
    }
    if (exit_code == EX_OK)
        exit_code = edit->options->file != NULL
                        ? json_edit_by_file(session, &edit->edited, edit->options->file)
                        : json_edit_by_editor(session, &edit->edited);
    return exit_code == EX_OK ? replace(edit) : exit_code;
}

static int edit_job(body_edit *edit, const char *word)
{
    int exit_code = EX_OK;
    if (!job_find(&edit->session, word, &edit->job, &exit_code))
        return exit_code;
    return job_load(edit) ? change(edit) : session_fail(&edit->session);
}

static int run(const void *options, int argc, char **argv)
{
    body_edit edit = {.options = options};
    int exit_code = EX_OK;
    const session_options *given = &edit.options->session;
    if (argc != 1) {
        fputs("skald dead edit: say which job, by its number or its message's id\n", stderr);
        return EX_USAGE;
    }
    if (!(edit.options->print
              ? session_open(&edit.session, &skald_command_dead_edit, given, &exit_code)
              : session_open_change(&edit.session, &skald_command_dead_edit, given, &exit_code)))
        return exit_code;
    return session_end(&edit.session, edit_job(&edit, argv[0]));
}

static const skald_command_option options_table[] = {
    {"file", "FILE", SKALD_OPTION_TEXT, offsetof(dead_edit_options, file),
     "take the body from here, \"-\" for stdin, instead\nof opening $VISUAL, $EDITOR or vi"},
    {"print", NULL, SKALD_OPTION_FLAG, offsetof(dead_edit_options, print),
     "only print the body as it is"},
    {"type", "TYPE", SKALD_OPTION_TEXT, offsetof(dead_edit_options, type),
     "of a message whose headers cannot be read"},
    {"key", "KEY", SKALD_OPTION_TEXT, offsetof(dead_edit_options, key), "the same"},
    SESSION_CHANGE_OPTIONS(dead_edit_options),
    SESSION_OPTIONS(dead_edit_options),
    {0},
};

const skald_command skald_command_dead_edit = {
    .name = "dead edit",
    .purpose = "change the body of a job as JSON and let it run again",
    .examples = "  skald dead edit 42 --reason \"the currency was misspelt\"\n"
                "  skald dead edit 42 --print > body.json\n"
                "  skald dead edit 42 --file body.json --reason \"the currency was misspelt\"\n",
    .operands = "JOB",
    .notes = "The message gets a new id and takes the old one's place in the order of its key;\n"
             "the old one is kept as \"replaced\". Fields that the type does not know stay, as\n"
             "\"@unknown\".\n",
    .options = options_table,
    .options_size = sizeof(dead_edit_options),
    .run = run,
};
