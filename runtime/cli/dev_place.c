/* Finding running dev servers by their name or directory. */
#include "cli/dev_place.h"

static const char *name_of(const dev_place_options *options)
{
    return options->name != NULL ? options->name : "default";
}

bool dev_place_find(const skald_command *command, const dev_place_options *options,
                    skald_place *out, int *exit_code)
{
    skald_error error;
    if (skald_place_find(out, name_of(options), options->directory, &error) == SKALD_OK)
        return true;
    *exit_code = skald_command_fail(command, &error);
    return false;
}

int dev_place_environment(const skald_command *command, const dev_place_options *options,
                          skald_environment *out)
{
    skald_place place;
    int exit_code = EX_OK;
    if (!dev_place_find(command, options, &place, &exit_code))
        return exit_code;
    if (skald_place_owned(&place) && skald_environment_read(out, place.directory))
        return EX_OK;
    fprintf(stderr, "skald %s: no servers run in %s: start them with \"skald dev\"\n",
            command->name, place.directory);
    return SKALD_EXIT_NO;
}
