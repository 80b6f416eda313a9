/* skald operation stop */
#include "cli/object_change.h"

static int run(const void *options, int argc, char **argv)
{
    return object_change_run(
        &skald_command_operation_stop, options, "operation", argc, argv,
        "SELECT CASE WHEN $1 ~ '^[0-9]{1,18}$' THEN skald.operation_stop($1::bigint, $2, $3)"
        " ELSE format('there is no operation \"%s\"', $1::text) END");
}

const skald_command skald_command_operation_stop = {
    .name = "operation stop",
    .purpose = "stop a bulk operation; what it has done stays done",
    .examples = "  skald operation stop 7 --reason \"the fix was none\"\n",
    .operands = "OPERATION",
    .notes = NULL,
    .options = object_change_options_table,
    .options_size = sizeof(object_change_options),
    .run = run,
};
