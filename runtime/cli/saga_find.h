/* Which saga is meant by a word that somebody typed. */
#ifndef SKALD_CLI_SAGA_FIND_H
#define SKALD_CLI_SAGA_FIND_H

#include "cli/session.h"

/* By its id, or by the beginning of its id when that is enough. False after the reason was said,
 * with the exit code. */
bool saga_find(cli_session *session, const char *word, const char **id, int *exit_code);

#endif
