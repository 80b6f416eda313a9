/* Changing one thing that has a name: a queue, a schedule, an operation. */
#ifndef SKALD_CLI_OBJECT_CHANGE_H
#define SKALD_CLI_OBJECT_CHANGE_H

#include "cli/session.h"

typedef struct object_change_options {
    session_options session;
} object_change_options;

extern const skald_command_option object_change_options_table[];

/* `sql` has the name, the actor and the reason as $1 to $3, leaves a row in skald.audit, and
 * answers 'ok' or why not. `what` is the thing as it is called: "queue". */
int object_change_run(const skald_command *command, const object_change_options *options,
                      const char *what, int argc, char **argv, const char *sql);

/* One statement: the change, which answers `name`, and its audit row. */
#define OBJECT_CHANGE_SQL(what, action, change)                                                    \
    "WITH changed AS (" change "), noted AS (INSERT INTO skald.audit (actor, action, object,"      \
    " reason) SELECT $2, '" action "', '" what " ' || name, $3 FROM changed RETURNING id)"         \
    " SELECT CASE WHEN EXISTS (SELECT FROM noted) THEN 'ok'"                                       \
    " ELSE format('there is no " what " \"%s\"', $1::text) END"

#endif
