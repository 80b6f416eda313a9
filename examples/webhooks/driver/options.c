/* The command line. */
#include "driver/options.h"

#include "common/option.h"

#include <string.h>

static const char help[] =
    "examples/webhooks/demo                       watch a burst of events reach four endpoints\n"
    "examples/webhooks/demo --events 1000 --rate 200\n"
    "examples/webhooks/demo --json | tail -1      the figures for a program\n"
    "\n"
    "Starts a private PostgreSQL and nats-server, a service that sends webhooks, and endpoints\n"
    "that can take 50 of them in a second. Ten times as many events happen; three endpoints are\n"
    "killed for a while, and a fourth one is not there at all: after 72 hours, which take some\n"
    "seconds here, its deliveries are kept for a person, who replays them when it has come.\n"
    "Exit code 0 only when every endpoint was told of every event once and in order, and never\n"
    "faster than it can take. Nothing is left running and no other server is touched.\n"
    "\n"
    "  --events N               how many events happen, each for four endpoints (250)\n"
    "  --rate R                 how many deliveries in a second the endpoints can take (50)\n"
    "  --hour MS                how long an hour takes (150)\n"
    "  --spoil WHAT             falsifies ledger, lost or order before the check, to see that\n"
    "                           it can fail\n"
    "  --json                   the last line of the output is one JSON object\n"
    "  --no-build               runs what is built already\n"
    "  --help\n";

static const struct option known[] = {
    {"events", required_argument, NULL, 'n'},
    {"rate", required_argument, NULL, 'r'},
    {"hour", required_argument, NULL, 'o'},
    {"spoil", required_argument, NULL, 'x'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool is_spoilable(const char *what)
{
    return strcmp(what, "ledger") == 0 || strcmp(what, "lost") == 0 || strcmp(what, "order") == 0;
}

static bool read_option(void *options, int option, const char *value)
{
    demo_options *out = options;
    switch (option) {
    case 'n':
        return option_unsigned(value, 20, 100000, &out->event_count);
    case 'r':
        return option_unsigned(value, 10, 10000, &out->rate);
    case 'o':
        return option_milliseconds(value, 3600000, &out->hour_ms) && out->hour_ms >= 20;
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
    *out = (demo_options){.event_count = 250, .rate = 50, .hour_ms = 150};
    return options_parse(argc, argv, known, help, read_option, out, code);
}
