/* The `skald` command: finds the command's row, parses its options, runs it. */
#include "cli/command.h"

#include <assert.h>
#include <stdalign.h>
#include <string.h>

static int exit_code_of(skald_status status)
{
    switch (status) {
    case SKALD_OK:
        return EX_OK;
    case SKALD_INVALID:
        return EX_USAGE;
    case SKALD_MALFORMED:
        return EX_DATAERR;
    case SKALD_NOT_FOUND:
        return SKALD_EXIT_NO;
    case SKALD_UNAVAILABLE:
    case SKALD_BROKER:
        return EX_UNAVAILABLE;
    case SKALD_CONFLICT:
    case SKALD_TIMEOUT:
        return EX_TEMPFAIL;
    case SKALD_UNSAFE:
        return EX_NOPERM;
    case SKALD_SCHEMA:
        return EX_CONFIG;
    default:
        return EX_SOFTWARE;
    }
}

int skald_command_fail(const skald_command *command, const skald_error *error)
{
    fprintf(stderr, "skald %s: %s\n", command->name, error->text);
    return exit_code_of(error->status);
}

static int run(const skald_command *command, int argc, char **argv)
{
    alignas(max_align_t) char options[SKALD_COMMAND_OPTIONS_SIZE] = {0};
    int exit_code = EX_OK;
    assert(command->options_size <= sizeof options);
    const int first = skald_command_parse(command, argc, argv, options, &exit_code);
    return first < 0 ? exit_code : command->run(options, argc - first, argv + first);
}

/* `skald --help` and `skald --version` are what people try first. */
static int run_flag(const char *flag)
{
    if (strcmp(flag, "--version") == 0)
        printf("skald %s\n", SKALD_VERSION);
    else if (strcmp(flag, "--help") == 0 || strcmp(flag, "-h") == 0)
        skald_command_overview_print(stdout);
    else {
        fprintf(stderr, "skald: there is no option %s before a command\n", flag);
        return EX_USAGE;
    }
    return EX_OK;
}

int main(int argc, char **argv)
{
    int used = 0;
    if (argc < 2) {
        skald_command_overview_print(stderr);
        return EX_USAGE;
    }
    if (*argv[1] == '-')
        return run_flag(argv[1]);
    const skald_command *command = skald_command_find(argc - 1, argv + 1, &used);
    if (command == NULL)
        return skald_command_unknown(argc - 1, argv + 1);
    const int exit_code = run(command, argc - used, argv + used);
    /* Data that did not reach its reader is not a success. */
    return fflush(stdout) == 0 ? exit_code : EX_IOERR;
}
