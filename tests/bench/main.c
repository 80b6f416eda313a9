/* skald_bench [--rounds N] [--events N] [--only hop|write|carry|end|queue|saga] [--json]: Skald
 * against the same work by hand, on private servers that are as durable as in earnest. */
#include "bench/bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

typedef struct part {
    const char *name;
    void (*run)(bench_round *bench);
} part;

static const part parts[] = {
    {"hop", bench_hop},        {"write", bench_write}, {"carry", bench_relay_and_follow},
    {"end", bench_end_to_end}, {"queue", bench_queue}, {"saga", bench_saga},
};

typedef struct bench_settings {
    unsigned rounds;
    unsigned events;
    const char *only;
    bool json;
} bench_settings;

static unsigned number_read(const char *text, unsigned most)
{
    char *rest = NULL;
    const unsigned long number = strtoul(text, &rest, 10);
    if (*text == '\0' || *rest != '\0' || number < 1 || number > most)
        bench_die("\"%s\" is not a number from 1 to %u", text, most);
    return (unsigned)number;
}

static bench_settings settings_read(int argc, char **argv)
{
    static const struct option known[] = {{"rounds", required_argument, NULL, 'r'},
                                          {"events", required_argument, NULL, 'e'},
                                          {"only", required_argument, NULL, 'o'},
                                          {"json", no_argument, NULL, 'j'},
                                          {0}};
    bench_settings read = {.rounds = 5, .events = 200000};
    int option;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (option == 'r')
            read.rounds = number_read(optarg, FIGURE_ROUNDS_MAX);
        else if (option == 'e')
            read.events = number_read(optarg, 10000000);
        else if (option == 'o')
            read.only = optarg;
        else if (option == 'j')
            read.json = true;
        else
            bench_die("usage: skald_bench [--rounds N] [--events N] [--only PART] [--json]");
    }
    return read;
}

static void round_run(bench_round *bench, const char *only)
{
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (only != NULL && strcmp(only, parts[i].name) != 0)
            continue;
        fprintf(stderr, "round %u: %s\n", bench->round, parts[i].name);
        parts[i].run(bench);
    }
}

int main(int argc, char **argv)
{
    static figure_table measured;
    const bench_settings settings = settings_read(argc, argv);
    const skald_servers_options options = {.ephemeral = true, .safe = true};
    bench_round bench = {
        .figures = &measured, .events = settings.events, .hops = 400, .hops_second = 200};
    skald_error error = {0};
    unsetenv("NATS_URL");
    setenv("SKALD_LOG", "warning", 0);
    /* Short waits are as short as they are asked to be. */
    prctl(PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
    bench_must(skald_servers_start(&bench.servers, &options, &error), "servers", &error);
    for (bench.round = 1; bench.round <= settings.rounds; bench.round++)
        round_run(&bench, settings.only);
    skald_servers_stop(bench.servers);
    printf("Medians of %u rounds of %u events, ours and by hand in turn; ratio: to the same work by"
           " hand.\n",
           settings.rounds, settings.events);
    figures_print(&measured);
    if (settings.json)
        figures_print_json(&measured, settings.rounds, settings.events);
    return 0;
}
