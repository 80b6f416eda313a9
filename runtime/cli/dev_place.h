/* The options that name dev servers, shared by `skald dev` and the commands beside it. */
#ifndef SKALD_CLI_DEV_PLACE_H
#define SKALD_CLI_DEV_PLACE_H

#include "cli/command.h"
#include "cli/environment.h"

typedef struct dev_place_options {
    const char *name;
    const char *directory;
    bool json; /* where the command has it */
    bool yes;  /* where the command has it */
} dev_place_options;

#define DEV_NAME_OPTION(type, field)                                                               \
    {                                                                                              \
        "name", "NAME", SKALD_OPTION_TEXT, offsetof(type, field), "which servers; \"default\""     \
    }
#define DEV_DIRECTORY_OPTION(type, field)                                                          \
    {                                                                                              \
        "dir", "DIR", SKALD_OPTION_TEXT, offsetof(type, field),                                    \
            "their directory, instead of one by name"                                              \
    }

/* The environment of servers that run. Otherwise says on stderr what is wrong and answers the exit
 * code: SKALD_EXIT_NO when they do not run. */
int dev_place_environment(const skald_command *command, const dev_place_options *options,
                          skald_environment *out);

/* Where they are or would be; an error is said, and false returned with the exit code. */
bool dev_place_find(const skald_command *command, const dev_place_options *options,
                    skald_place *out, int *exit_code);

#endif
