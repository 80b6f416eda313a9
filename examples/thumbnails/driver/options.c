/* The command line. */
#include "driver/options.h"

#include "common/option.h"

#include <string.h>

static const char help[] =
    "examples/thumbnails/demo                     watch 200 pictures become thumbnails\n"
    "examples/thumbnails/demo --pictures 1000 --rate 200 --threads 4\n"
    "examples/thumbnails/demo --json | tail -1    the figures for a program\n"
    "\n"
    "Starts a private PostgreSQL and nats-server, an upload API and one worker, uploads half\n"
    "of the pictures, starts two more workers, uploads the other half, kills a worker with\n"
    "kill -9, and compares every thumbnail, pixel by pixel, with what it must be. Exit code 0\n"
    "only when each was made exactly once. Nothing is left running and no other server is\n"
    "touched.\n"
    "\n"
    "  --pictures N             how many pictures are uploaded (200)\n"
    "  --rate R                 how many of them in a second, then 3 times as many (100)\n"
    "  --threads T              of each worker (2)\n"
    "  --delay MS               how long a worker waits for 16 rows of a thumbnail (24)\n"
    "  --seed S                 repeats the pictures of an earlier run (random)\n"
    "  --spoil WHAT             falsifies pixels, twice or lost before the check, to see that\n"
    "                           it can fail\n"
    "  --json                   the last line of the output is one JSON object\n"
    "  --no-build               runs what is built already\n"
    "  --help\n";

static const struct option known[] = {
    {"pictures", required_argument, NULL, 'n'},
    {"rate", required_argument, NULL, 'r'},
    {"threads", required_argument, NULL, 't'},
    {"delay", required_argument, NULL, 'd'},
    {"seed", required_argument, NULL, 's'},
    {"spoil", required_argument, NULL, 'x'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool is_spoilable(const char *what)
{
    return strcmp(what, "pixels") == 0 || strcmp(what, "twice") == 0 || strcmp(what, "lost") == 0;
}

static bool read_option(void *options, int option, const char *value)
{
    demo_options *out = options;
    switch (option) {
    case 'n':
        return option_unsigned(value, 40, 100000, &out->picture_count);
    case 'r':
        return option_number(value, 1, 1e4, &out->rate);
    case 't':
        return option_unsigned(value, 1, 64, &out->threads);
    case 'd':
        return option_milliseconds(value, 1000, &out->delay_ms);
    case 's':
        return option_seed(value, &out->seed);
    case 'x':
        out->spoil = value;
        return is_spoilable(value);
    default:
        out->json = true;
        return true;
    }
}

bool options_read(demo_options *out, int argc, char **argv, int *code)
{
    *out = (demo_options){.picture_count = 200,
                          .rate = 100,
                          .threads = 2,
                          .delay_ms = 24,
                          .seed = option_random_seed()};
    return options_parse(argc, argv, known, help, read_option, out, code);
}
