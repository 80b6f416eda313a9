/* skald job replay */
#include "cli/job_change.h"

static int run(const void *options, int argc, char **argv)
{
    return job_change_run(&skald_command_job_replay, options, argc, argv,
                          "SELECT skald.job_replay($1, $2, $3)");
}

const skald_command skald_command_job_replay = {
    .name = "job replay",
    .purpose = "let single jobs that failed or died run again, at once",
    .examples = "  skald job replay 42 --reason \"provider is back\"\n",
    .operands = "JOB ...",
    .notes = "Its attempts are counted anew. For many at once there is \"skald dead replay\".\n",
    .options = job_change_options_table,
    .options_size = sizeof(job_change_options),
    .run = run,
};
