/* G1 to G4 for followers: effects exactly once and in order, whatever dies, repeats or is lost. */
#include "support/counting.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/crash_point.h"

#include <signal.h>
#include <stdatomic.h>

enum { KEYS = 20, COUNT = 400 };

/* A publisher with its stream, and the database of a follower. */
typedef struct given {
    char *origin;
    char *following;
    skald_service *publisher;
    counting_child_options child;
} given;

static given given_services(void)
{
    static int number;
    static char names[64][24];
    char *name = names[number++ % 64];
    snprintf(name, sizeof names[0], "orders%d", number);
    given services = {0};
    services.origin = strdup(database_new());
    services.following = strdup(database_new());
    counting_prepare(services.origin);
    counting_prepare(services.following);
    services.publisher = counting_publisher(name, services.origin, servers_nats_url());
    services.child = (counting_child_options){.service = "payments",
                                              .stream = name,
                                              .database = services.following,
                                              .nats_url = servers_nats_url()};
    return services;
}

static void services_end(given *services)
{
    skald_error error = {0};
    assert_ok(skald_service_stop(services->publisher, &error), &error);
    skald_service_free(services->publisher);
    free(services->origin);
    free(services->following);
}

/* In order, which it can only once it runs. */
static void child_stop(test_child *child)
{
    child_await(child, "SERVICE-RUNS");
    child_signal(child, SIGTERM);
    assert_int_equal(child_wait(child), 0);
    child_free(child);
}

static void test_every_event_is_applied_once_in_order(void **state)
{
    (void)state;
    given services = given_services();
    test_child *child = counting_child(&services.child);

    counting_publish(services.publisher, services.origin, KEYS, COUNT, 7);

    counting_await(child, services.following, COUNT);
    child_stop(child);
    counting_expect(services.following, KEYS, COUNT);
    services_end(&services);
}

/* Points that a follower without trouble passes. */
static bool passed_in_peace(skald_crash_point point)
{
    switch (point) {
    case SKALD_CRASH_BATCH_BEGUN:
    case SKALD_CRASH_BATCH_HANDLED:
    case SKALD_CRASH_BATCH_COMMIT_SENT:
    case SKALD_CRASH_BATCH_COMMITTED:
    case SKALD_CRASH_LEASE_TAKEN:
    case SKALD_CRASH_LEASE_RENEWED:
        return true;
    default:
        return false;
    }
}

static void crash_at(const char *name, int hit)
{
    print_message("crash at %s:%d\n", name, hit);
    given services = given_services();
    char crash[64];
    snprintf(crash, sizeof crash, "%s:%d", name, hit);
    services.child.crash = crash;
    test_child *child = counting_child(&services.child);
    /* Small transactions apart from each other, so that there are many batches. */
    for (int i = 0; i < 40 && child_running(child); i++) {
        counting_publish(services.publisher, services.origin, KEYS, KEYS / 2, 3);
        counting_publish(services.publisher, services.origin, KEYS, KEYS, 7);
    }
    WAIT_UNTIL(!child_running(child));
    assert_int_equal(child_wait(child), 137);
    child_free(child);

    services.child.crash = NULL;
    child = counting_child(&services.child);
    const int64_t published =
        database_integer(services.origin, "SELECT coalesce(sum(number), 0) FROM counter");
    counting_await(child, services.following, published);
    child_stop(child);
    counting_expect(services.following, KEYS, (int)published);
    services_end(&services);
}

static void test_a_follower_killed_at_every_crash_point_loses_and_doubles_nothing(void **state)
{
    (void)state;
    for (int point = 0; point < SKALD_CRASH_POINT_COUNT; point++) {
        for (int hit = 1; hit <= 3 && passed_in_peace((skald_crash_point)point); hit++)
            crash_at(skald_crash_point_name((skald_crash_point)point), hit);
    }
}

static void test_a_rebuilt_stream_is_a_full_replay_and_changes_nothing(void **state)
{
    (void)state;
    given services = given_services();
    test_child *child = counting_child(&services.child);
    counting_publish(services.publisher, services.origin, KEYS, COUNT, 7);
    counting_await(child, services.following, COUNT);

    servers_kill(SKALD_SERVER_NATS);
    skald_error error = {0};
    assert_ok(skald_servers_wipe(servers(), SKALD_SERVER_NATS, &error), &error);
    servers_start(SKALD_SERVER_NATS);

    counting_publish(services.publisher, services.origin, KEYS, COUNT, 7);
    counting_await(child, services.following, 2 * COUNT);
    child_stop(child);
    counting_expect(services.following, KEYS, 2 * COUNT);
    services_end(&services);
}

