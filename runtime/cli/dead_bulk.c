/* The options of a bulk change of dead jobs; what is done with them is in bulk.c. */
#include "cli/dead_bulk.h"
#include "cli/dead_filter.h"

const skald_command_option dead_bulk_options_table[] = {
    {"fingerprint", "F", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, fingerprint),
     "what died of this cause"},
    {"subscription", "S", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, subscription),
     "of this follower or queue"},
    {"type", "TYPE", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, type), "of this message type"},
    {"key", "KEY", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, key), "of this key"},
    {"error-class", "C", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, error_class),
     "with this class of error"},
    {"sqlstate", "CODE", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, sqlstate),
     "with this SQLSTATE"},
    {"since", "TIME", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, since),
     "died since: 90s, 15m, 2h, 7d, or RFC 3339"},
    {"until", "TIME", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, until), "died before"},
    {"all", NULL, SKALD_OPTION_FLAG, offsetof(dead_bulk_options, all), "all that is dead"},
    BULK_OPTIONS(dead_bulk_options),
    {"rate", "N", SKALD_OPTION_TEXT, offsetof(dead_bulk_options, bulk.rate),
     "jobs per second; otherwise as fast as it goes"},
    SESSION_CHANGE_OPTIONS(dead_bulk_options),
    SESSION_OPTIONS(dead_bulk_options),
    {0},
};

int dead_bulk_run(const skald_command *command, const dead_bulk_options *options, int argc,
                  char **argv, const char *action)
{
    cli_session session = {.command = command};
    bulk_change bulk = {.object = &bulk_jobs, .options = &options->bulk, .action = action};
    int exit_code = EX_OK;
    if (!dead_filter_given(options, argc, &session, &exit_code) ||
        !bulk_rate_read(&bulk, &session, &exit_code))
        return exit_code;
    if (!(options->bulk.dry_run
              ? session_open(&session, command, &options->session, &exit_code)
              : session_open_change(&session, command, &options->session, &exit_code)))
        return exit_code;
    if (dead_filter_make(&session, options, argc, argv, &bulk.filter, &exit_code))
        exit_code = bulk_run(&session, &bulk);
    return session_end(&session, exit_code);
}
