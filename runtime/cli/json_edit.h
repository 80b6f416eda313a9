/* A message that a person changes as JSON: in the editor they are used to, or by a file. */
#ifndef SKALD_CLI_JSON_EDIT_H
#define SKALD_CLI_JSON_EDIT_H

#include "cli/body.h"

typedef struct json_edit {
    const cli_body *body;
    const char *what; /* "job 42", for what is said */
    const char *name; /* of the file that is edited, "job-42.json" */
    const char *json; /* of the message as it is */
    skald_bytes changed;
} json_edit;

/* Writes the message as it is into `json`; one that cannot be decoded begins empty. EX_OK, or an
 * exit code after the reason was said. */
int json_edit_begin(cli_session *session, json_edit *edit);

/* Lets a person change it and encodes what comes of it. What could not be taken stays in a file. */
int json_edit_by_editor(cli_session *session, json_edit *edit);

/* Takes it from a file, "-" for stdin. */
int json_edit_by_file(cli_session *session, json_edit *edit, const char *path);

#endif
