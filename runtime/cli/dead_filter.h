/* The options of a bulk change as the filter that skald.job_select understands. */
#ifndef SKALD_CLI_DEAD_FILTER_H
#define SKALD_CLI_DEAD_FILTER_H

#include "cli/dead_bulk.h"

/* Says that somebody must say which jobs are meant, when nothing does: all is never a default. */
bool dead_filter_given(const dead_bulk_options *options, int operands, const cli_session *session,
                       int *exit_code);

/* The filter as JSON, in the session's arena. False after a mistake was said. */
bool dead_filter_make(cli_session *session, const dead_bulk_options *options, int argc, char **argv,
                      const char **out, int *exit_code);

#endif
