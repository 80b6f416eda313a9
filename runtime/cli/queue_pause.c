/* skald queue pause */
#include "cli/object_change.h"

static int run(const void *options, int argc, char **argv)
{
    return object_change_run(
        &skald_command_queue_pause, options, "queue", argc, argv,
        OBJECT_CHANGE_SQL("queue", "pause",
                          "UPDATE skald.queue SET paused = true WHERE name = $1 RETURNING name"));
}

const skald_command skald_command_queue_pause = {
    .name = "queue pause",
    .purpose = "let no job of a queue begin until it is resumed",
    .examples = "  skald queue pause emails --reason \"provider has an outage\"\n",
    .operands = "NAME",
    .notes = "Jobs that run are not touched, and new ones are taken in.\n",
    .options = object_change_options_table,
    .options_size = sizeof(object_change_options),
    .run = run,
};
