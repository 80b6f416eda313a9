/* One bulk operation: how far it is, and waiting until it is over. */
#ifndef SKALD_CLI_OPERATION_WAIT_H
#define SKALD_CLI_OPERATION_WAIT_H

#include "cli/listing.h"

/* The columns of OPERATION_SQL, for lists. */
extern const listing_column operation_columns[];

/* clang-format off */
#define OPERATION_SQL \
    "SELECT id, action, state, total, succeeded, refused, total - succeeded - refused, rate," \
    " actor, reason, filter, " SQL_TIME("created_at") ", " SQL_TIME("moved_at") ", " \
    SQL_TIME("ended_at") ", object, step FROM skald.operation"
/* clang-format on */

/* Prints it, as lines or as one JSON object. Exit code 1 when there is no such operation. */
int operation_print(cli_session *session, int64_t operation);

/* Says on stderr how far it is until it is over, and prints it: 0, 1 when it was stopped, 2 when
 * some were refused. An interrupt ends the waiting only. */
int operation_wait(cli_session *session, int64_t operation);

#endif
