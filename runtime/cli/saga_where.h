/* --where: which sagas are meant, as people write it and as skald.saga_select understands it. */
#ifndef SKALD_CLI_SAGA_WHERE_H
#define SKALD_CLI_SAGA_WHERE_H

#include "cli/session.h"

/* "definition=checkout and step=charge-card and reason~timeout and since=2h", or "all". Writes the
 * filter as JSON in the session's arena, and the step that is named, if any. False after a mistake
 * was said; exit code EX_USAGE. */
bool saga_where_read(cli_session *session, const char *where, const char **filter,
                     const char **step);

#endif
