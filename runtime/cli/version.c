/* skald version */
#include "cli/command.h"

typedef struct version_options {
    bool json;
} version_options;

static int run(const void *options, int argc, char **argv)
{
    const version_options *version = options;
    (void)argc;
    (void)argv;
    printf(version->json ? "{\"version\":\"%s\"}\n" : "skald %s\n", SKALD_VERSION);
    return EX_OK;
}

static const skald_command_option options_table[] = {
    {"json", NULL, SKALD_OPTION_FLAG, offsetof(version_options, json), "print one JSON object"},
    {0},
};

const skald_command skald_command_version = {
    .name = "version",
    .purpose = "print the version",
    .examples = "  skald version\n",
    .options = options_table,
    .options_size = sizeof(version_options),
    .run = run,
};
