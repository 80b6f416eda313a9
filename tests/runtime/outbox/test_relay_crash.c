/* Relays that die: at every crash point, and beside another that leads at the same time. The
 * program runs itself again as a process that does nothing but relay. */
#include "support/child.h"
#include "support/database.h"
#include "support/relay.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/crash_point.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HITS = 3, EXIT_STATUS_KILLED = 137 };

/* The child: leads until it is killed. */
static int relay_for_ever(const char *service, const char *database, const char *url)
{
    static skald_log log;
    static atomic_uint_fast64_t relayed;
    skald_bell bell;
    skald_nats *nats = NULL;
    skald_relay *relay = NULL;
    skald_error error = {0};
    skald_log_init(&log, service, NULL, NULL);
    skald_bell_init(&bell);
    if (!skald_crash_point_arm() ||
        skald_nats_open(&nats, url, "test-relay", &log, &error) != SKALD_OK) {
        fprintf(stderr, "%s\n", error.text);
        return 1;
    }
    const skald_relay_options options = {
        .service = service,
        .database = database,
        .application = "test-relay",
        .partitions = 16,
        .nats = nats,
        .bell = &bell,
        .log = &log,
        .relayed = &relayed,
    };
    if (skald_relay_open(&relay, &options, &error) != SKALD_OK)
        return 1;
    skald_relay_lead(relay, true);
    for (;;)
        pause();
}

static test_child *relay_child(const char *service, const char *database, const char *crash)
{
    char setting[64];
    snprintf(setting, sizeof setting, "SKALD_CRASH=%s", crash);
    const char *const argv[] = {"/proc/self/exe",   "relay", service, database,
                                servers_nats_url(), NULL};
    const char *const environment[] = {setting, NULL};
    return child_start(argv, environment);
}

static void crash_and_recover(const char *service, const char *crash)
{
    const char *database = database_new();
    skald_nats *nats = stream_connect();
    test_child *child = relay_child(service, database, crash);

    /* Every transaction is a reading, or joins one, until the point is passed often enough. */
    while (child_running(child))
        outbox_add(database, 7);
    assert_int_equal(child_wait(child), EXIT_STATUS_KILLED);
    child_free(child);
    outbox_add(database, 7);
    child = relay_child(service, database, "");
    relay_await(nats, service, database);

    stream_expect_outbox(nats, service, database);
    child_free(child);
    skald_nats_close(nats);
}

static void test_a_relay_killed_at_any_crash_point_leaves_a_mirror_that_the_next_completes(
    void **state)
{
    (void)state;
    static const skald_crash_point points[] = {
        SKALD_CRASH_RELAY_ROWS_READ, SKALD_CRASH_RELAY_PUBLISHED, SKALD_CRASH_RELAY_CONFIRMED};
    for (int point = 0; point < 3; point++) {
        for (int hit = 1; hit <= HITS; hit++) {
            char crash[64];
            char service[64];
            snprintf(crash, sizeof crash, "%s:%d", skald_crash_point_name(points[point]), hit);
            snprintf(service, sizeof service, "crash-%d-%d", point, hit);
            print_message("           %s\n", crash);
            crash_and_recover(service, crash);
        }
    }
}

/* Stops one of two leading relays, lets the other get ahead, and lets the first go on where it was.
 */
static void pause_and_overtake(test_child *paused, const char *service, const char *database,
                               skald_nats *nats)
{
    child_signal(paused, SIGSTOP);
    for (unsigned i = 0; i < 5; i++)
        outbox_add(database, 13);
    relay_await(nats, service, database);
    child_signal(paused, SIGCONT);
    outbox_add(database, 13);
}

static void test_two_relays_that_lead_at_once_leave_one_dense_stream_without_repeats(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_nats *nats = stream_connect();
    test_child *relays[] = {relay_child("twins", database, ""), relay_child("twins", database, "")};
    outbox_add(database, 50);
    relay_await(nats, "twins", database);

    for (unsigned i = 0; i < 8; i++)
        pause_and_overtake(relays[i % 2], "twins", database, nats);
    relay_await(nats, "twins", database);

    stream_expect_outbox(nats, "twins", database);
    /* They did get into each other's way. */
    assert_true(strstr(child_err(relays[0]), "RELAY-FENCED") != NULL ||
                strstr(child_err(relays[1]), "RELAY-FENCED") != NULL);
    child_free(relays[0]);
    child_free(relays[1]);
    skald_nats_close(nats);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "relay") == 0)
        return relay_for_ever(argv[2], argv[3], argv[4]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(
            test_a_relay_killed_at_any_crash_point_leaves_a_mirror_that_the_next_completes),
        cmocka_unit_test(test_two_relays_that_lead_at_once_leave_one_dense_stream_without_repeats),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
