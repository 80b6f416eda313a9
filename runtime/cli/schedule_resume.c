/* skald schedule resume */
#include "cli/object_change.h"

static int run(const void *options, int argc, char **argv)
{
    return object_change_run(
        &skald_command_schedule_resume, options, "schedule", argc, argv,
        OBJECT_CHANGE_SQL(
            "schedule", "resume",
            "UPDATE skald.schedule SET paused = false WHERE name = $1 RETURNING name"));
}

const skald_command skald_command_schedule_resume = {
    .name = "schedule resume",
    .purpose = "let a paused schedule make runs again",
    .examples = "  skald schedule resume nightly-report --reason \"the numbers are right\"\n",
    .operands = "NAME",
    .notes = "Runs that came due meanwhile are treated as its MISSED policy says: one run\n"
             "for all of them, all of them, or none.\n",
    .options = object_change_options_table,
    .options_size = sizeof(object_change_options),
    .run = run,
};
