/* Replaying and discarding many dead jobs. */
#ifndef SKALD_CLI_DEAD_BULK_H
#define SKALD_CLI_DEAD_BULK_H

#include "cli/bulk.h"

typedef struct dead_bulk_options {
    session_options session;
    const char *subscription;
    const char *fingerprint;
    const char *type;
    const char *key;
    const char *error_class;
    const char *sqlstate;
    const char *since;
    const char *until;
    bulk_options bulk;
    bool all;
} dead_bulk_options;

extern const skald_command_option dead_bulk_options_table[];

/* `action` is "replay" or "discard"; operands are jobs. */
int dead_bulk_run(const skald_command *command, const dead_bulk_options *options, int argc,
                  char **argv, const char *action);

#endif
