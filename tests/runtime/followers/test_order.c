/* Order per key and exactly once through everything at the same time: 10,000 keys, handlers that
 * fail, wait and give up at random, people who replay at random, and two processes of which one is
 * killed again and again. */
#include "support/child.h"
#include "support/counting.h"
#include "support/database.h"
#include "support/random.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include "base/arena.h"
#include "outbox/compose.h"
#include "outbox/writer.h"
#include "pg/pipeline.h"

#include <signal.h>
#include <stdatomic.h>

enum { KEYS = 10000, PER_KEY = 3, TOTAL = KEYS * PER_KEY, PER_TRANSACTION = 500, KILLS = 3 };

/* --- the process ----------------------------------------------------------------------------- */

static atomic_uint_fast64_t drawn;

/* Evenly from 0 to 999; workers draw at the same time. */
static unsigned draw(void)
{
    uint64_t x = atomic_fetch_add(&drawn, UINT64_C(0x9e3779b97f4a7c15));
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (unsigned)((x ^ (x >> 31)) % 1000);
}

static skald_status answer(skald_context *context, const Test__V1__Counted *event)
{
    const unsigned chance = draw();
    if (strcmp(event->note, "drop") == 0)
        return chance < 500 ? skald_fail_as(context, "drop", "may be dropped") : SKALD_OK;
    if (skald_context_attempt(context) > 0)
        return chance < 500 ? skald_fail(context, "still") : SKALD_OK;
    if (chance < 15)
        return skald_fail(context, "a failure");
    if (chance < 25)
        return skald_exec(context, "SELECT 1 / $1", 0);
    if (chance < 32)
        return skald_not_yet(context, "not yet");
    if (chance < 36)
        return skald_retry_after(context, 20, "busy");
    return chance < 42 ? skald_dead(context, "poison") : SKALD_OK;
}

static skald_status handle(skald_context *context, const ProtobufCMessage *message)
{
    const Test__V1__Counted *event = (const Test__V1__Counted *)message;
    const skald_status status = skald_exec(
        context, "INSERT INTO fact (key, number) VALUES ($1, $2)", event->key, event->number);
    return status == SKALD_OK ? answer(context, event) : status;
}

static const skald_handler handler[1] = {{"moody", &test__v1__counted__descriptor, handle}};

static const skald_retry_rule rules[] = {
    {.errors = "drop", .retry = "never", .dead = SKALD_DEAD_GOES_ON}};
static const skald_policy policy = {.retry = "1 at once, 1ms..30ms 5 times",
                                    .not_yet = "1ms..30ms",
                                    .rules = rules,
                                    .rule_count = 1};

static void child_become(int argc, char **argv)
{
    if (argc != 4 || strcmp(argv[1], "--order-child") != 0)
        return;
    atomic_store(&drawn, strtoull(argv[3], NULL, 10));
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = argv[2];
    options.lease_ms = 1500;
    options.workers = 3;
    options.policy = &policy;
    skald_service *service = skald_service_open("shop", &options);
    (void)skald_follow(service, "shop", handler);
    exit(skald_main(service, 1, argv));
}

static test_child *child_begin(const char *database, test_random *random)
{
    char seed[32];
    snprintf(seed, sizeof seed, "%llu", (unsigned long long)random_next(random));
    const char *const argv[] = {"/proc/self/exe", "--order-child", database, seed, NULL};
    /* A kill must hit the process that works. */
    const char *const environment[] = {"SKALD_SUPERVISE=no", "NATS_URL", "SKALD_LOG=error",
                                       "SKALD_ALLOW=fsync full_page_writes synchronous_commit",
                                       NULL};
    return child_start(argv, environment);
}

/* --- the story ------------------------------------------------------------------------------- */

/* One transaction of many rows, as a handler's would be: skald_publish_on takes one at a time. */
static void publish_rows(skald_pipeline *pipeline, test_random *random, int first, int count)
{
    skald_outbox_writer writer;
    skald_outbox_writer_init(&writer);
    skald_arena arena;
    skald_arena_init(&arena, 0);
    skald_error error = {0};
    for (int i = first; i < first + count; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i % KEYS);
        Test__V1__Counted event = TEST__V1__COUNTED__INIT;
        event.key = key;
        event.number = i / KEYS + 1;
        event.note = random_chance(random, 1) ? "drop" : "";
        skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
        options.key = key;
        skald_message message;
        assert_ok(skald_compose(&message, &event.base, &options, NULL, SKALD_PARTITIONS_DEFAULT,
                                &arena, &error),
                  &error);
        assert_ok(skald_outbox_writer_add(&writer, &message), NULL);
    }
    assert_ok(skald_pipeline_begin(pipeline, 60000, &error), &error);
    assert_ok(skald_outbox_writer_send(&writer, pipeline, &error), &error);
    assert_ok(skald_pipeline_commit(pipeline, &error), &error);
    skald_arena_done(&arena);
    skald_outbox_writer_done(&writer);
}

