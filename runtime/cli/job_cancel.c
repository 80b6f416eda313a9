/* skald job cancel */
#include "cli/job_change.h"

static int run(const void *options, int argc, char **argv)
{
    return job_change_run(
        &skald_command_job_cancel, options, argc, argv,
        "SELECT skald.job_cancel((SELECT message_id FROM skald.job WHERE id = $1), $2, $3)");
}

const skald_command skald_command_job_cancel = {
    .name = "job cancel",
    .purpose = "cancel jobs of queues; one that runs is asked to end",
    .examples =
        "  skald job cancel 0192f3c1-5b7e-7d3a-9c1e-2f4a6b8c0d1e --reason \"ordered twice\"\n",
    .operands = "JOB ...",
    .notes = "Messages of followers are not cancelled but discarded.\n",
    .options = job_change_options_table,
    .options_size = sizeof(job_change_options),
    .run = run,
};
