/* A stop is in order whatever the servers do, and what was not done then is done by the next start.
 */
#include "support/counting_pair.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

static skald_error error;

/* A follower in this process, whose handlers may take an hour when it stops. */
static skald_service *follower_start(const counting_pair *pair)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = pair->following;
    options.nats_url = pair->child.nats_url;
    options.lease_ms = 1000;
    options.drain_ms = 3600 * 1000;
    skald_service *service = skald_service_open("payments", &options);
    assert_int_equal(skald_follow(service, pair->child.stream, counting_handler), SKALD_OK);
    assert_ok(skald_service_start(service, &error), &error);
    return service;
}

static void service_end(skald_service *service)
{
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

/* Stops a follower in the midst of its work between `trouble` and `relief`; then another one ends
 * the work. */
static void stop_during(void (*trouble)(void), void (*relief)(void))
{
    counting_pair pair = pair_begin();
    skald_service *service = follower_start(&pair);
    pair_load(&pair);
    WAIT_UNTIL(counting_facts(pair.following) > 0);
    for (int i = 0; i < 20; i++)
        pair_load(&pair);

    trouble();
    service_end(service);
    relief();

    service = follower_start(&pair);
    pair_load(&pair);
    pair_expect(&pair);
    service_end(service);
    pair_end(&pair);
}

static void nothing(void)
{
}

static void nats_away(void)
{
    servers_kill(SKALD_SERVER_NATS);
}

static void nats_back(void)
{
    servers_start(SKALD_SERVER_NATS);
}

static void postgres_away(void)
{
    servers_stop(SKALD_SERVER_POSTGRES);
}

static void postgres_back(void)
{
    servers_start(SKALD_SERVER_POSTGRES);
}

static void test_a_stop_under_load_is_in_order(void **state)
{
    (void)state;
    stop_during(nothing, nothing);
}

static void test_a_stop_while_nats_is_away_is_in_order(void **state)
{
    (void)state;
    stop_during(nats_away, nats_back);
}

static void test_a_stop_while_nats_does_not_answer_is_in_order(void **state)
{
    (void)state;
    stop_during(stream_server_pause, stream_server_resume);
}

static void test_a_stop_while_postgresql_is_away_is_in_order(void **state)
{
    (void)state;
    stop_during(postgres_away, postgres_back);
}

/* A follower whose stream is not there yet waits for it; it can be stopped while it waits. */
static void test_a_stream_that_does_not_exist_yet_is_awaited(void **state)
{
    (void)state;
    const char *origin = database_new();
    const char *following = database_new();
    counting_prepare(origin);
    counting_prepare(following);
    const counting_pair pair = {.following = (char *)(uintptr_t)following,
                                .child = {.stream = "later", .nats_url = servers_nats_url()}};
    service_end(follower_start(&pair));
    skald_service *service = follower_start(&pair);

    skald_service *publisher = counting_publisher("later", origin, servers_nats_url());
    counting_publish(publisher, origin, PAIR_KEYS, PAIR_KEYS, 7);

    WAIT_UNTIL(counting_facts(following) == PAIR_KEYS);
    counting_expect(following, PAIR_KEYS, PAIR_KEYS);
    service_end(service);
    service_end(publisher);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stop_under_load_is_in_order),
        cmocka_unit_test(test_a_stop_while_nats_is_away_is_in_order),
        cmocka_unit_test(test_a_stop_while_nats_does_not_answer_is_in_order),
        cmocka_unit_test(test_a_stop_while_postgresql_is_away_is_in_order),
        cmocka_unit_test(test_a_stream_that_does_not_exist_yet_is_awaited),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
