/* skald job discard */
#include "cli/job_change.h"

static int run(const void *options, int argc, char **argv)
{
    return job_change_run(&skald_command_job_discard, options, argc, argv,
                          "SELECT skald.job_discard($1, $2, $3)");
}

const skald_command skald_command_job_discard = {
    .name = "job discard",
    .purpose = "give single jobs up for good; rows are kept for a while",
    .examples = "  skald job discard 42 --reason \"test order\"\n",
    .operands = "JOB ...",
    .notes = "Later messages of its key go on then.\n",
    .options = job_change_options_table,
    .options_size = sizeof(job_change_options),
    .run = run,
};
