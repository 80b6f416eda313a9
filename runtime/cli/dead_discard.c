/* skald dead discard */
#include "cli/dead_bulk.h"

static int run(const void *options, int argc, char **argv)
{
    return dead_bulk_run(&skald_command_dead_discard, options, argc, argv, "discard");
}

const skald_command skald_command_dead_discard = {
    .name = "dead discard",
    .purpose = "give many dead jobs up for good, as one durable operation",
    .examples = "  skald dead discard --subscription email --until 7d --reason \"too old\"\n",
    .operands = "[JOB ...]",
    .notes = "All conditions must hold. The set is frozen at once, and a process of the\n"
             "service works it off, the oldest job first; it goes on after a crash.\n"
             "Without --yes it shows the set and asks; where nobody can answer it refuses.\n",
    .options = dead_bulk_options_table,
    .options_size = sizeof(dead_bulk_options),
    .run = run,
};
