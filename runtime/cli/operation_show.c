/* skald operation show */
#include "cli/operation_wait.h"

#include <stdlib.h>
#include <string.h>

typedef struct operation_show_options {
    session_options session;
    bool wait;
} operation_show_options;

static int run(const void *options, int argc, char **argv)
{
    const operation_show_options *show_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1 || strlen(argv[0]) > 18 || strspn(argv[0], "0123456789") != strlen(argv[0])) {
        fputs("skald operation show: say which operation, by its number\n", stderr);
        return EX_USAGE;
    }
    const int64_t operation = strtoll(argv[0], NULL, 10);
    if (!session_open(&session, &skald_command_operation_show, &show_options->session, &exit_code))
        return exit_code;
    return session_end(&session, show_options->wait ? operation_wait(&session, operation)
                                                    : operation_print(&session, operation));
}

static const skald_command_option options_table[] = {
    {"wait", NULL, SKALD_OPTION_FLAG, offsetof(operation_show_options, wait),
     "until it is over; exits with 2 when jobs were refused"},
    SESSION_TIME_OPTION(operation_show_options),
    SESSION_OPTIONS(operation_show_options),
    {0},
};

const skald_command skald_command_operation_show = {
    .name = "operation show",
    .purpose = "say how far a bulk operation is, and what it refused",
    .examples = "  skald operation show 7\n"
                "  skald operation show 7 --wait\n",
    .operands = "OPERATION",
    .options = options_table,
    .options_size = sizeof(operation_show_options),
    .run = run,
};
