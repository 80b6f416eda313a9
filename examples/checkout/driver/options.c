/* The command line, with getopt_long. */
#include "driver/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define EXIT_USAGE 64

static const char help[] =
    "examples/checkout/demo                       watch 300 orders flow through five services\n"
    "examples/checkout/demo --orders 5000 --rate 500\n"
    "examples/checkout/demo --json | tail -1      the figures for a program\n"
    "\n"
    "Starts a private PostgreSQL, nats-server, the five services of the checkout and a payment\n"
    "provider, places orders over HTTP, stops the e-mail service for a while, and compares what\n"
    "everybody has in their books. Exit code 0 only when all orders ended and the books agree.\n"
    "Nothing is left running and no other server is touched.\n"
    "\n"
    "  --orders N               how many orders are placed (300)\n"
    "  --rate R                 how many of them in a second (50)\n"
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
    {"seed", required_argument, NULL, 's'},
    {"provider-latency", required_argument, NULL, 'p'},
    {"mail-latency", required_argument, NULL, 'm'},
    {"spoil", required_argument, NULL, 'x'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static bool read_number(const char *text, double min, double max, double *out)
{
    char *end = NULL;
    errno = 0;
    const double number = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(number >= min && number <= max))
        return false;
    *out = number;
    return true;
}

static bool read_seed(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

static bool is_spoilable(const char *what)
{
    return strcmp(what, "ledger") == 0 || strcmp(what, "stock") == 0 || strcmp(what, "mail") == 0 ||
           strcmp(what, "analytics") == 0;
}

/* One option; false when its value is wrong. */
static bool read_option(demo_options *out, int option, const char *value)
{
    double number = 0;
    switch (option) {
    case 'n':
        if (!read_number(value, 3, 1e6, &number))
            return false;
        out->order_count = (unsigned)number;
        return true;
    case 'r':
        return read_number(value, 0.1, 1e5, &out->rate);
    case 's':
        return read_seed(value, &out->seed);
    case 'p':
        if (!read_number(value, 0, 1e4, &number))
            return false;
        out->provider_latency_ms = (long)number;
        return true;
    case 'm':
        if (!read_number(value, 0, 1e3, &number))
            return false;
        out->mail_latency_ms = (long)number;
        return true;
    case 'x':
        out->spoil = value;
        return is_spoilable(value);
    default:
        out->json = true;
        return true;
    }
}

static bool refuse(const char *name, const char *value, int *code)
{
    fprintf(stderr, "checkout-demo: --%s %s: not a possible value; see --help\n", name, value);
    *code = EXIT_USAGE;
    return false;
}

bool options_read(demo_options *out, int argc, char **argv, int *code)
{
    *out = (demo_options){
        .order_count = 300, .rate = 50, .provider_latency_ms = 40, .mail_latency_ms = 20};
    uint32_t random = 1;
    (void)!getrandom(&random, sizeof(random), 0);
    out->seed = random;
    int option = 0;
    int index = 0;
    while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            *code = 0;
            return false;
        }
        if (option == '?') {
            *code = EXIT_USAGE;
            return false;
        }
        if (!read_option(out, option, optarg))
            return refuse(known[index].name, optarg, code);
    }
    if (optind < argc) {
        fprintf(stderr, "checkout-demo: \"%s\": no such argument; see --help\n", argv[optind]);
        *code = EXIT_USAGE;
        return false;
    }
    return true;
}
