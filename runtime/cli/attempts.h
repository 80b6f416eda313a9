/* What was tried with a job, and what became of it. */
#ifndef SKALD_CLI_ATTEMPTS_H
#define SKALD_CLI_ATTEMPTS_H

#include "cli/session.h"

/* A section for people, with each backtrace below the table; nothing when there was no attempt. */
bool attempts_print(cli_session *session, int64_t job);

/* The member "attempts" of the JSON object that is open. Both are false when PostgreSQL cannot be
 * asked. */
bool attempts_member(cli_session *session, int64_t job);

#endif
