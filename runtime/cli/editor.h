/* Lets a person change a text in the editor they are used to. */
#ifndef SKALD_CLI_EDITOR_H
#define SKALD_CLI_EDITOR_H

#include "cli/session.h"

/* A file that only its owner can read, in a folder of its own. */
typedef struct editor_file {
    char folder[256];
    char path[300];
} editor_file;

/* Makes the file with `text` in it; `name` is what it is called. EX_OK, or an exit code after the
 * reason was said. */
int editor_begin(cli_session *session, editor_file *file, const char *name, const char *text);

/* Runs $VISUAL, $EDITOR or vi on it and waits. */
int editor_run(cli_session *session, const editor_file *file);

/* Deletes the file. */
void editor_end(const editor_file *file);

/* A whole file ("-": stdin) as text in the session's arena. */
int editor_read(cli_session *session, const char *path, const char **out, size_t *size);

#endif
