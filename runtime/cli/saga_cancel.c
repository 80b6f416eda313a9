/* skald saga cancel */
#include "cli/saga_change.h"

static int run(const void *options, int argc, char **argv)
{
    return saga_change_run(&(saga_request){&skald_command_saga_cancel, SKALD_EVENT_CANCEL, false},
                           options, argc, argv);
}

static const skald_command_option options_table[] = {SAGA_CHANGE_OPTIONS, {0}};

const skald_command skald_command_saga_cancel = {
    .name = "saga cancel",
    .purpose = "cancel a saga that is not wanted any more: undo what was done",
    .examples = "  skald saga cancel order-42 --reason \"customer called\"\n"
                "  skald saga cancel --where \"definition=trip and since=2h\" --dry-run\n",
    .operands = "[SAGA ...]",
    .notes = SAGA_WHERE_NOTES,
    .options = options_table,
    .options_size = sizeof(saga_change_options),
    .run = run,
};
