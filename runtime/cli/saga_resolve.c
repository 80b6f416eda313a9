/* skald saga resolve */
#include "cli/saga_change.h"

#include <stdio.h>

static int run(const void *options, int argc, char **argv)
{
    const saga_change_options *given = options;
    if (given->done == given->not_done) {
        fputs("skald saga resolve: say what you have seen: --done or --not-done\n", stderr);
        return EX_USAGE;
    }
    const skald_saga_event_kind kind =
        given->done ? SKALD_EVENT_RESOLVE_DONE : SKALD_EVENT_RESOLVE_NOT_DONE;
    return saga_change_run(&(saga_request){&skald_command_saga_resolve, kind, true}, given, argc,
                           argv);
}

static const skald_command_option options_table[] = {
    {"done", NULL, SKALD_OPTION_FLAG, offsetof(saga_change_options, done),
     "it is done; of an undo: it is undone"},
    {"not-done", NULL, SKALD_OPTION_FLAG, offsetof(saga_change_options, not_done),
     "it is not done"},
    SAGA_STEP_OPTION,
    SAGA_CHANGE_OPTIONS,
    {0},
};

const skald_command skald_command_saga_resolve = {
    .name = "saga resolve",
    .purpose = "say what became of a step, which you have seen yourself",
    .examples = "  skald saga resolve order-42 --done --reason \"booking 7 is in their books\"\n"
                "  skald saga resolve order-42 --step pay-out --not-done --reason \"no trace\"\n",
    .operands = "[SAGA ...]",
    .notes = SAGA_WHERE_NOTES,
    .options = options_table,
    .options_size = sizeof(saga_change_options),
    .run = run,
};
