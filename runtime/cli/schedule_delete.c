/* skald schedule delete */
#include "cli/object_change.h"

static int run(const void *options, int argc, char **argv)
{
    return object_change_run(
        &skald_command_schedule_delete, options, "schedule", argc, argv,
        OBJECT_CHANGE_SQL("schedule", "delete",
                          "DELETE FROM skald.schedule WHERE name = $1 RETURNING name"));
}

const skald_command skald_command_schedule_delete = {
    .name = "schedule delete",
    .purpose = "delete a schedule that no program declares any more",
    .examples = "  skald schedule delete nightly-report --reason \"replaced by hourly\"\n",
    .operands = "NAME",
    .notes = "A program that still declares it makes it anew when it starts.\n",
    .options = object_change_options_table,
    .options_size = sizeof(object_change_options),
    .run = run,
};
