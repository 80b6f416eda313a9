/* skald flow show */
#include "cli/flow_timeline.h"

typedef struct flow_show_options {
    session_options session;
    const char *flow;
} flow_show_options;

static int show(cli_session *session, const char *key, const char *flow)
{
    bool found = false;
    if (!flow_timeline_print(session, key, flow, &found))
        return session_fail(session);
    if (!found)
        return session_refuse(session, SKALD_EXIT_NO,
                              "no flow has seen anything of the key \"%s\"; \"skald flow list\" "
                              "lists what was seen",
                              key);
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    const flow_show_options *show_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fputs("skald flow show: say which key\n", stderr);
        return EX_USAGE;
    }
    if (!session_open(&session, &skald_command_flow_show, &show_options->session, &exit_code))
        return exit_code;
    return session_end(&session, show(&session, argv[0], show_options->flow));
}

static const skald_command_option options_table[] = {
    {"flow", "NAME", SKALD_OPTION_TEXT, offsetof(flow_show_options, flow),
     "of this flow; otherwise of all that know the key"},
    SESSION_TIME_OPTION(flow_show_options),
    SESSION_OPTIONS(flow_show_options),
    {0},
};

const skald_command skald_command_flow_show = {
    .name = "flow show",
    .purpose = "draw what came of a choreographed saga, and what is awaited",
    .examples = "  skald flow show order-42\n",
    .operands = "KEY",
    .notes = "Events stand in the order in which they happened, with the service they came\n"
             "from; what is awaited stands behind them, at the time until when.\n",
    .options = options_table,
    .options_size = sizeof(flow_show_options),
    .run = run,
};
