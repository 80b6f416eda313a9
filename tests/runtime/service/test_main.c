/* A service as a program: its words, its signals, its exit codes. */
#include "support/counting.h"
#include "support/database.h"
#include "support/notified.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <signal.h>
#include <unistd.h>

/* --- the program ---------------------------------------------------------------------------- */

/* argv: program, this word, service's name, database, drain_ms, what on_start answers, and the
 * words that skald_main gets. */
static const char program_word[] = "--service-program";
enum { OWN_ARGUMENTS = 6 };

SKALD_HANDLER(on_counted_never, test__v1__counted)
{
    (void)!write(2, "in the handler\n", 15);
    while (event->number > 0)
        pause();
    return SKALD_OK;
}

static skald_status answer;

static skald_status started(skald_service *service, void *user, skald_error *error)
{
    (void)service, (void)user;
    (void)!write(1, "started\n", 8);
    return answer == SKALD_OK ? SKALD_OK : skald_error_set(error, answer, "on_start says no");
}

static void stopping(skald_service *service, void *user)
{
    (void)service, (void)user;
    (void)!write(1, "stopping\n", 9);
}

static void program_become(int argc, char **argv)
{
    if (argc < OWN_ARGUMENTS || strcmp(argv[1], program_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[3];
    options.drain_ms = (uint32_t)atoi(argv[4]);
    options.lease_ms = 1000;
    options.on_start = started;
    options.on_stop = stopping;
    answer = (skald_status)atoi(argv[5]);
    skald_service *service = skald_service_open(argv[2], &options);
    (void)skald_follow(service, argv[2], on_counted_never);
    argv[OWN_ARGUMENTS - 1] = argv[0];
    exit(skald_main(service, argc - OWN_ARGUMENTS + 1, argv + OWN_ARGUMENTS - 1));
}

typedef struct program {
    const char *name;     /* NULL: "shop" */
    const char *database; /* NULL: a new one */
    const char *drain_ms; /* NULL: a minute */
    const char *answer;   /* of on_start; NULL: SKALD_OK */
    const char *allow;    /* SKALD_ALLOW; NULL: what the servers need */
    const char *words[2]; /* of its command line */
    const char *setting;  /* one more of its environment; NULL: none */
} program;

static const char * or (const char *given, const char *otherwise)
{
    return given != NULL ? given : otherwise;
}

/* A program that leaves at once leaves threads behind; the thread sanitizer need not tell. */
static test_child *program_start(program of)
{
    char allow[128], sanitizer[512];
    snprintf(sanitizer, sizeof sanitizer, "TSAN_OPTIONS=%s:report_thread_leaks=0",
             or (getenv("TSAN_OPTIONS"), ""));
    snprintf(allow, sizeof allow, "SKALD_ALLOW=%s", or (of.allow, getenv("SKALD_ALLOW")));
    const char *const argv[] = {"/proc/self/exe",
                                program_word,
                                or (of.name, "shop"),
                                of.database != NULL ? of.database : database_new(),
                                or (of.drain_ms, "60000"),
                                or (of.answer, "0"),
                                of.words[0],
                                of.words[0] == NULL ? NULL : of.words[1],
                                NULL};
    return child_start(argv, (const char *const[]){allow, sanitizer, "NATS_URL",
                                                   or (of.setting, "NOTIFY_SOCKET"), NULL});
}

static void expect_code(test_child *child, int code)
{
    const int ended = child_wait(child);
    if (ended != code)
        fail_msg("exit code %d instead of %d: %s", ended, code, child_err(child));
}

/* It ends by itself with this code, and says why on the right channel. */
static void expect_end(program of, int code, const char *out, const char *err)
{
    test_child *child = program_start(of);
    expect_code(child, code);
    assert_contains(child_out(child), out);
    assert_contains(child_err(child), err);
    child_free(child);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void test_help_and_version_need_no_server(void **state)
{
    (void)state;
    expect_end((program){.database = "host=/nowhere", .words = {"--help"}}, 0, "Usage:", "");
    expect_end((program){.database = "host=/nowhere", .words = {"--version"}}, 0,
               "shop on skald " SKALD_VERSION, "");
}

static void test_words_it_does_not_know_are_64(void **state)
{
    (void)state;
    expect_end((program){.words = {"walk"}}, 64, "", "Usage:");
    expect_end((program){.words = {"run", "fast"}}, 64, "", "Usage:");
}

static void stop_with(int signal)
{
    test_child *child = program_start((program){.words = {"run"}});
    WAIT_UNTIL(strstr(child_out(child), "started") != NULL);
    child_signal(child, signal);
    expect_code(child, 0);
    assert_string_equal(child_out(child), "started\nstopping\n");
    child_free(child);
}

static void test_a_signal_stops_it_in_order_with_0(void **state)
{
    (void)state;
    stop_with(SIGTERM);
    stop_with(SIGINT);
}

static int children_of(pid_t pid)
{
    char path[64];
    long child;
    int count = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *children = fopen(path, "re");
    while (children != NULL && fscanf(children, "%ld", &child) == 1)
        count++;
    if (children != NULL)
        fclose(children);
    return count;
}

static void test_without_a_supervisor_it_is_one_process_that_tells_systemd_itself(void **state)
{
    (void)state;
    setenv("WATCHDOG_USEC", "200000", 1);
    setenv("SKALD_SUPERVISE", "no", 1);
    test_child *child = program_start((program){.setting = notified_open(NOTIFIED_ABSTRACT)});
    unsetenv("SKALD_SUPERVISE");
    unsetenv("WATCHDOG_USEC");
    WAIT_UNTIL(notified_count("READY=1\n") == 1);
    assert_string_equal(child_out(child), "started\n");
    assert_int_equal(children_of(child_pid(child)), 0);
    WAIT_UNTIL(notified_count("WATCHDOG=1\n") > 2);
    child_signal(child, SIGTERM);
    expect_code(child, 0);
    assert_int_equal(notified_count("STOPPING=1\n"), 1);
    child_free(child);
    notified_close();
}

static void test_with_one_it_works_in_another_process(void **state)
{
    (void)state;
    test_child *child = program_start((program){0});
    WAIT_UNTIL(strstr(child_out(child), "started") != NULL);
    assert_int_equal(children_of(child_pid(child)), 1);
    child_signal(child, SIGTERM);
    expect_code(child, 0);
    child_free(child);
}

static void test_servers_that_cannot_be_reached_are_69(void **state)
{
    (void)state;
    expect_end((program){.database = "host=127.0.0.1 port=1 dbname=x user=x"}, 69, "",
               "shop: PostgreSQL");
}

static void test_an_internal_failure_is_70(void **state)
{
    (void)state;
    char failed[8];
    snprintf(failed, sizeof failed, "%d", (int)SKALD_FAILED);
    expect_end((program){.answer = failed}, 70, "started\n", "shop: on_start says no");
}

static void test_an_unsafe_setting_is_77(void **state)
{
    (void)state;
    expect_end((program){.allow = "full_page_writes"}, 77, "", "fsync is off");
}

static void test_a_wrong_option_or_schema_is_78(void **state)
{
    (void)state;
    expect_end((program){.name = "Shop"}, 78, "", "is not a service name");
    expect_end((program){.database = database_new_empty()}, 78, "", "skald migrate up");
}

/* One program whose handler has begun and will not return. */
static test_child *given_stuck(const char *drain_ms)
{
    const char *database = database_new();
    counting_prepare(database);
    test_child *child = program_start((program){.database = database, .drain_ms = drain_ms});
    WAIT_UNTIL(strstr(child_out(child), "started") != NULL);
    skald_service *publisher = counting_publisher("shop", database, NULL);
    counting_publish(publisher, database, 1, 1, 1);
    WAIT_UNTIL(strstr(child_err(child), "in the handler") != NULL);
    skald_error error = {0};
    assert_ok(skald_service_stop(publisher, &error), &error);
    skald_service_free(publisher);
    return child;
}

static void test_a_handler_that_does_not_return_is_75(void **state)
{
    (void)state;
    test_child *child = given_stuck("300");
    child_signal(child, SIGTERM);
    expect_code(child, 75);
    assert_contains(child_err(child), "did not return within 300 ms");
    child_free(child);
}

/* There is nobody to give the partitions back to; their lease ends by itself, long before the hour
 * that a handler would be waited for. */
static void test_a_stop_while_postgresql_is_away_is_in_order(void **state)
{
    (void)state;
    test_child *child = program_start((program){.drain_ms = "3600000"});
    WAIT_UNTIL(strstr(child_out(child), "started") != NULL);
    servers_stop(SKALD_SERVER_POSTGRES);
    child_signal(child, SIGTERM);
    expect_code(child, 0);
    servers_start(SKALD_SERVER_POSTGRES);
    child_free(child);
}

static void test_a_second_signal_leaves_at_once(void **state)
{
    (void)state;
    test_child *child = given_stuck("3600000");
    child_signal(child, SIGTERM);
    WAIT_UNTIL(strstr(child_err(child), "SERVICE-DRAINS") != NULL);
    child_signal(child, SIGTERM);
    expect_code(child, 128 + SIGTERM);
    child_free(child);
}

int main(int argc, char **argv)
{
    program_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_and_version_need_no_server),
        cmocka_unit_test(test_words_it_does_not_know_are_64),
        cmocka_unit_test(test_a_signal_stops_it_in_order_with_0),
        cmocka_unit_test(test_without_a_supervisor_it_is_one_process_that_tells_systemd_itself),
        cmocka_unit_test(test_with_one_it_works_in_another_process),
        cmocka_unit_test(test_servers_that_cannot_be_reached_are_69),
        cmocka_unit_test(test_an_internal_failure_is_70),
        cmocka_unit_test(test_a_handler_that_does_not_return_is_75),
        cmocka_unit_test(test_an_unsafe_setting_is_77),
        cmocka_unit_test(test_a_wrong_option_or_schema_is_78),
        cmocka_unit_test(test_a_stop_while_postgresql_is_away_is_in_order),
        cmocka_unit_test(test_a_second_signal_leaves_at_once),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
