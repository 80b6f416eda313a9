/* skald dead replay */
#include "cli/dead_bulk.h"

static int run(const void *options, int argc, char **argv)
{
    return dead_bulk_run(&skald_command_dead_replay, options, argc, argv, "replay");
}

const skald_command skald_command_dead_replay = {
    .name = "dead replay",
    .purpose = "let many dead jobs run again, as one durable operation",
    .examples = "  skald dead replay --fingerprint 9f3a61c2 --dry-run\n"
                "  skald dead replay --fingerprint 9f3a61c2 --reason \"fixed in 1.4\" --rate 20\n"
                "  skald dead replay 42 43 --reason \"provider is back\" --yes --wait\n",
    .operands = "[JOB ...]",
    .notes = "All conditions must hold. The set is frozen at once, and a process of the\n"
             "service works it off, the oldest job first; it goes on after a crash.\n"
             "Without --yes it shows the set and asks; where nobody can answer it refuses.\n",
    .options = dead_bulk_options_table,
    .options_size = sizeof(dead_bulk_options),
    .run = run,
};
