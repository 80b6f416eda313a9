/* The body of a message, as people can read it. */
#ifndef SKALD_CLI_BODY_H
#define SKALD_CLI_BODY_H

#include "cli/session.h"

#include <protobuf-c/protobuf-c.h>

typedef struct cli_body {
    const char *type; /* NULL: not known */
    const char *content_type;
    skald_bytes bytes;
    const ProtobufCMessageDescriptor *descriptor; /* NULL: nobody has described the type */
    const ProtobufCMessage *message;              /* NULL: it cannot be decoded */
    const char *trouble;                          /* why not */
} cli_body;

/* Looks the type up among those that programs have registered, and decodes. That it cannot be shown
 * is no failure: `trouble` says why. False when PostgreSQL cannot be asked; say session_fail. */
bool body_load(cli_session *session, cli_body *out, const char *type, const char *content_type,
               skald_bytes bytes);

/* For people: JSON, text, or a hex dump and why. */
void body_print(cli_session *session, const cli_body *body);

/* Members of the JSON object that is open: "body", and where that is null "body_base64" and
 * "body_trouble". */
void body_members(cli_session *session, const cli_body *body);

#endif
