/* The supervisor without a database: workers that do nothing but what a test tells them. The
 * program runs itself again as a supervised one. */
#include "support/child.h"
#include "support/crime.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/log.h"
#include "supervisor/supervised.h"
#include "supervisor/supervisor.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { LIMIT_MS = 300, LONG_MS = 3600000, DRAIN_MS = 500 };

/* --- the program ---------------------------------------------------------------------------- */

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
    skald_hand_take(skald_hand_claim(), &work, LIMIT_MS);
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

static int work(const char *what)
{
    char id[SKALD_PROCESS_ID];
    snprintf(id, sizeof id, "process-%d", (int)getpid());
    skald_supervised_known(id);
    if (aftermath() == 0 && strcmp(what, "serve") != 0) {
        if (strcmp(what, "refuse") == 0)
            return 78;
        skald_supervised_ready();
        if (strcmp(what, "end") == 0)
            return 78;
        if (strcmp(what, "crash idle") == 0)
            crime_commit("segv");
        if (strncmp(what, "both ", 5) == 0 || strncmp(what, "other ", 6) == 0)
            innocent_start();
        if (strncmp(what, "other ", 6) == 0)
            thread_start(offend_empty_handed, what + 6);
        else if (strcmp(what, "hang in drain") != 0)
            thread_start(offend, strncmp(what, "both ", 5) == 0 ? what + 5 : what);
        if (strcmp(what, "hang in drain") == 0) {
            say("runs as %d\n", (int)getpid());
            for (;;)
                pause();
        }
    }
    serve();
    return strcmp(what, "serve") == 0 && getenv("TEST_CODE") != NULL ? atoi(getenv("TEST_CODE"))
                                                                     : 0;
}

static void program_become(int argc, char **argv)
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

static test_child *program_start_in(const char *what, const char *processes, const char *setting)
{
    const char *const argv[] = {"/proc/self/exe", program_word, what, processes, NULL};
    return child_start(argv, (const char *const[]){setting, NULL});
}

static test_child *program_start(const char *what, const char *processes)
{
    return program_start_in(what, processes, "TEST_NOTHING");
}

static bool says(test_child *child, const char *what)
{
    return strstr(child_out(child), what) != NULL;
}

