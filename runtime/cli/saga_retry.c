/* skald saga retry */
#include "cli/saga_change.h"

#include <stdio.h>

static int run(const void *options, int argc, char **argv)
{
    saga_change_options given = *(const saga_change_options *)options;
    const bool new_state = given.state_json != NULL || given.edit;
    if (given.from != NULL && (given.step != NULL || new_state)) {
        fputs("skald saga retry: --from stands alone, without --step and a new state\n", stderr);
        return EX_USAGE;
    }
    const skald_saga_event_kind kind = given.from != NULL ? SKALD_EVENT_RETRY_FROM
                                       : new_state        ? SKALD_EVENT_RETRY_NEW_INPUT
                                                          : SKALD_EVENT_RETRY;
    if (given.from != NULL)
        given.step = given.from;
    return saga_change_run(&(saga_request){&skald_command_saga_retry, kind, true}, &given, argc,
                           argv);
}

static const skald_command_option options_table[] = {
    SAGA_STEP_OPTION,
    {"from", "STEP", SKALD_OPTION_TEXT, offsetof(saga_change_options, from),
     "undo down to this step and go on from there"},
    {"state-json", "FILE", SKALD_OPTION_TEXT, offsetof(saga_change_options, state_json),
     "with the state that is in this file, \"-\" for stdin"},
    {"edit", NULL, SKALD_OPTION_FLAG, offsetof(saga_change_options, edit),
     "change the state in $VISUAL, $EDITOR or vi first"},
    SAGA_CHANGE_OPTIONS,
    {0},
};

const skald_command skald_command_saga_retry = {
    .name = "saga retry",
    .purpose = "try a step, or its undo, again; let a blocked saga go on",
    .examples = "  skald saga retry order-42 --reason \"provider is back\"\n"
                "  skald saga retry order-42 --step charge-card --edit --reason \"wrong card\"\n"
                "  skald saga retry order-42 --from reserve-items --reason \"wrong size\"\n"
                "  skald saga retry --where \"step=charge-card and reason~503\" --dry-run\n",
    .operands = "[SAGA ...]",
    .notes = SAGA_WHERE_NOTES,
    .options = options_table,
    .options_size = sizeof(saga_change_options),
    .run = run,
};
