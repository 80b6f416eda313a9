/* Whose is what: partitions and the relay move between processes that come, stop, die and freeze,
 * and no event is lost, doubled or out of its key's order. */
#include "support/counting_pair.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <signal.h>
#include <time.h>

/* --- partitions ----------------------------------------------------------------------------- */

static void test_processes_share_the_partitions_evenly(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();

    test_child *first = counting_child(&pair.child);
    WAIT_UNTIL(pair_load(&pair) && pair_shares_are(&pair, "16"));
    test_child *second = counting_child(&pair.child);
    WAIT_UNTIL(pair_load(&pair) && pair_shares_are(&pair, "8/8"));
    test_child *third = counting_child(&pair.child);
    WAIT_UNTIL(pair_load(&pair) && pair_shares_are(&pair, "6/5/5"));
    pair_child_stop(second);
    WAIT_UNTIL(pair_load(&pair) && pair_shares_are(&pair, "8/8"));

    pair_expect(&pair);
    pair_child_stop(third);
    pair_child_stop(first);
    pair_end(&pair);
}

/* Its lease would last an hour: only what it gives back can be had. */
static void test_a_process_that_stops_under_load_gives_its_partitions_back(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    counting_child_options long_lease = pair.child;
    long_lease.lease_ms = 3600 * 1000;
    test_child *leaving = counting_child(&long_lease);
    WAIT_UNTIL(pair_load(&pair) && pair_has_all(&pair, leaving));
    test_child *staying = counting_child(&pair.child);
    WAIT_UNTIL(pair_load(&pair) &&
               database_integer(pair.following, "SELECT count(*) FROM skald.process") == 2);

    child_signal(leaving, SIGTERM);
    WAIT_UNTIL(pair_load(&pair) && !child_running(leaving));

    assert_int_equal(child_wait(leaving), 0);
    WAIT_UNTIL(pair_load(&pair) && pair_has_all(&pair, staying));
    pair_expect(&pair);
    child_free(leaving);
    pair_child_stop(staying);
    pair_end(&pair);
}

static void test_the_partitions_of_a_killed_process_move(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    pair_outlives_kill(&pair);
    pair_end(&pair);
}

static void test_a_process_that_freezes_and_wakes_changes_nothing_of_its_successors(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    pair_outlives_freeze(&pair);
    pair_end(&pair);
}

/* --- a process frozen in the midst of a transaction ----------------------------------------- */

enum { SLOW_NUMBERS = 2 };

static int pause_ms;

/* Every event changes the same row, which stays locked while the handler takes its time over the
 * first events of each key. */
SKALD_HANDLER(on_counted_locking, test__v1__counted)
{
    struct pg_result *rows = NULL;
    const skald_status status = skald_query(context, &rows, "UPDATE hot SET n = n + 1");
    if (status != SKALD_OK)
        return status;
    if (event->number <= SLOW_NUMBERS)
        nanosleep(&(struct timespec){.tv_nsec = pause_ms * 1000000L}, NULL);
    return skald_exec(context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key,
                      event->number);
}

static const char locking_word[] = "--locking-child";

static void locking_child_become(int argc, char **argv)
{
    if (argc != 5 || strcmp(argv[1], locking_word) != 0)
        return;
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[3];
    options.lease_ms = 1000;
    pause_ms = atoi(argv[4]);
    skald_service *service = skald_service_open("payments", &options);
    (void)skald_follow(service, argv[2], on_counted_locking);
    exit(skald_main(service, 1, argv));
}

static test_child *locking_child(const counting_pair *pair, const char *handler_ms)
{
    char nats[256];
    snprintf(nats, sizeof nats, "NATS_URL=%s", pair->child.nats_url);
    const char *const argv[] = {"/proc/self/exe", locking_word, pair->child.stream,
                                pair->following,  handler_ms,   NULL};
    return child_start(argv, (const char *const[]){nats, "SKALD_SUPERVISE=no", NULL});
}

static bool row_is_locked(const counting_pair *pair)
{
    return database_integer(pair->following,
                            "SELECT count(*) FROM pg_stat_activity AS a JOIN pg_locks AS l"
                            " ON l.pid = a.pid AND l.relation = 'hot'::regclass"
                            " WHERE a.application_name LIKE 'skald/payments/%'"
                            " AND a.state = 'idle in transaction'") > 0;
}

/* Stops it while it holds the lock of the row. */
static void freeze_with_lock(const counting_pair *pair, test_child *child)
{
    for (;;) {
        WAIT_UNTIL(row_is_locked(pair));
        child_pause(child);
        if (row_is_locked(pair))
            return;
        child_resume(child);
    }
}

