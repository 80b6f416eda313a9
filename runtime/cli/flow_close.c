/* skald flow close */
#include "cli/session.h"

#include <string.h>

typedef struct flow_close_options {
    session_options session;
    const char *flow;
} flow_close_options;

static int close_one(cli_session *session, const char *flow, const char *key)
{
    const skald_rows *rows = session_query(session, "SELECT skald.flow_close($1, $2, $3, $4)", flow,
                                           key, session->actor, session->reason);
    if (rows == NULL)
        return session_fail(session);
    const char *answer = skald_rows_text(rows, 0, 0);
    if (strcmp(answer, "ok") != 0)
        return session_refused(session, answer);
    if (!session->json) {
        printf("flow %s, key %s: closed\n", flow, key);
        return EX_OK;
    }
    skald_json_open(&session->out, '{');
    skald_json_name(&session->out, "flow");
    skald_json_text(&session->out, flow);
    skald_json_name(&session->out, "key");
    skald_json_text(&session->out, key);
    skald_json_name(&session->out, "result");
    skald_json_text(&session->out, answer);
    skald_json_close(&session->out, '}');
    skald_json_end(&session->out);
    return EX_OK;
}

/* Which flow is meant when it is not said: the only one that has this key and has not ended. */
static int close_found(cli_session *session, const char *key)
{
    const skald_rows *rows =
        session_query(session,
                      "SELECT flow, string_agg(flow, ', ') OVER () FROM skald.flow WHERE key = $1"
                      " ORDER BY phase = 'ended', flow",
                      key);
    const skald_rows *open = session_query(
        session, "SELECT count(*) FROM skald.flow WHERE key = $1 AND phase <> 'ended'", key);
    if (rows == NULL || open == NULL)
        return session_fail(session);
    if (skald_rows_count(rows) == 0)
        return session_refuse(session, SKALD_EXIT_NO, "no flow has seen anything of the key \"%s\"",
                              key);
    if (skald_rows_integer(open, 0, 0) > 1)
        return session_refuse(session, EX_USAGE,
                              "the key \"%s\" is one of several flows (%s): say which with --flow",
                              key, skald_rows_text(rows, 0, 1));
    return close_one(session, skald_rows_text(rows, 0, 0), key);
}

static int run(const void *options, int argc, char **argv)
{
    const flow_close_options *close_options = options;
    cli_session session;
    int exit_code = EX_OK;
    if (argc != 1) {
        fputs("skald flow close: say which key\n", stderr);
        return EX_USAGE;
    }
    if (!session_open_change(&session, &skald_command_flow_close, &close_options->session,
                             &exit_code))
        return exit_code;
    return session_end(&session, close_options->flow != NULL
                                     ? close_one(&session, close_options->flow, argv[0])
                                     : close_found(&session, argv[0]));
}

static const skald_command_option options_table[] = {
    {"flow", "NAME", SKALD_OPTION_TEXT, offsetof(flow_close_options, flow),
     "of this flow, where the key is one of several"},
    SESSION_CHANGE_OPTIONS(flow_close_options),
    SESSION_OPTIONS(flow_close_options),
    {0},
};

const skald_command skald_command_flow_close = {
    .name = "flow close",
    .purpose = "await nothing more of a choreographed saga",
    .examples = "  skald flow close order-42 --reason \"paid by bank transfer\"\n",
    .operands = "KEY",
    .notes = "Nothing is done to any service. Events that come later are noted all the same.\n",
    .options = options_table,
    .options_size = sizeof(flow_close_options),
    .run = run,
};
