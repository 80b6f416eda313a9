/* skald dev stop */
#include "cli/dev_place.h"

#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#define STOP_MS 60000u
#define POLL_MS 10u

static int await_end(const skald_place *place)
{
    const uint64_t begun = skald_clock_ms();
    while (skald_place_owned(place)) {
        if (skald_clock_ms() - begun > STOP_MS) {
            fprintf(stderr, "skald dev stop: they have not stopped within %u s\n", STOP_MS / 1000);
            return EX_TEMPFAIL;
        }
        skald_clock_sleep_ms(POLL_MS);
    }
    return EX_OK;
}

static int run(const void *options, int argc, char **argv)
{
    skald_environment environment;
    skald_place place;
    (void)argc;
    (void)argv;
    int exit_code = dev_place_environment(&skald_command_dev_stop, options, &environment);
    if (exit_code != EX_OK || !dev_place_find(&skald_command_dev_stop, options, &place, &exit_code))
        return exit_code;
    if (kill(skald_environment_owner(&environment), SIGTERM) != 0) {
        fprintf(stderr, "skald dev stop: process %d cannot be stopped: %s\n",
                (int)skald_environment_owner(&environment), strerror(errno));
        return EX_NOPERM;
    }
    return await_end(&place);
}

static const skald_command_option options_table[] = {
    DEV_NAME_OPTION(dev_place_options, name),
    DEV_DIRECTORY_OPTION(dev_place_options, directory),
    {0},
};

const skald_command skald_command_dev_stop = {
    .name = "dev stop",
    .purpose = "stop servers that run elsewhere; returns when they are gone",
    .examples = "  skald dev stop\n"
                "  skald dev stop --name shop\n",
    .options = options_table,
    .options_size = sizeof(dev_place_options),
    .run = run,
};
