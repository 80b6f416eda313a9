/* A storm of messages that all fail: the memory of the process that meets them does not grow with
 * their number, whether they wait for a retry or are given up. */
#include "support/child.h"
#include "support/counting.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <signal.h>

enum {
    KEYS = 200,
    FIRST = 1000, /* until everything that is used has been used once */
    STORM = 6000, /* as much again, six times */
    GROWTH_KB_MAX = 8 * 1024,
    TEXT_SIZE = 400 /* of a reason: kept in memory they would show */
};

/* --- the process that meets it ---------------------------------------------------------------- */

static const char child_word[] = "--storm-child";

SKALD_HANDLER(on_poison, test__v1__counted)
{
    char text[TEXT_SIZE];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    return skald_fail(context, "number %lld: %s", (long long)event->number, text);
}

static void child_become(int argc, char **argv)
{
    if (argc != 5 || strcmp(argv[1], child_word) != 0)
        return;
    const skald_policy policy = {.retry = argv[3], .dead = SKALD_DEAD_GOES_ON};
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[2];
    options.lease_ms = 1000;
    options.policy = &policy;
    skald_service *service = skald_service_open(argv[4], &options);
    (void)skald_follow(service, argv[4], on_poison);
    exit(skald_main(service, 1, argv));
}

static test_child *storm_child(const char *database, const char *retry, const char *service)
{
    const char *const argv[] = {"/proc/self/exe", child_word, database, retry, service, NULL};
    char nats[256];
    snprintf(nats, sizeof nats, "NATS_URL=%s", servers_nats_url());
    /* Memory that was freed is used again at once, also under the address sanitizer. */
    const char *const environment[] = {nats,
                                       "SKALD_SUPERVISE=no",
                                       "SKALD_LOG=error",
                                       "ASAN_OPTIONS=quarantine_size_mb=1",
                                       "SKALD_ALLOW=fsync full_page_writes synchronous_commit",
                                       NULL};
    return child_start(argv, environment);
}

/* Resident memory of a process in KiB. */
static long memory_kb(pid_t pid)
{
    char path[64], line[128];
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    long kb = -1;
    while (kb < 0 && fgets(line, sizeof line, file) != NULL)
        (void)sscanf(line, "VmRSS: %ld kB", &kb);
    fclose(file);
    assert_true(kb > 0);
    return kb;
}

/* --- the storm -------------------------------------------------------------------------------- */

static void storm(const char *retry, const char *state)
{
    const char *database = database_new();
    counting_prepare(database);
    skald_service *publisher = counting_publisher(state, database, servers_nats_url());
    test_child *child = storm_child(database, retry, state);
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM skald.job WHERE state = '%s'", state);

    counting_publish(publisher, database, KEYS, FIRST, 50);
    WAIT_UNTIL(database_integer(database, sql) == FIRST);
    const long before_kb = memory_kb(child_pid(child));
    counting_publish(publisher, database, KEYS, STORM, 50);
    WAIT_UNTIL(database_integer(database, sql) == FIRST + STORM);
    const long after_kb = memory_kb(child_pid(child));

    print_message("%s: %ld KiB after %d failures, %ld KiB after %d\n", state, before_kb, FIRST,
                  after_kb, FIRST + STORM);
    assert_true(after_kb - before_kb < GROWTH_KB_MAX);
    assert_int_equal(counting_facts(database), 0);
    child_signal(child, SIGTERM);
    assert_int_equal(child_wait(child), 0);
    child_free(child);
    skald_error error = {0};
    assert_ok(skald_service_stop(publisher, &error), &error);
    skald_service_free(publisher);
}

static void test_messages_that_wait_do_not_grow_memory(void **state)
{
    (void)state;
    storm("1h", "parked");
}

static void test_messages_that_are_given_up_do_not_grow_memory(void **state)
{
    (void)state;
    storm("never", "dead");
}

int main(int argc, char **argv)
{
    child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_messages_that_wait_do_not_grow_memory),
        cmocka_unit_test(test_messages_that_are_given_up_do_not_grow_memory),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
