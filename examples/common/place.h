/* Where a demo runs: a directory of its own for logs, ledgers and port files, beside the folder of
 * the programs that it starts. */
#ifndef EXAMPLES_PLACE_H
#define EXAMPLES_PLACE_H

#include "common/process.h"

#include <libpq-fe.h>
#include <stdbool.h>

typedef struct demo_place {
    char directory[256]; /* empty: there is none */
    char programs[256];
} demo_place;

/* All of these say on stderr what went wrong, and return false. */

/* Makes the directory, whose name begins with that of the example. */
bool place_init(demo_place *place, const char *example);

/* The path of a file in the directory. */
void place_path(const demo_place *place, const char *file, char out[512]);

/* Names a process: what it says goes into a file with its name. */
void place_name(const demo_place *place, demo_process *process, const char *name);

/* Starts the process's `program`, one of ours, with these lines of environment. */
bool place_start(const demo_place *place, demo_process *process, const char *program,
                 const char *const environment[]);

/* Runs the command `skald` in a database: begun, and waited for. It must have a name. */
bool place_command(demo_process *command, const char *const argv[], const char *database);
bool place_commanded(demo_process *command);

/* `skald migrate up` in a database, as its operator would do it: begun, and waited for. */
bool place_migrate(const demo_place *place, demo_process *migration, const char *database);
bool place_migrated(demo_process *migration);

/* Runs schema/`name`.sql, which lies beside the programs. */
bool place_apply_schema(const demo_place *place, PGconn *connection, const char *name);

/* A program writes the file whole when it is ready to listen. False until then. */
bool place_read_port(const char *port_file, unsigned *port);

/* Deletes the directory, or says that `kept` ("logs") are kept in it; NULL: delete. */
void place_done(demo_place *place, const char *kept);

#endif
