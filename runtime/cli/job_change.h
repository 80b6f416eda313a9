/* Changing single jobs, at once: replay, discard, cancel differ in one SQL function. */
#ifndef SKALD_CLI_JOB_CHANGE_H
#define SKALD_CLI_JOB_CHANGE_H

#include "cli/session.h"

typedef struct job_change_options {
    session_options session;
} job_change_options;

/* The options of such a command, which takes one job or more as operands. */
extern const skald_command_option job_change_options_table[];

/* `sql` has the job, the actor and the reason as $1 to $3 and answers 'ok' or why not. Prints what
 * became of each; answers 0, 2 when some were refused, and 1 or 77 when all were. */
int job_change_run(const skald_command *command, const job_change_options *options, int argc,
                   char **argv, const char *sql);

#endif