/* Outages are waited out by a service that runs; one that is only starting gives up at once. */
static test_child *given_running_follower(const given *services)
{
    test_child *child = counting_child(&services->child);
    child_await(child, "SERVICE-RUNS");
    return child;
}

/* The server goes away and comes back again and again while events are published. */
static void outage_under_load(bool kill, bool wipe)
{
    given services = given_services();
    test_child *child = given_running_follower(&services);
    for (int round = 0; round < 4; round++) {
        counting_publish(services.publisher, services.origin, KEYS, COUNT, 5);
        (kill ? servers_kill : servers_stop)(SKALD_SERVER_NATS);
        counting_publish(services.publisher, services.origin, KEYS, COUNT / 2, 5);
        skald_error error = {0};
        if (wipe)
            assert_ok(skald_servers_wipe(servers(), SKALD_SERVER_NATS, &error), &error);
        servers_start(SKALD_SERVER_NATS);
        counting_publish(services.publisher, services.origin, KEYS, COUNT / 2, 5);
    }
    counting_await(child, services.following, 8 * COUNT);
    child_stop(child);
    counting_expect(services.following, KEYS, 8 * COUNT);
    services_end(&services);
}

static void test_nats_stopped_and_started_under_load_loses_nothing(void **state)
{
    (void)state;
    outage_under_load(false, false);
}

static void test_nats_killed_and_wiped_under_load_loses_nothing(void **state)
{
    (void)state;
    outage_under_load(true, true);
}

static void test_postgresql_killed_and_started_under_load_loses_nothing(void **state)
{
    (void)state;
    given services = given_services();
    test_child *child = given_running_follower(&services);
    for (int round = 0; round < 3; round++) {
        counting_publish(services.publisher, services.origin, KEYS, COUNT, 5);
        servers_stop(SKALD_SERVER_POSTGRES);
        servers_start(SKALD_SERVER_POSTGRES);
    }
    counting_await(child, services.following, 3 * COUNT);
    child_stop(child);
    counting_expect(services.following, KEYS, 3 * COUNT);
    services_end(&services);
}

static void answer_ignore(void *user, const skald_nats_view *view)
{
    atomic_bool *answered = user;
    (void)view;
    atomic_store(answered, true);
}

/* Takes all messages of one lane but the last out of the stream, as a damaged block would. */
static void lane_lose(const char *stream, int partition)
{
    skald_nats *nats = stream_connect();
    char subject[64], body[128];
    snprintf(subject, sizeof subject, "$JS.API.STREAM.PURGE.%s", stream);
    const int size = snprintf(body, sizeof body, "{\"filter\":\"%s.event.%02d.>\",\"keep\":1}",
                              stream, partition);
    atomic_bool answered = false;
    skald_nats_question *question = NULL;
    skald_error error = {0};
    assert_ok(skald_nats_ask(&question, nats, subject, (skald_bytes){body, (size_t)size},
                             answer_ignore, &answered, &error),
              &error);
    WAIT_UNTIL(atomic_load(&answered));
    skald_nats_question_close(question);
    skald_nats_close(nats);
}

static void test_what_a_mirror_has_lost_comes_from_the_outbox(void **state)
{
    (void)state;
    given services = given_services();
    counting_publish(services.publisher, services.origin, KEYS, COUNT, 7);
    skald_nats *nats = stream_connect();
    WAIT_UNTIL(stream_last_position(nats, services.child.stream) == COUNT);
    /* Three lanes that are in use, each of which has lost nearly everything. */
    for (int key = 0; key < 3; key++) {
        char name[16];
        snprintf(name, sizeof name, "k%d", key);
        lane_lose(services.child.stream,
                  (int)skald_partition_of(name, strlen(name), SKALD_PARTITIONS_DEFAULT));
    }

    test_child *child = counting_child(&services.child);

    counting_await(child, services.following, COUNT);
    child_stop(child);
    counting_expect(services.following, KEYS, COUNT);
    assert_int_equal(database_integer(services.following, "SELECT count(*) FROM skald.job"), 0);
    skald_nats_close(nats);
    services_end(&services);
}

int main(int argc, char **argv)
{
    counting_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event_is_applied_once_in_order),
        cmocka_unit_test(test_a_rebuilt_stream_is_a_full_replay_and_changes_nothing),
        cmocka_unit_test(test_what_a_mirror_has_lost_comes_from_the_outbox),
        cmocka_unit_test(test_nats_stopped_and_started_under_load_loses_nothing),
        cmocka_unit_test(test_nats_killed_and_wiped_under_load_loses_nothing),
        cmocka_unit_test(test_postgresql_killed_and_started_under_load_loses_nothing),
        cmocka_unit_test(test_a_follower_killed_at_every_crash_point_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
