/* skald saga skip */
#include "cli/saga_change.h"

static int run(const void *options, int argc, char **argv)
{
    return saga_change_run(&(saga_request){&skald_command_saga_skip, SKALD_EVENT_SKIP, true},
                           options, argc, argv);
}

static const skald_command_option options_table[] = {SAGA_STEP_OPTION, SAGA_CHANGE_OPTIONS, {0}};

const skald_command skald_command_saga_skip = {
    .name = "saga skip",
    .purpose = "go on without a step, or let be what was to be undone",
    .examples = "  skald saga skip order-42 --step send-mail --reason \"told by phone\"\n",
    .operands = "[SAGA ...]",
    .notes = SAGA_WHERE_NOTES,
    .options = options_table,
    .options_size = sizeof(saga_change_options),
    .run = run,
};
