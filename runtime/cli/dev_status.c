/* skald dev status */
#include "cli/dev_place.h"

static void print_stopped(const skald_place *place, bool json)
{
    if (!json) {
        printf("not running  %s\n", place->directory);
        return;
    }
    skald_json out = {.out = stdout};
    skald_json_open(&out, '{');
    skald_json_name(&out, "running");
    skald_json_boolean(&out, false);
    skald_json_name(&out, "directory");
    skald_json_text(&out, place->directory);
    skald_json_close(&out, '}');
    skald_json_end(&out);
}

static void print_running(const skald_environment *environment, bool json)
{
    if (!json) {
        printf("running      process %d\n", (int)skald_environment_owner(environment));
        skald_environment_banner(environment, 0, NULL, stdout);
        return;
    }
    skald_json out = {.out = stdout};
    skald_json_open(&out, '{');
    skald_json_name(&out, "running");
    skald_json_boolean(&out, true);
    skald_json_name(&out, "pid");
    skald_json_integer(&out, skald_environment_owner(environment));
    skald_json_name(&out, "directory");
    skald_json_text(&out, environment->values[SKALD_ENVIRONMENT_SKALD_DEV_DIRECTORY]);
    skald_json_name(&out, "environment");
    skald_environment_print_json(environment, &out);
    skald_json_close(&out, '}');
    skald_json_end(&out);
}

static int run(const void *options, int argc, char **argv)
{
    const dev_place_options *status = options;
    skald_environment environment;
    skald_place place;
    int exit_code = EX_OK;
    (void)argc;
    (void)argv;
    if (!dev_place_find(&skald_command_dev_status, status, &place, &exit_code))
        return exit_code;
    if (!skald_place_owned(&place) || !skald_environment_read(&environment, place.directory)) {
        print_stopped(&place, status->json);
        return SKALD_EXIT_NO;
    }
    print_running(&environment, status->json);
    return EX_OK;
}

static const skald_command_option options_table[] = {
    DEV_NAME_OPTION(dev_place_options, name),
    DEV_DIRECTORY_OPTION(dev_place_options, directory),
    {"json", NULL, SKALD_OPTION_FLAG, offsetof(dev_place_options, json), "print one JSON object"},
    {0},
};

const skald_command skald_command_dev_status = {
    .name = "dev status",
    .purpose = "say whether servers run, and where; exits with 1 when not",
    .examples = "  skald dev status\n"
                "  skald dev status --name shop --json\n",
    .options = options_table,
    .options_size = sizeof(dev_place_options),
    .run = run,
};
