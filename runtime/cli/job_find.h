/* Which job somebody means. */
#ifndef SKALD_CLI_JOB_FIND_H
#define SKALD_CLI_JOB_FIND_H

#include "cli/session.h"

/* `word` is a job's number, its message's id, or the first characters of that (four at least, when
 * only one job fits). False after the reason was said, with the exit code. */
bool job_find(cli_session *session, const char *word, int64_t *job, int *exit_code);

#endif
