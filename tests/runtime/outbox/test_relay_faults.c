/* Servers that go, come back empty, or come back old, while rows are being written. In the end the
 * stream is the outbox's mirror again. */
#include "support/database.h"
#include "support/relay.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/clock.h"
#include "pg/connection.h"

#include <pthread.h>

enum { WRITERS = 3 };

/* Writes small transactions until told to stop: some wait between drawing a position and
 * committing, some roll back, and who loses the connection makes another. */
typedef struct writer {
    pthread_t thread;
    const char *database;
    skald_bell *bell;
    unsigned seed;
    atomic_bool *stop;
    atomic_uint committed;
} writer;

typedef struct load {
    writer writers[WRITERS];
    atomic_bool stop;
} load;

static void write_once(writer *self, skald_pg *pg)
{
    char sql[512];
    const unsigned lane = (unsigned)rand_r(&self->seed) % 16;
    const unsigned rows = 1 + (unsigned)rand_r(&self->seed) % 4;
    const double wait = rand_r(&self->seed) % 8 == 0 ? 0.02 : 0.0;
    const bool commits = rand_r(&self->seed) % 5 != 0;
    snprintf(sql, sizeof sql,
             "BEGIN; INSERT INTO skald.outbox (event_id, partition, type, key, body)"
             " SELECT gen_random_uuid(), %u, 'test.v1.Counted', 'k%u', '\\x0a016b'"
             " FROM generate_series(1, %u); SELECT pg_sleep(%f); %s",
             lane, lane, rows, wait, commits ? "COMMIT" : "ROLLBACK");
    if (skald_pg_script(pg, sql, NULL) == SKALD_OK && commits) {
        atomic_fetch_add(&self->committed, 1);
        skald_bell_ring(self->bell);
    }
}

static void *writer_run(void *argument)
{
    writer *self = argument;
    skald_pg *pg = NULL;
    while (!atomic_load(self->stop)) {
        if (pg == NULL && skald_pg_open(&pg, self->database, "test-writer", NULL) != SKALD_OK) {
            skald_clock_sleep_ms(20);
            continue;
        }
        write_once(self, pg);
        if (!skald_pg_alive(pg)) {
            skald_pg_close(pg);
            pg = NULL;
        }
    }
    skald_pg_close(pg);
    return NULL;
}

static load *load_start(const char *database, skald_bell *bell)
{
    load *running = calloc(1, sizeof *running);
    assert_non_null(running);
    for (unsigned i = 0; i < WRITERS; i++) {
        writer *one = &running->writers[i];
        one->database = database;
        one->bell = bell;
        one->seed = (unsigned)(skald_clock_wall_us() + i);
        one->stop = &running->stop;
        print_message("           writer %u has seed %u\n", i, one->seed);
        assert_int_equal(pthread_create(&one->thread, NULL, writer_run, one), 0);
    }
    return running;
}

static unsigned load_committed(load *running)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < WRITERS; i++)
        sum += atomic_load(&running->writers[i].committed);
    return sum;
}

/* Waits until so many more transactions are committed. */
static void load_await(load *running, unsigned more)
{
    const unsigned wanted = load_committed(running) + more;
    WAIT_UNTIL(load_committed(running) >= wanted);
}

static void load_stop(load *running)
{
    atomic_store(&running->stop, true);
    for (unsigned i = 0; i < WRITERS; i++)
        pthread_join(running->writers[i].thread, NULL);
    free(running);
}

/* What every test here ends with. */
static void expect_mirror(test_relay *relay, load *running, const char *service,
                          const char *database)
{
    load_await(running, 50);
    load_stop(running);
    relay_await(relay->nats, service, database);
    stream_expect_outbox(relay->nats, service, database);
    relay_free(relay);
}

static void test_a_killed_and_restarted_nats_server_costs_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("killed", database);
    load *running = load_start(database, &relay->bell);

    for (unsigned i = 0; i < 3; i++) {
        load_await(running, 100);
        servers_kill(SKALD_SERVER_NATS);
        load_await(running, 50);
        servers_start(SKALD_SERVER_NATS);
    }

    expect_mirror(relay, running, "killed", database);
}

static void test_a_wiped_store_is_filled_again(void **state)
{
    (void)state;
    skald_error error;
    const char *database = database_new();
    test_relay *relay = relay_start("wiped", database);
    load *running = load_start(database, &relay->bell);

    for (unsigned i = 0; i < 2; i++) {
        load_await(running, 100);
        servers_kill(SKALD_SERVER_NATS);
        assert_ok(skald_servers_wipe(servers(), SKALD_SERVER_NATS, &error), &error);
        servers_start(SKALD_SERVER_NATS);
    }

    expect_mirror(relay, running, "wiped", database);
}

static void test_a_store_set_back_to_an_older_copy_is_completed(void **state)
{
    (void)state;
    skald_error error;
    const char *database = database_new();
    test_relay *relay = relay_start("older", database);
    load *running = load_start(database, &relay->bell);
    load_await(running, 100);
    WAIT_UNTIL(stream_last_position(relay->nats, "older") > 0);
    servers_stop(SKALD_SERVER_NATS);
    assert_ok(skald_servers_save(servers(), SKALD_SERVER_NATS, "early", &error), &error);
    servers_start(SKALD_SERVER_NATS);

    for (unsigned i = 0; i < 2; i++) {
        const int64_t before = skald_relay_confirmed(relay->relay);
        load_await(running, 100);
        WAIT_UNTIL(skald_relay_confirmed(relay->relay) > before);
        servers_kill(SKALD_SERVER_NATS);
        assert_ok(skald_servers_restore(servers(), SKALD_SERVER_NATS, "early", &error), &error);
        servers_start(SKALD_SERVER_NATS);
    }

    expect_mirror(relay, running, "older", database);
}

static void test_a_stream_deleted_under_the_relay_is_made_again(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("deleted", database);
    load *running = load_start(database, &relay->bell);

    for (unsigned i = 0; i < 3; i++) {
        load_await(running, 50);
        WAIT_UNTIL(stream_last_position(relay->nats, "deleted") > 0);
        stream_delete(relay->nats, "deleted");
    }

    expect_mirror(relay, running, "deleted", database);
}

static void test_a_killed_and_restarted_postgresql_costs_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("database", database);
    load *running = load_start(database, &relay->bell);

    for (unsigned i = 0; i < 2; i++) {
        load_await(running, 50);
        servers_kill(SKALD_SERVER_POSTGRES);
        servers_start(SKALD_SERVER_POSTGRES);
    }

    expect_mirror(relay, running, "database", database);
}

static void test_a_paused_nats_server_is_waited_for(void **state)
{
    (void)state;
    const char *database = database_new();
    test_relay *relay = relay_start("paused", database);
    load *running = load_start(database, &relay->bell);
    load_await(running, 50);
    const unsigned troubles = stream_log_count("RELAY-WAITS");

    stream_server_pause();
    WAIT_UNTIL(stream_log_count("RELAY-WAITS") > troubles);
    stream_server_resume();

    expect_mirror(relay, running, "paused", database);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_killed_and_restarted_nats_server_costs_nothing),
        cmocka_unit_test(test_a_wiped_store_is_filled_again),
        cmocka_unit_test(test_a_store_set_back_to_an_older_copy_is_completed),
        cmocka_unit_test(test_a_stream_deleted_under_the_relay_is_made_again),
        cmocka_unit_test(test_a_killed_and_restarted_postgresql_costs_nothing),
        cmocka_unit_test(test_a_paused_nats_server_is_waited_for),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
