/* skald dev env */
#include "cli/dev_place.h"

static int run(const void *options, int argc, char **argv)
{
    const dev_place_options *place = options;
    skald_environment environment;
    (void)argc;
    (void)argv;
    const int exit_code = dev_place_environment(&skald_command_dev_env, place, &environment);
    if (exit_code != EX_OK)
        return exit_code;
    if (!place->json) {
        skald_environment_print(&environment, stdout);
        return EX_OK;
    }
    skald_json json = {.out = stdout};
    skald_environment_print_json(&environment, &json);
    skald_json_end(&json);
    return EX_OK;
}

static const skald_command_option options_table[] = {
    DEV_NAME_OPTION(dev_place_options, name),
    DEV_DIRECTORY_OPTION(dev_place_options, directory),
    {"json", NULL, SKALD_OPTION_FLAG, offsetof(dev_place_options, json), "print one JSON object"},
    {0},
};

const skald_command skald_command_dev_env = {
    .name = "dev env",
    .purpose = "print the variables that lead to running servers",
    .examples = "  eval \"$(skald dev env)\"        use the servers in this shell\n"
                "  skald dev env --json\n",
    .options = options_table,
    .options_size = sizeof(dev_place_options),
    .run = run,
};
