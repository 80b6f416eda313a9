/* skald dev reset */
#include "cli/dev_place.h"

#include <string.h>
#include <unistd.h>

static bool confirm(const skald_place *place)
{
    char answer[16] = "";
    fprintf(stderr, "Delete %s with all its data? [y/N] ", place->directory);
    return fgets(answer, sizeof answer, stdin) != NULL && (*answer == 'y' || *answer == 'Y');
}

static int refuse(const skald_place *place)
{
    fprintf(stderr, "skald dev reset: would delete %s: say --yes\n", place->directory);
    return EX_NOPERM;
}

static int run(const void *options, int argc, char **argv)
{
    const dev_place_options *reset = options;
    skald_place place;
    skald_error error;
    int exit_code = EX_OK;
    (void)argc;
    (void)argv;
    if (!dev_place_find(&skald_command_dev_reset, reset, &place, &exit_code))
        return exit_code;
    if (!reset->yes && isatty(STDIN_FILENO) != 1)
        return refuse(&place);
    if (!reset->yes && !confirm(&place))
        return SKALD_EXIT_NO;
    if (skald_place_reset(&place, &error) != SKALD_OK)
        return skald_command_fail(&skald_command_dev_reset, &error);
    return EX_OK;
}

static const skald_command_option options_table[] = {
    DEV_NAME_OPTION(dev_place_options, name),
    DEV_DIRECTORY_OPTION(dev_place_options, directory),
    {"yes", NULL, SKALD_OPTION_FLAG, offsetof(dev_place_options, yes), "do not ask"},
    {0},
};

const skald_command skald_command_dev_reset = {
    .name = "dev reset",
    .purpose = "delete the kept state of servers that do not run",
    .examples = "  skald dev reset\n"
                "  skald dev reset --name shop --yes\n",
    .options = options_table,
    .options_size = sizeof(dev_place_options),
    .run = run,
};
