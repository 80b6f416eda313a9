/* main() for a service: the few words it understands, signals, exit codes. Who supervises whom is
 * in supervisor/. */
#include "service/plan.h"
#include "service/service_inside.h"
#include "supervisor/hand.h"
#include "supervisor/supervisor.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static skald_service *volatile running; /* for the signal handler */
static volatile sig_atomic_t signals_seen;

static void stop_signal(int number)
{
    if (signals_seen++ > 0)
        _exit(128 + number);
    skald_service_request_stop(running);
}

static void signals_take(skald_service *service)
{
    running = service;
    signals_seen = 0;
    struct sigaction action = {.sa_handler = stop_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* A supervised worker may get the same request twice: systemd tells every process of a service, and
 * the supervisor tells its workers. Only the supervisor knows when it is a second one. */
static void worker_stop_signal(int number)
{
    (void)number;
    skald_service_request_stop(running);
}

static void worker_begin(void *user)
{
    running = user;
    skald_service_forked(running);
    struct sigaction action = {.sa_handler = worker_stop_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int skald_exit_code(skald_status status)
{
    switch (status) {
    case SKALD_OK:
        return EX_OK;
    case SKALD_UNAVAILABLE:
    case SKALD_BROKER:
    case SKALD_DATABASE:
        return EX_UNAVAILABLE;
    case SKALD_TIMEOUT:
        return EX_TEMPFAIL;
    case SKALD_UNSAFE:
    case SKALD_HISTORY_LOST:
        return EX_NOPERM;
    case SKALD_INVALID:
    case SKALD_SCHEMA:
    case SKALD_FULL:
        return EX_CONFIG;
    default:
        return EX_SOFTWARE;
    }
}

static int usage(FILE *out, const char *program, int code)
{
    fprintf(
        out,
        "Usage: %s [run | plan [--apply] | what-if --job ID | --help | --version]\n"
        "\n"
        "Runs a Skald service until SIGTERM, SIGINT or SIGHUP, which drain it: messages in hand "
        "are\n"
        "finished, partitions given back. A second signal ends it at once. This process watches "
        "over\n"
        "worker processes and replaces one that crashes, or whose handler takes too long; what it\n"
        "had in hand is tried alone, and is dead after it has ended three of them.\n"
        "\n"
        "plan, before a deployment, compares the sagas that run with the newest version of their\n"
        "definitions in this program and changes nothing: which could go on with it, and why not\n"
        "the others. It ends with 1 when there are such. With --apply it moves those that could,\n"
        "while no program of the old version runs; --rename OLD=NEW says what a step is called "
        "now.\n"
        "\n"
        "what-if shows what this program would do with a message that is parked or dead, or with\n"
        "a saga (--saga ID), and does not do it; what-if --help says more.\n"
        "\n"
        "Environment:\n"
        "  PGHOST, PGDATABASE, ...  the service's database, as for psql\n"
        "  NATS_URL                 the NATS server; without it the service follows only itself\n"
        "  NATS_TOKEN, NATS_CREDS   credentials, when the URL has none\n"
        "  SKALD_LOG                debug, info (default), warning or error\n"
        "  SKALD_SUPERVISE          no: no worker processes, all runs in this one, for debuggers\n"
        "  NOTIFY_SOCKET, WATCHDOG_USEC  systemd's, which is told when the service runs and stops\n"
        "  SKALD_ALERT_COMMAND      a program that is told of new groups of dead messages\n"
        "  SKALD_ALLOW              unsafe settings that are accepted: fsync full_page_writes\n"
        "                           synchronous_commit\n"
        "\n"
        "Exit codes: 0 stopped in order, 64 usage, 69 servers cannot be reached, 75 the drain "
        "took\n"
        "too long, 77 unsafe setting refused, 78 wrong option or schema.\n",
        program);
    return code;
}

static int serve(skald_service *service)
{
    skald_error error = {0};
    const skald_status status = skald_service_run(service, &error);
    if (status != SKALD_OK)
        fprintf(stderr, "%s: %s\n", service == NULL ? "skald" : service->name, error.text);
    const bool stuck = service != NULL && service->state == SKALD_SERVICE_STUCK;
    /* User code still runs on one of our threads, so nothing may be torn down under it. */
    if (stuck)
        _exit(skald_exit_code(status));
    return skald_exit_code(status);
}

/* What is known to be wrong is said at once, by this process. */
static bool supervision_wanted(const skald_service *service)
{
    const char *setting = getenv("SKALD_SUPERVISE");
    return service != NULL && service->mistake.status == SKALD_OK &&
           (setting == NULL || strcmp(setting, "no") != 0);
}

static int run(skald_service *service)
{
    if (!supervision_wanted(service)) {
        signals_take(service);
        return serve(service);
    }
    const skald_supervise_options options = {
        .service = service->name,
        .processes = service->options.processes,
        .drain_ms = service->options.drain_ms,
        .log = &service->log,
        .begin = worker_begin,
        .user = service,
    };
    int code = EX_SOFTWARE;
    return skald_supervise(&options, &code) ? serve(service) : code;
}

static int plan(skald_service *service, const char *program, int argc, char **argv)
{
    skald_error error = {0};
    int code = EX_OK;
    if (service == NULL || service->mistake.status != SKALD_OK)
        return serve(service); /* which says what is wrong, and does no more */
    const skald_status status = skald_plan_sagas(service, argc, argv, stdout, &code, &error);
    if (status == SKALD_OK)
        return code == EX_USAGE ? usage(stderr, program, code) : code;
    fprintf(stderr, "%s: %s\n", service->name, error.text);
    return skald_exit_code(status);
}

int skald_main(skald_service *service, int argc, char **argv)
{
    const char *program = argc > 0 ? argv[0] : "service";
    const char *word = argc > 1 ? argv[1] : "run";
    int code;
    if (strcmp(word, "plan") == 0)
        code = plan(service, program, argc - 2, argv + 2);
    else if (strcmp(word, "what-if") == 0)
        code = skald_what_if_word(service, argc, argv);
    else if (argc > 2)
        code = usage(stderr, program, EX_USAGE);
    else if (strcmp(word, "run") == 0)
        code = run(service);
    else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0)
        code = usage(stdout, program, EX_OK);
    else if (strcmp(word, "--version") == 0)
        code = printf("%s on skald %s\n", service == NULL ? "service" : service->name,
                      SKALD_VERSION) < 0
                   ? EX_SOFTWARE
                   : EX_OK;
    else
        code = usage(stderr, program, EX_USAGE);
    running = NULL;
    skald_service_free(service);
    return code;
}
