/* skald queue resume */
#include "cli/object_change.h"

static int run(const void *options, int argc, char **argv)
{
    return object_change_run(
        &skald_command_queue_resume, options, "queue", argc, argv,
        OBJECT_CHANGE_SQL("queue", "resume",
                          "UPDATE skald.queue SET paused = false WHERE name = $1 RETURNING name"));
}

const skald_command skald_command_queue_resume = {
    .name = "queue resume",
    .purpose = "let jobs of a paused queue begin again",
    .examples = "  skald queue resume emails --reason \"provider is back\"\n",
    .operands = "NAME",
    .notes = NULL,
    .options = object_change_options_table,
    .options_size = sizeof(object_change_options),
    .run = run,
};