static int times_said(test_child *child, const char *what)
{
    int count = 0;
    for (const char *at = child_out(child); (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

/* The process of the n-th worker that said so. */
static pid_t worker_pid(test_child *child, const char *word, int n)
{
    const char *at = child_out(child);
    for (int i = 0; i < n && at != NULL; i++) {
        at = strstr(at, word);
        at = at == NULL ? NULL : at + strlen(word);
    }
    return at == NULL ? 0 : (pid_t)atoi(at);
}

static void expect_code(test_child *child, int code)
{
    const int ended = child_wait(child);
    if (ended != code)
        fail_msg("exit code %d instead of %d: %s%s", ended, code, child_out(child),
                 child_err(child));
    child_free(child);
}

static void expect_drain(test_child *child)
{
    child_signal(child, SIGTERM);
    expect_code(child, 0);
}

/* Another worker was told of the one before it, and runs. */
#define AFTERWARDS "is gone\nruns as "

/* --- crimes --------------------------------------------------------------------------------- */

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return false;
#endif
}

/* Given a worker that commits it with something in hand, another one comes and is told what it was.
 */
static void expect_crime(const crime *of)
{
    char expected[256];
    test_child *child = program_start(of->name, "1");
    if (of->from_outside) {
        WAIT_UNTIL(says(child, "offends as"));
        kill(worker_pid(child, "offends as ", 1), SIGKILL);
    }
    WAIT_UNTIL(says(child, AFTERWARDS));
    if (!(of->of_a_sanitizer && is_sanitized())) {
        snprintf(expected, sizeof expected,
                 "crash of %s: %s%s, sure, position 42 of letters in process-%d, started 1\n",
                 of->name, of->ending, of->timed_out ? ", timed out" : "",
                 (int)worker_pid(child, "offends as ", 1));
        assert_contains(child_out(child), expected);
        if (of->backtrace) {
            snprintf(expected, sizeof expected, "crime_%s+0x", of->name);
            for (char *at = expected; *at != '\0'; at++)
                *at = *at == '-' ? '_' : *at;
            assert_contains(child_out(child), expected);
        }
        assert_contains(child_err(child), "WORKER-CRASHED");
        assert_contains(child_err(child), of->ending);
    }
    WAIT_UNTIL(strstr(child_err(child), "WORKER-REPLACED") != NULL);
    snprintf(expected, sizeof expected, "process-%d is gone",
             (int)worker_pid(child, "offends as ", 1));
    assert_contains(child_out(child), expected);
    expect_drain(child);
}

static void test_whatever_ends_a_worker_is_told_to_the_next_one(void **state)
{
    (void)state;
    for (int i = 0; i < crime_count; i++) {
        print_message("crime %s\n", crimes[i].name);
        expect_crime(&crimes[i]);
    }
}

static void test_what_another_thread_has_in_hand_is_not_blamed(void **state)
{
    (void)state;
    test_child *child = program_start("both segv", "1");
    WAIT_UNTIL(says(child, AFTERWARDS));
    assert_contains(child_out(child), "crash of segv: SIGSEGV, sure");
    assert_false(says(child, "crash of innocent"));
    expect_drain(child);
}

static void test_all_in_hand_are_suspects_of_a_kill_from_outside(void **state)
{
    (void)state;
    test_child *child = program_start("both victim", "1");
    WAIT_UNTIL(says(child, "offends as"));
    kill(worker_pid(child, "offends as ", 1), SIGKILL);
    WAIT_UNTIL(says(child, AFTERWARDS));
    assert_contains(child_out(child), "crash of victim: SIGKILL, position 42");
    assert_contains(child_out(child), "crash of innocent: SIGKILL, position 7");
    expect_drain(child);
}

static void test_the_one_in_hand_is_only_a_suspect_when_another_thread_crashed(void **state)
{
    (void)state;
    test_child *child = program_start("other segv", "1");
    WAIT_UNTIL(says(child, AFTERWARDS));
    assert_contains(child_out(child), "crash of innocent: SIGSEGV, position 7");
    expect_drain(child);
}

/* --- ends ----------------------------------------------------------------------------------- */

static void test_a_refused_start_ends_all_with_its_code(void **state)
{
    (void)state;
    test_child *child = program_start("refuse", "1");
    assert_int_equal(child_wait(child), 78);
    assert_string_equal(child_err(child), "");
    child_free(child);
    expect_code(program_start("refuse", "3"), 78);
}

static void test_a_worker_that_always_ends_at_once_ends_all(void **state)
{
    (void)state;
    test_child *child = program_start("end", "1");
    assert_int_equal(child_wait(child), 78);
    assert_contains(child_err(child), "WORKER-GIVEN-UP");
    child_free(child);
    child = program_start("crash idle", "1");
    const int code = child_wait(child);
    assert_int_equal(code, is_sanitized() ? 1 : 128 + SIGSEGV);
    child_free(child);
}

static void test_a_worker_that_is_killed_is_replaced_and_others_stay(void **state)
{
    (void)state;
    test_child *child = program_start("serve", "3");
    WAIT_UNTIL(times_said(child, "runs as") == 3);
    kill(worker_pid(child, "runs as ", 2), SIGKILL);
    WAIT_UNTIL(times_said(child, "runs as") == 4);
    assert_int_equal(times_said(child, "is gone"), 1);
    expect_drain(child);
}

static void test_the_code_of_the_drain_is_passed_on(void **state)
{
    (void)state;
    test_child *child = program_start_in("serve", "2", "TEST_CODE=75");
    WAIT_UNTIL(times_said(child, "runs as") == 2);
    child_signal(child, SIGINT);
    assert_int_equal(child_wait(child), 75);
    assert_int_equal(times_said(child, "drains"), 2);
    child_free(child);
}

static void test_a_second_signal_leaves_at_once(void **state)
{
    (void)state;
    test_child *child = program_start("hang in drain", "1");
    WAIT_UNTIL(says(child, "runs as"));
    const pid_t worker = worker_pid(child, "runs as ", 1);
    child_signal(child, SIGTERM);
    /* Signals that come together are one: the first must have been taken. */
    while (child_running(child)) {
        usleep(20000);
        child_signal(child, SIGINT);
    }
    const int code = child_wait(child);
    assert_int_equal(code, 128 + SIGINT);
    WAIT_UNTIL(kill(worker, 0) != 0);
    child_free(child);
}

/* A terminal sends Ctrl-C to all of them, and systemd its SIGTERM; each worker gets it once more.
 */
static void test_a_signal_to_the_whole_group_is_one(void **state)
{
    (void)state;
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < 3; i++) {
        test_child *child = program_start("serve", "2");
        WAIT_UNTIL(times_said(child, "runs as") == 2);
        kill(worker_pid(child, "runs as ", 1), signals[i]);
        child_signal(child, signals[i]);
        kill(worker_pid(child, "runs as ", 2), signals[i]);
        assert_int_equal(child_wait(child), 0);
        child_free(child);
    }
}

static void test_a_killed_supervisor_takes_its_workers_along(void **state)
{
    (void)state;
    test_child *child = program_start("serve", "2");
    WAIT_UNTIL(times_said(child, "runs as") == 2);
    const pid_t first = worker_pid(child, "runs as ", 1), second = worker_pid(child, "runs as ", 2);
    child_signal(child, SIGKILL);
    WAIT_UNTIL(kill(first, 0) != 0 && kill(second, 0) != 0);
    expect_code(child, 128 + SIGKILL);
}

int main(int argc, char **argv)
{
    program_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_ends_a_worker_is_told_to_the_next_one),
        cmocka_unit_test(test_what_another_thread_has_in_hand_is_not_blamed),
        cmocka_unit_test(test_all_in_hand_are_suspects_of_a_kill_from_outside),
        cmocka_unit_test(test_the_one_in_hand_is_only_a_suspect_when_another_thread_crashed),
        cmocka_unit_test(test_a_refused_start_ends_all_with_its_code),
        cmocka_unit_test(test_a_worker_that_always_ends_at_once_ends_all),
        cmocka_unit_test(test_a_worker_that_is_killed_is_replaced_and_others_stay),
        cmocka_unit_test(test_the_code_of_the_drain_is_passed_on),
        cmocka_unit_test(test_a_second_signal_leaves_at_once),
        cmocka_unit_test(test_a_signal_to_the_whole_group_is_one),
        cmocka_unit_test(test_a_killed_supervisor_takes_its_workers_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
