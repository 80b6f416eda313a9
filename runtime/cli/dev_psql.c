/* skald dev psql */
#include "cli/dev_place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int become_psql(int argc, char **argv)
{
    char **words = calloc((size_t)argc + 2, sizeof *words);
    if (words == NULL)
        return EX_OSERR;
    words[0] = "psql";
    memcpy(words + 1, argv, (size_t)argc * sizeof *words);
    execvp(words[0], words);
    fprintf(stderr, "skald dev psql: psql cannot be started: %s\n", strerror(errno));
    free(words);
    return EX_UNAVAILABLE;
}

static int run(const void *options, int argc, char **argv)
{
    skald_environment environment;
    const int exit_code = dev_place_environment(&skald_command_dev_psql, options, &environment);
    if (exit_code != EX_OK)
        return exit_code;
    skald_environment_export(&environment);
    return become_psql(argc, argv);
}

static const skald_command_option options_table[] = {
    DEV_NAME_OPTION(dev_place_options, name),
    DEV_DIRECTORY_OPTION(dev_place_options, directory),
    {0},
};

const skald_command skald_command_dev_psql = {
    .name = "dev psql",
    .purpose = "open psql on running servers",
    .examples = "  skald dev psql\n"
                "  skald dev psql -- -c 'TABLE skald.position'\n",
    .operands = "[-- ARGUMENTS OF PSQL]",
    .runs = true,
    .options = options_table,
    .options_size = sizeof(dev_place_options),
    .run = run,
};
