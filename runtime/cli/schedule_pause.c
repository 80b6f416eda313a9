/* skald schedule pause */
#include "cli/object_change.h"

static int run(const void *options, int argc, char **argv)
{
    return object_change_run(
        &skald_command_schedule_pause, options, "schedule", argc, argv,
        OBJECT_CHANGE_SQL(
            "schedule", "pause",
            "UPDATE skald.schedule SET paused = true WHERE name = $1 RETURNING name"));
}

const skald_command skald_command_schedule_pause = {
    .name = "schedule pause",
    .purpose = "let a schedule make no runs until it is resumed",
    .examples = "  skald schedule pause nightly-report --reason \"the numbers are wrong\"\n",
    .operands = "NAME",
    .notes = NULL,
    .options = object_change_options_table,
    .options_size = sizeof(object_change_options),
    .run = run,
};
