/* skald saga compensate */
#include "cli/saga_change.h"

static int run(const void *options, int argc, char **argv)
{
    return saga_change_run(
        &(saga_request){&skald_command_saga_compensate, SKALD_EVENT_COMPENSATE, false}, options,
        argc, argv);
}

static const skald_command_option options_table[] = {SAGA_CHANGE_OPTIONS, {0}};

const skald_command skald_command_saga_compensate = {
    .name = "saga compensate",
    .purpose = "turn a saga back: undo what was done",
    .examples = "  skald saga compensate order-42 --reason \"wrong price list\"\n",
    .operands = "[SAGA ...]",
    .notes = SAGA_WHERE_NOTES,
    .options = options_table,
    .options_size = sizeof(saga_change_options),
    .run = run,
};
