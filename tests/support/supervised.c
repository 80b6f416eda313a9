/* The program runs itself again as a supervised one. */
#include "support/supervised.h"
#include "support/crime.h"
#include "support/test.h"

#include "base/log.h"
#include "supervisor/supervised.h"
#include "supervisor/supervisor.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { LIMIT_MS = 300, LONG_MS = 3600000, DRAIN_MS = 500 };

/* argv: program, this word, what its first worker does, how many workers. */
static const char program_word[] = "--supervised-program";

static volatile sig_atomic_t stop_wanted;

static void on_stop(int number)
{
    (void)number;
    stop_wanted = 1;
}

static void begin(void *user)
{
    (void)user;
    struct sigaction action = {.sa_handler = on_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
}

static void say(const char *format, ...)
{
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    (void)!write(1, line, (size_t)size);
}

static void *hold(void *unused)
{
    const skald_hand_work work = {.subscription = "letters", .code = "innocent", .position = 7};
    (void)unused;
    skald_hand_take(skald_hand_claim(), &work, LONG_MS);
    say("holds\n");
    while (!stop_wanted)
        pause();
    return NULL;
}

static void *offend(void *kind)
{
    skald_hand_work work = {
        .subscription = "letters", .type = "test.v1.Letter", .partition = 3, .position = 42};
    snprintf(work.code, sizeof work.code, "%s", (const char *)kind);
    /* Who is to be past its time is so soon; the others have all the time they need. */
    const crime *of = crime_find(kind);
    skald_hand_take(skald_hand_claim(), &work, of != NULL && of->timed_out ? LIMIT_MS : LONG_MS);
    say("offends as %d\n", (int)getpid());
    crime_commit(kind);
    return kind;
}

/* A thread without a hand. */
static void *offend_empty_handed(void *kind)
{
    crime_commit(kind);
    return kind;
}

static void thread_start(void *(*run)(void *), const char *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, (void *)(uintptr_t)argument) != 0)
        abort();
    pthread_detach(thread);
}

static void innocent_start(void)
{
    thread_start(hold, NULL);
    while (atomic_load(&skald_hand_shared()->hands[0].deadline_us) == 0)
        usleep(1000);
}

/* What the workers before this one left; how many that was. */
static int aftermath(void)
{
    static skald_crash crash;
    char id[SKALD_PROCESS_ID];
    int count = 0;
    while (skald_crash_next(&crash)) {
        say("crash of %s: %s%s%s, position %lld of %s in %s, started %d\n%s", crash.work.code,
            crash.signal, crash.timed_out ? ", timed out" : "", crash.sure ? ", sure" : "",
            (long long)crash.work.position, crash.work.subscription, crash.process_id,
            crash.started_us > 1600000000000000, crash.backtrace);
        skald_crash_noted(&crash);
        count++;
    }
    while (skald_dead_next(id)) {
        say("%s is gone\n", id);
        skald_dead_noted();
    }
    return count;
}

/* Beats as a service does. */
static void serve(void)
{
    skald_supervised_ready();
    say("runs as %d\n", (int)getpid());
    while (!stop_wanted) {
        skald_hand_beat(SKALD_BEAT_LEASES);
        usleep(10000);
    }
    say("drains\n");
}

static bool begins_with(const char *text, const char *word)
{
    return strncmp(text, word, strlen(word)) == 0;
}

/* What the first worker does before it serves; some of it does not return. */
static void misbehave(const char *what)
{
    const char *both = begins_with(what, "both ") ? what + 5 : NULL;
    const char *other = begins_with(what, "other ") ? what + 6 : NULL;
    if (strcmp(what, "refuse") == 0)
        _exit(78);
    skald_supervised_ready();
    if (strcmp(what, "end") == 0)
        _exit(78);
    if (strcmp(what, "crash idle") == 0)
        crime_commit("segv");
    if (strcmp(what, "hang in drain") == 0) {
        say("runs as %d\n", (int)getpid());
        for (;;)
            pause();
    }
    if (both != NULL || other != NULL)
        innocent_start();
    if (other != NULL)
        thread_start(offend_empty_handed, other);
    else
        thread_start(offend, both != NULL ? both : what);
}

static int work(const char *what)
{
    char id[SKALD_PROCESS_ID];
    const char *code = getenv("TEST_CODE");
    snprintf(id, sizeof id, "process-%d", (int)getpid());
    skald_supervised_known(id);
    if (getenv("NOTIFY_SOCKET") != NULL)
        say("sees what is its supervisor's\n");
    if (aftermath() == 0 && strcmp(what, "serve") != 0)
        misbehave(what);
    serve();
    return code != NULL ? atoi(code) : 0;
}

void supervised_become(int argc, char **argv)
{
    static skald_log log;
    if (argc < 4 || strcmp(argv[1], program_word) != 0)
        return;
    skald_log_init(&log, "shop", NULL, NULL);
    const skald_supervise_options options = {.service = "shop",
                                             .processes = (uint32_t)atoi(argv[3]),
                                             .drain_ms = DRAIN_MS,
                                             .log = &log,
                                             .begin = begin};
    int code = 99;
    /* A worker leaves without tidying up: threads of it are in endless loops. */
    if (skald_supervise(&options, &code))
        _exit(work(argv[2]));
    exit(code);
}

test_child *supervised_start_in(const char *what, const char *processes,
                                const char *const *environment)
{
    const char *const argv[] = {"/proc/self/exe", program_word, what, processes, NULL};
    return child_start(argv, environment);
}

test_child *supervised_start(const char *what, const char *processes)
{
    return supervised_start_in(what, processes, NULL);
}

int supervised_says(test_child *child, const char *what)
{
    int count = 0;
    for (const char *at = child_out(child); (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

/* The process of the n-th worker that said so. */
pid_t supervised_pid(test_child *child, const char *word, int n)
{
    const char *at = child_out(child);
    for (int i = 0; i < n && at != NULL; i++) {
        at = strstr(at, word);
        at = at == NULL ? NULL : at + strlen(word);
    }
    return at == NULL ? 0 : (pid_t)atoi(at);
}
