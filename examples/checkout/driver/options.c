/* The command line. */
#include "driver/options.h"

#include "common/option.h"

#include <string.h>

#define RATE 50

static const char help[] =
    "examples/checkout/demo                       watch 300 orders flow through five services\n"
    "examples/checkout/demo --orders 5000 --rate 500\n"
    "examples/checkout/demo --mode orchestrated   the same, led by a saga\n"
    "examples/checkout/demo --mode orchestrated --chaos 120 --orders 3000\n"
    "examples/checkout/demo --json | tail -1      the figures for a program\n"
    "\n"
    "Starts a private PostgreSQL, nats-server, the five services of the checkout and a payment\n"
    "provider, places orders over HTTP, stops the e-mail service for a while, and compares what\n"
    "everybody has in their books. Exit code 0 only when all orders ended and the books agree.\n"
    "Nothing is left running and no other server is touched.\n"
    "\n"
    "choreographed: each service follows the others' events, and nobody is in charge.\n"
    "orchestrated: a saga of the service orders sends commands, the others answer, and what\n"
    "was done is taken back in the reverse order when one of them refuses.\n"
    "\n"
    "  --orders N               how many orders are placed (300)\n"
    "  --rate R                 how many of them in a second (50; in chaos: spread over it)\n"
    "  --mode MODE              choreographed (the default) or orchestrated\n"
    "  --chaos SECONDS          instead of the outage of the e-mail service: orders, payments,\n"
    "                           inventory and email are killed at random for so long\n"
    "  --timeline               shows in the end the way of one order, as skald saga show and\n"
    "                           skald flow show do\n"
    "  --seed S                 repeats the customers of an earlier run (random)\n"
    "  --provider-latency MS    how long the payment provider takes for a call (40)\n"
    "  --mail-latency MS        how long the mail server takes for a mail (20)\n"
    "  --spoil WHAT             falsifies ledger, stock, mail or analytics before the check,\n"
    "                           to see that it can fail\n"
    "  --json                   the last line of the output is one JSON object\n"
    "  --no-build               runs what is built already\n"
    "  --help\n";

static const struct option known[] = {
    {"orders", required_argument, NULL, 'n'},
    {"rate", required_argument, NULL, 'r'},
    {"mode", required_argument, NULL, 'o'},
    {"chaos", required_argument, NULL, 'c'},
    {"timeline", no_argument, NULL, 't'},
    {"seed", required_argument, NULL, 's'},
    {"provider-latency", required_argument, NULL, 'p'},
    {"mail-latency", required_argument, NULL, 'm'},
    {"spoil", required_argument, NULL, 'x'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool is_spoilable(const char *what)
{
    return strcmp(what, "ledger") == 0 || strcmp(what, "stock") == 0 || strcmp(what, "mail") == 0 ||
           strcmp(what, "analytics") == 0;
}

static bool read_mode(const char *mode, bool *orchestrated)
{
    *orchestrated = strcmp(mode, "orchestrated") == 0;
    return *orchestrated || strcmp(mode, "choreographed") == 0;
}

static bool read_option(void *options, int option, const char *value)
{
    demo_options *out = options;
    switch (option) {
    case 'n':
        return option_unsigned(value, 3, 1000000, &out->order_count);
    case 'r':
        return option_number(value, 0.1, 1e5, &out->rate);
    case 'o':
        return read_mode(value, &out->orchestrated);
    case 't':
        out->timeline = true;
        return true;
    case 'c':
        return option_unsigned(value, 1, 86400, &out->chaos_s);
    case 's':
        return option_seed(value, &out->seed);
    case 'p':
        return option_milliseconds(value, 10000, &out->provider_latency_ms);
    case 'm':
        return option_milliseconds(value, 1000, &out->mail_latency_ms);
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
    *out = (demo_options){.order_count = 300,
                          .seed = option_random_seed(),
                          .provider_latency_ms = 40,
                          .mail_latency_ms = 20};
    if (!options_parse(argc, argv, known, help, read_option, out, code))
        return false;
    if (out->rate == 0)
        out->rate = out->chaos_s > 0 ? (double)out->order_count / out->chaos_s : RATE;
    return true;
}