/* Numbers 1 to PER_KEY of every key, the keys in turn; about one in a hundred may be dropped. */
static void publish_all(const char *database, test_random *random)
{
    skald_pg *pg = NULL;
    skald_pipeline *pipeline = NULL;
    skald_error error = {0};
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    assert_int_equal(skald_pipeline_open(&pipeline, pg), SKALD_OK);
    for (int i = 0; i < TOTAL; i += PER_TRANSACTION)
        publish_rows(pipeline, random, i, PER_TRANSACTION);
    skald_pipeline_close(pipeline);
    skald_pg_close(pg);
}

/* A person replays half of what is dead, and looks how far it is. One connection for it all,
 * because it happens many times. */
static int64_t replay_and_count(skald_pg *person)
{
    skald_rows *rows = NULL;
    skald_error error = {0};
    assert_ok(skald_pg_do(person, &rows, &error,
                          "WITH replayed AS MATERIALIZED (SELECT skald.job_replay(id, 'somebody')"
                          " FROM (SELECT id FROM skald.job WHERE state = 'dead' AND random() < 0.5"
                          " LIMIT 300) AS d) SELECT (SELECT sum(handled) FROM skald.position),"
                          " (SELECT count(*) FROM replayed)"),
              &error);
    const int64_t handled = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return handled;
}

static void expect_in_order_and_once(const char *database)
{
    assert_int_equal(database_integer(database, "SELECT count(*) FROM fact"), TOTAL);
    assert_int_equal(
        database_integer(database, "SELECT count(*) FROM (SELECT DISTINCT key, number FROM fact) AS"
                                   " f"),
        TOTAL);
    /* What may be dropped comes late when it is replayed; all others keep their order. */
    assert_string_equal(
        database_text(database,
                      "SELECT string_agg(format('%s: %s behind %s', key, number, before), '; ')"
                      " FROM (SELECT key, number, lag(number) OVER (PARTITION BY key ORDER BY at)"
                      " AS before FROM fact WHERE NOT EXISTS (SELECT FROM dropped AS d WHERE d.key"
                      " = fact.key AND d.number = fact.number)) AS f WHERE number < before"),
        "");
}

/* Which messages may be dropped is seen when they are. */
static void watch_dropped(const char *database)
{
    database_run(database,
                 "CREATE TABLE dropped (key text, number bigint);"
                 "CREATE TABLE died (job bigint);"
                 "CREATE FUNCTION note_dropped() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN"
                 " INSERT INTO died VALUES (new.id);"
                 " IF NOT new.holds THEN INSERT INTO dropped SELECT new.key, count(*) FROM"
                 " skald.outbox AS o WHERE o.key = new.key AND o.position <= new.position; END IF;"
                 " RETURN NULL; END'");
    database_run(database, "CREATE TRIGGER note_dropped AFTER INSERT OR UPDATE ON skald.job FOR"
                           " EACH ROW WHEN (new.state = 'dead') EXECUTE FUNCTION note_dropped()");
    database_run(database, "CREATE INDEX ON skald.outbox (key)");
}

static void test_order_and_once_through_failures_deaths_replays_and_kills(void **state)
{
    (void)state;
    test_random random = random_begin();
    const char *database = database_new();
    counting_prepare(database);
    watch_dropped(database);
    skald_service *publisher = counting_publisher("shop", database, NULL);
    test_child *killed = child_begin(database, &random);
    test_child *staying = child_begin(database, &random);
    publish_all(database, &random);
    skald_error error = {0};
    skald_pg *person = NULL;
    assert_ok(skald_pg_open(&person, database, "somebody", &error), &error);

    for (int i = 1; i <= KILLS; i++) {
        WAIT_UNTIL(replay_and_count(person) > i * TOTAL / (KILLS + 2));
        child_signal(killed, SIGKILL);
        assert_int_equal(child_wait(killed), 128 + SIGKILL);
        child_free(killed);
        killed = child_begin(database, &random);
    }

    WAIT_UNTIL(replay_and_count(person) >= TOTAL);
    expect_in_order_and_once(database);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.job") == 0);
    /* It was no peaceful run. */
    assert_in_range(database_integer(database, "SELECT count(*) FROM died"), 50, TOTAL);
    assert_in_range(database_integer(database, "SELECT count(*) FROM dropped"), 20, TOTAL);
    child_signal(killed, SIGTERM);
    child_signal(staying, SIGTERM);
    assert_int_equal(child_wait(killed), 0);
    assert_int_equal(child_wait(staying), 0);
    child_free(killed);
    child_free(staying);
    skald_pg_close(person);
    assert_ok(skald_service_stop(publisher, &error), &error);
    skald_service_free(publisher);
}

int main(int argc, char **argv)
{
    child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_once_through_failures_deaths_replays_and_kills),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
