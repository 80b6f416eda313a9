/* A mistake costs nobody what was typed. */
#include "cli/json_edit.h"
#include "cli/editor.h"

#include "codec/encode.h"
#include "codec/make.h"
#include "json/parse.h"
#include "json/print.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What cannot be decoded begins as an empty message: a person may know what was meant. */
int json_edit_begin(cli_session *session, json_edit *edit)
{
    char *text = NULL;
    size_t size = 0;
    if (edit->body->descriptor == NULL)
        return session_refuse(session, EX_DATAERR, "%s cannot be edited as JSON: %s", edit->what,
                              edit->body->trouble);
    if (edit->body->message == NULL)
        fprintf(stderr, "Its body cannot be decoded, so this begins empty: %s\n",
                edit->body->trouble);
    const ProtobufCMessage *message = edit->body->message != NULL
                                          ? edit->body->message
                                          : skald_make(edit->body->descriptor, &session->arena);
    skald_json json = {.out = open_memstream(&text, &size), .pretty = true};
    if (json.out == NULL || message == NULL)
        return session_refuse(session, EX_OSERR, "no memory for the body");
    skald_json_print(&json, message, true);
    skald_json_end(&json);
    fclose(json.out);
    edit->json = skald_arena_text(&session->arena, text);
    free(text);
    return EX_OK;
}

static int take(cli_session *session, json_edit *edit, const char *text, size_t size)
{
    ProtobufCMessage *message = NULL;
    skald_status status = skald_json_parse(&message, edit->body->descriptor, text, size,
                                           &session->arena, &session->error);
    if (status == SKALD_OK)
        status = skald_encode(&edit->changed, message, &session->arena, &session->error);
    if (status == SKALD_OK)
        return EX_OK;
    session_fail(session);
    return EX_DATAERR;
}

static bool edit_again(void)
{
    char answer[16] = "";
    if (isatty(STDIN_FILENO) != 1)
        return false;
    fputs("Edit again? [Y/n] ", stderr);
    return fgets(answer, sizeof answer, stdin) != NULL && *answer != 'n' && *answer != 'N';
}

/* It can be mended, and otherwise the file stays. */
static int edit_by_hand(cli_session *session, json_edit *edit, const editor_file *file)
{
    for (;;) {
        const char *text = NULL;
        size_t size = 0;
        int exit_code = editor_run(session, file);
        if (exit_code == EX_OK)
            exit_code = editor_read(session, file->path, &text, &size);
        if (exit_code != EX_OK)
            return exit_code;
        if (strcmp(text, edit->json) == 0)
            return session_refuse(session, SKALD_EXIT_NO, "it was not changed, nothing is done");
        exit_code = take(session, edit, text, size);
        if (exit_code != EX_DATAERR)
            return exit_code;
        if (!edit_again())
            return session_refuse(session, EX_DATAERR,
                                  "nothing was changed; what you wrote is in %s", file->path);
    }
}

int json_edit_by_editor(cli_session *session, json_edit *edit)
{
    editor_file file;
    int exit_code = editor_begin(session, &file, edit->name, edit->json);
    if (exit_code == EX_OK)
        exit_code = edit_by_hand(session, edit, &file);
    if (exit_code != EX_DATAERR)
        editor_end(&file);
    return exit_code;
}

int json_edit_by_file(cli_session *session, json_edit *edit, const char *path)
{
    const char *text = NULL;
    size_t size = 0;
    const int exit_code = editor_read(session, path, &text, &size);
    return exit_code == EX_OK ? take(session, edit, text, size) : exit_code;
}