static void test_a_process_frozen_in_a_transaction_does_not_block_its_successor(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    database_run(pair.following, "CREATE TABLE hot AS SELECT 0::bigint AS n");
    test_child *frozen = locking_child(&pair, "100");
    for (int i = 0; i < SLOW_NUMBERS; i++)
        pair_load(&pair);
    freeze_with_lock(&pair, frozen);

    test_child *successor = locking_child(&pair, "0");

    WAIT_UNTIL(counting_facts(pair.following) == pair.published);
    /* It did not wait until PostgreSQL lost its patience with the idle transaction. */
    assert_true(database_integer(pair.following, "SELECT sessions_killed FROM pg_stat_database"
                                                 " WHERE datname = current_database()") > 0);
    child_resume(frozen);
    WAIT_UNTIL(pair_load(&pair) && pair_shares_are(&pair, "8/8"));
    pair_expect(&pair);
    assert_int_equal(database_integer(pair.following, "SELECT n FROM hot"), pair.published);
    pair_child_stop(frozen);
    pair_child_stop(successor);
    pair_end(&pair);
}

/* --- the relay ------------------------------------------------------------------------------ */

/* Two processes of the publisher's service, each with a relay, which also follow their own stream;
 * the publisher itself is without NATS. */
typedef struct relays {
    counting_pair pair; /* both of its databases are one */
    test_child *leads;
    test_child *stands_by;
    skald_nats *nats;
} relays;

static bool leads(const relays *given, const test_child *child)
{
    return database_integer(given->pair.origin,
                            "SELECT o.pid FROM skald.position AS p JOIN skald.process AS o"
                            " ON o.id = p.holder WHERE p.follower = '@relay'") == child_pid(child);
}

static relays given_relays(void)
{
    static int number;
    static char names[16][24];
    char *name = names[number++ % 16];
    snprintf(name, sizeof names[0], "shop%d", number);
    char *database = strdup(database_new());
    counting_prepare(database);
    database_run(database, "CREATE TABLE public.fallen (what text)");
    relays given = {.pair = {.origin = database,
                             .following = database,
                             .publisher = counting_publisher(name, database, NULL),
                             .child = {.service = name,
                                       .stream = name,
                                       .database = database,
                                       .nats_url = servers_nats_url()}},
                    .nats = stream_connect()};
    given.leads = counting_child(&given.pair.child);
    WAIT_UNTIL(pair_load(&given.pair) && leads(&given, given.leads));
    given.stands_by = counting_child(&given.pair.child);
    WAIT_UNTIL(pair_load(&given.pair) && pair_shares_are(&given.pair, "8/8"));
    assert_true(leads(&given, given.leads));
    return given;
}

static void relays_expect(relays *given)
{
    pair_expect(&given->pair);
    stream_expect_outbox(given->nats, given->pair.child.stream, given->pair.origin);
}

static void relays_end(relays *given)
{
    pair_child_stop(given->stands_by);
    skald_nats_close(given->nats);
    given->pair.following = NULL;
    pair_end(&given->pair);
}

static void test_the_relay_of_a_killed_process_is_taken_over(void **state)
{
    (void)state;
    relays given = given_relays();

    child_signal(given.leads, SIGKILL);

    WAIT_UNTIL(pair_load(&given.pair) && leads(&given, given.stands_by));
    relays_expect(&given);
    child_free(given.leads);
    relays_end(&given);
}

static void test_a_relay_that_freezes_and_wakes_writes_nothing_into_its_successors_stream(
    void **state)
{
    (void)state;
    relays given = given_relays();
    for (int round = 0; round < 3; round++) {
        pair_load(&given.pair);
        child_pause(given.leads);
        WAIT_UNTIL(pair_load(&given.pair) && leads(&given, given.stands_by));
        child_resume(given.leads);
        WAIT_UNTIL(pair_load(&given.pair) && pair_shares_are(&given.pair, "8/8"));
        test_child *other = given.leads;
        given.leads = given.stands_by;
        given.stands_by = other;
    }
    relays_expect(&given);
    pair_child_stop(given.leads);
    relays_end(&given);
}

static void test_a_relay_that_stops_hands_over(void **state)
{
    (void)state;
    relays given = given_relays();

    child_signal(given.leads, SIGTERM);

    WAIT_UNTIL(pair_load(&given.pair) && leads(&given, given.stands_by));
    pair_child_stop(given.leads);
    relays_expect(&given);
    relays_end(&given);
}

int main(int argc, char **argv)
{
    counting_child_become(argc, argv);
    locking_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processes_share_the_partitions_evenly),
        cmocka_unit_test(test_a_process_that_stops_under_load_gives_its_partitions_back),
        cmocka_unit_test(test_the_partitions_of_a_killed_process_move),
        cmocka_unit_test(test_a_process_that_freezes_and_wakes_changes_nothing_of_its_successors),
        cmocka_unit_test(test_a_process_frozen_in_a_transaction_does_not_block_its_successor),
        cmocka_unit_test(test_the_relay_of_a_killed_process_is_taken_over),
        cmocka_unit_test(
            test_a_relay_that_freezes_and_wakes_writes_nothing_into_its_successors_stream),
        cmocka_unit_test(test_a_relay_that_stops_hands_over),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
