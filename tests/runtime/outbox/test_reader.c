/* The gap-free reader (G2) on a real PostgreSQL: many writers that are slow, change their minds and
 * commit out of order, and not one committed row is skipped, doubled, or out of its key's order. */
#include "support/database.h"
#include "support/random.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include "base/clock.h"
#include "outbox/reader.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

/* ---- What a reader delivered ---- */

typedef struct delivery {
    int64_t *positions;
    size_t count;
    size_t capacity;
    int64_t numbers[16]; /* last number of each key */
} delivery;

static void delivery_done(delivery *got)
{
    free(got->positions);
    *got = (delivery){0};
}

/* The number is the body's text: "7" is the key's seventh event. */
static int64_t number_of(const skald_message *message)
{
    char text[24] = "";
    assert_true(message->body.size < sizeof text);
    memcpy(text, message->body.data, message->body.size);
    return strtoll(text, NULL, 10);
}

static void delivery_add(delivery *got, const skald_message *message)
{
    if (got->count > 0)
        assert_true(message->position > got->positions[got->count - 1]);
    if (got->count == got->capacity) {
        got->capacity = got->capacity == 0 ? 1024 : got->capacity * 2;
        got->positions = realloc(got->positions, got->capacity * sizeof *got->positions);
        assert_non_null(got->positions);
    }
    got->positions[got->count++] = message->position;
    if (message->key[0] != 'k')
        return;
    const long key = strtol(message->key + 1, NULL, 10);
    assert_in_range(key, 0, 15);
    if (number_of(message) != got->numbers[key] + 1)
        fail_msg("position %" PRId64 ": number %" PRId64 " of %s came after %" PRId64,
                 message->position, number_of(message), message->key, got->numbers[key]);
    got->numbers[key]++;
}

/* Committed rows and delivered ones are the same, row by row. */
static void expect_outbox(const delivery *got, const char *database)
{
    skald_pg *pg = NULL;
    skald_rows *rows = NULL;
    skald_error error;
    assert_ok(skald_pg_open(&pg, database, "test", &error), &error);
    assert_ok(skald_pg_do(pg, &rows, &error, "SELECT position FROM skald.outbox ORDER BY position"),
              &error);
    for (uint32_t i = 0; i < skald_rows_count(rows) && i < got->count; i++)
        assert_int_equal(got->positions[i], skald_rows_integer(rows, i, 0));
    assert_int_equal(got->count, skald_rows_count(rows));
    skald_rows_free(rows);
    skald_pg_close(pg);
}

/* ---- A reader with its connection ---- */

typedef struct reading {
    skald_pg *pg;
    skald_outbox_reader *reader;
} reading;

static reading reading_begin(const char *database, int64_t position)
{
    reading begun = {0};
    skald_error error;
    assert_ok(skald_pg_open(&begun.pg, database, "test-reader", &error), &error);
    assert_int_equal(skald_outbox_reader_open(&begun.reader, begun.pg, "/test", position),
                     SKALD_OK);
    return begun;
}

static void reading_end(reading *begun)
{
    skald_outbox_reader_close(begun->reader);
    skald_pg_close(begun->pg);
}

/* One look; how many came. */
static size_t read_once(reading *from, delivery *got)
{
    const skald_message *messages = NULL;
    size_t count = 0;
    uint32_t wait_ms = 0;
    skald_error error;
    assert_ok(skald_outbox_reader_next(from->reader, &messages, &count, &wait_ms, &error), &error);
    for (size_t i = 0; i < count; i++)
        delivery_add(got, &messages[i]);
    return count;
}

/* Looks until everything up to `position` was delivered or is dead. */
static void read_until(reading *from, delivery *got, int64_t position)
{
    const uint64_t begun_ms = wait_begin();
    while (skald_outbox_reader_position(from->reader) < position) {
        if (read_once(from, got) == 0)
            wait_more(begun_ms, "the reader reaches the end", __FILE__, __LINE__);
    }
}

/* ---- Single steps, two sessions ---- */

static skald_pg *session(const char *database)
{
    skald_pg *pg = NULL;
    skald_error error;
    assert_ok(skald_pg_open(&pg, database, "test-writer", &error), &error);
    return pg;
}

static void run(skald_pg *pg, const char *sql)
{
    skald_error error;
    assert_ok(skald_pg_script(pg, sql, &error), &error);
}

#define INSERT_ONE                                                                                 \
    "INSERT INTO skald.outbox (event_id, partition, type, key, body)"                              \
    " VALUES (gen_random_uuid(), 0, 'test.v1.Counted', 'x', '')"

static void test_an_empty_outbox_brings_nothing_and_waits(void **state)
{
    (void)state;
    reading from = reading_begin(database_new(), 0);
    const skald_message *messages = NULL;
    size_t count = 7;
    uint32_t wait_ms = 0;
    skald_error error;
    assert_ok(skald_outbox_reader_next(from.reader, &messages, &count, &wait_ms, &error), &error);
    assert_int_equal(count, 0);
    assert_true(wait_ms > 1);
    assert_int_equal(skald_outbox_reader_position(from.reader), 0);
    reading_end(&from);
}

static void test_a_row_comes_back_with_all_its_columns(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database,
                 "INSERT INTO skald.outbox (created_at, event_id, partition, type, key,"
                 " correlation_id, causation_id, traceparent, tracestate, headers, body) VALUES"
                 " ('2024-02-29 12:00:00.000001+00', '0190163d-8694-739b-aea5-966c26f8ad91', 7,"
                 " 'shop.v1.OrderCreated', 'ключ', 'co', 'ca', 'tp', 'ts', 'a: b\n', '\\x00ff'),"
                 " (now(), gen_random_uuid(), 0, 't', '', NULL, NULL, NULL, NULL, NULL, '')");
    reading from = reading_begin(database, 0);
    const skald_message *messages = NULL;
    size_t count = 0;
    uint32_t wait_ms = 0;
    skald_error error;
    assert_ok(skald_outbox_reader_next(from.reader, &messages, &count, &wait_ms, &error), &error);
    assert_int_equal(count, 2);
    assert_int_equal(messages[0].position, 1);
    assert_int_equal(messages[0].previous, -1);
    assert_int_equal(messages[0].partition, 7);
    assert_int_equal(messages[0].kind, SKALD_KIND_EVENT);
    assert_string_equal(messages[0].id, "0190163d-8694-739b-aea5-966c26f8ad91");
    assert_string_equal(messages[0].source, "/test");
    assert_string_equal(messages[0].type, "shop.v1.OrderCreated");
    assert_string_equal(messages[0].key, "ключ");
    assert_string_equal(messages[0].correlation_id, "co");
    assert_string_equal(messages[0].causation_id, "ca");
    assert_string_equal(messages[0].traceparent, "tp");
    assert_string_equal(messages[0].tracestate, "ts");
    assert_string_equal(messages[0].headers, "a: b\n");
    assert_int_equal(messages[0].time_us, INT64_C(1709208000000001));
    assert_int_equal(messages[0].body.size, 2);
    assert_memory_equal(messages[0].body.data, "\x00\xff", 2);
    assert_string_equal(messages[1].key, "");
    assert_null(messages[1].correlation_id);
    assert_null(messages[1].headers);
    assert_int_equal(messages[1].body.size, 0);
    reading_end(&from);
}

static void test_a_row_that_commits_late_is_waited_for_and_comes_first(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_pg *late = session(database);
    run(late, "BEGIN");
    run(late, INSERT_ONE);
    database_run(database, INSERT_ONE);
    reading from = reading_begin(database, 0);
    delivery got = {0};

    for (int i = 0; i < 50; i++)
        assert_int_equal(read_once(&from, &got), 0);
    assert_int_equal(skald_outbox_reader_position(from.reader), 0);

    run(late, "COMMIT");
    read_until(&from, &got, 2);
    expect_outbox(&got, database);
    reading_end(&from);
    delivery_done(&got);
    skald_pg_close(late);
}

static void test_a_position_whose_transaction_was_rolled_back_is_passed(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_pg *writer = session(database);
    run(writer, "BEGIN");
    run(writer, INSERT_ONE);
    run(writer, "ROLLBACK");
    run(writer, INSERT_ONE);
    reading from = reading_begin(database, 0);
    delivery got = {0};
    read_until(&from, &got, 2);
    assert_int_equal(got.count, 1);
    reading_end(&from);
    delivery_done(&got);
    skald_pg_close(writer);
}

/* The session is gone, not only its transaction. */
static void test_a_position_whose_session_was_killed_is_passed(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_pg *writer = session(database);
    run(writer, "BEGIN");
    run(writer, INSERT_ONE);
    database_run(database, INSERT_ONE);
    reading from = reading_begin(database, 0);
    delivery got = {0};
    assert_int_equal(read_once(&from, &got), 0);
    database_run(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE application_name = 'test-writer'"
                           " AND datname = current_database()");
    read_until(&from, &got, 2);
    assert_int_equal(got.count, 1);
    reading_end(&from);
    delivery_done(&got);
    skald_pg_close(writer);
}

static void test_only_part_of_a_transaction_may_be_rolled_back(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_pg *writer = session(database);
    run(writer, "BEGIN");
    run(writer, INSERT_ONE);
    run(writer, "SAVEPOINT a");
    run(writer, INSERT_ONE);
    run(writer, "ROLLBACK TO a");
    run(writer, INSERT_ONE);
    database_run(database, INSERT_ONE);
    reading from = reading_begin(database, 0);
    delivery got = {0};
    for (int i = 0; i < 20; i++)
        assert_int_equal(read_once(&from, &got), 0);
    run(writer, "COMMIT");
    read_until(&from, &got, 4);
    assert_int_equal(got.count, 3);
    expect_outbox(&got, database);
    reading_end(&from);
    delivery_done(&got);
    skald_pg_close(writer);
}

static void test_the_reader_begins_where_it_is_told(void **state)
{
    (void)state;
    const char *database = database_new();
    for (int i = 0; i < 3; i++)
        database_run(database, INSERT_ONE "; " INSERT_ONE);
    reading from = reading_begin(database, 4);
    delivery got = {0};
    read_until(&from, &got, 6);
    assert_int_equal(got.count, 2);
    assert_int_equal(got.positions[0], 5);
    reading_end(&from);
    delivery_done(&got);
}

static void test_a_long_transaction_that_does_not_write_the_outbox_holds_up_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, "CREATE TABLE other (id int)");
    skald_pg *unrelated = session(database);
    run(unrelated, "BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO other VALUES (1)");
    run(unrelated, "SELECT count(*) FROM skald.outbox");
    skald_pg *writer = session(database);
    run(writer, "BEGIN");
    run(writer, INSERT_ONE);
    run(writer, "ROLLBACK");
    run(writer, INSERT_ONE);
    reading from = reading_begin(database, 0);
    delivery got = {0};
    read_until(&from, &got, 2);
    assert_int_equal(got.count, 1);
    run(unrelated, "COMMIT");
    reading_end(&from);
    delivery_done(&got);
    skald_pg_close(writer);
    skald_pg_close(unrelated);
}

/* Suspects are noted once, so new writers that keep coming do not put off the verdict. */
static void test_writers_that_begin_after_a_gap_do_not_put_off_its_verdict(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_pg *first = session(database);
    skald_pg *second = session(database);
    run(first, "BEGIN");
    run(first, INSERT_ONE); /* 1 */
    run(first, "ROLLBACK");
    run(first, INSERT_ONE); /* 2, committed */
    reading from = reading_begin(database, 0);
    delivery got = {0};
    run(first, "BEGIN");
    run(first, INSERT_ONE); /* 3, open: a suspect of the gap at 1 */
    while (got.count == 0 && read_once(&from, &got) == 0 &&
           database_integer(database, "SELECT last_value FROM skald.outbox_position_seq") < 20) {
        /* Before one ends, the next has begun: the lock is never free. */
        run(second, "BEGIN");
        run(second, INSERT_ONE);
        run(first, "ROLLBACK");
        skald_pg *swap = first;
        first = second;
        second = swap;
    }
    assert_int_equal(got.count, 1);
    assert_int_equal(got.positions[0], 2);
    reading_end(&from);
    delivery_done(&got);
    skald_pg_close(first);
    skald_pg_close(second);
}

static void test_a_lost_connection_is_answered_and_a_new_reader_goes_on(void **state)
{
    (void)state;
    const char *database = database_new();
    database_run(database, INSERT_ONE);
    reading from = reading_begin(database, 0);
    delivery got = {0};
    read_until(&from, &got, 1);
    database_run(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                           " WHERE application_name = 'test-reader'"
                           " AND datname = current_database()");
    database_run(database, INSERT_ONE);

    const skald_message *messages = NULL;
    size_t count = 0;
    uint32_t wait_ms = 0;
    skald_error error;
    assert_status(skald_outbox_reader_next(from.reader, &messages, &count, &wait_ms, &error),
                  SKALD_UNAVAILABLE, &error);
    const int64_t reached = skald_outbox_reader_position(from.reader);
    assert_int_equal(reached, 1);
    reading_end(&from);
    from = reading_begin(database, reached);
    read_until(&from, &got, 2);
    expect_outbox(&got, database);
    reading_end(&from);
    delivery_done(&got);
}

/* ---- Large bodies ---- */

enum { LARGE = 700, READING_ROWS_MAX = 512 };

static void test_memory_is_bounded_whatever_the_size_of_bodies(void **state)
{
    (void)state;
    const char *database = database_new();
    char sql[512];
    /* Small rows first, so that the reader has come to expect them. */
    database_run(database, "INSERT INTO skald.outbox (event_id, partition, type, key, body)"
                           " SELECT gen_random_uuid(), 0, 't', 'x', '' FROM"
                           " generate_series(1, 3000)");
    snprintf(sql, sizeof sql,
             "INSERT INTO skald.outbox (event_id, partition, type, key, body)"
             " SELECT gen_random_uuid(), 0, 't', 'x', decode(repeat('ab', %u), 'hex')"
             " FROM generate_series(1, %d)",
             SKALD_BODY_SIZE_MAX, LARGE);
    database_run(database, sql);
    reading from = reading_begin(database, 0);
    delivery got = {0};
    size_t largest = 0;
    size_t last = 0;
    while (got.count < 3000 + LARGE) {
        const skald_message *messages = NULL;
        size_t count = 0;
        uint32_t wait_ms = 0;
        skald_error error;
        assert_ok(skald_outbox_reader_next(from.reader, &messages, &count, &wait_ms, &error),
                  &error);
        size_t bytes = 0;
        for (size_t i = 0; i < count; i++) {
            bytes += messages[i].body.size;
            delivery_add(&got, &messages[i]);
        }
        if (bytes > largest)
            largest = bytes;
        last = bytes;
    }
    print_message("largest reading: %zu KiB, last: %zu KiB\n", largest / 1024, last / 1024);
    /* The first reading that meets them, and those after it. */
    assert_true(largest <= (size_t)READING_ROWS_MAX * SKALD_BODY_SIZE_MAX);
    assert_true(last <= 5u * 1024 * 1024);
    expect_outbox(&got, database);
    reading_end(&from);
    delivery_done(&got);
}

/* ---- Many writers ---- */

enum {
    WRITERS = 10,
    TRANSACTIONS = 120, /* of each writer */
    WRITER_KEYS = 16,
    RANGE_SIZE = 500,
};

typedef struct writer {
    pthread_t thread;
    const char *database;
    test_random random;
    bool failed;
    char reason[256];
} writer;

static atomic_int writers_left;

static void pause_briefly(test_random *random)
{
    if (random_chance(random, 50))
        skald_clock_sleep_ms(random_below(random, 4));
}

/* The business row is locked first, then numbers are drawn: the documented order. Keys are locked
 * ascending so that writers do not deadlock. */
static const char sql_write[] =
    "WITH next AS (UPDATE counter SET number = number + 1 WHERE key = $1 RETURNING key, number)"
    " INSERT INTO skald.outbox (event_id, partition, type, key, body)"
    " SELECT gen_random_uuid(), 0, 'test.v1.Counted', key, convert_to(number::text, 'UTF8')"
    " FROM next";

static skald_status write_one(skald_pg *pg, int key, skald_error *error)
{
    char name[16];
    snprintf(name, sizeof name, "k%d", key);
    return skald_pg_do(pg, NULL, error, sql_write, name);
}

/* Some keys from the least up, each written once or more, some within a savepoint that may not
 * stay. */
static skald_status keys_write(skald_pg *pg, test_random *random, skald_error *error)
{
    skald_status status = SKALD_OK;
    int key = (int)random_below(random, WRITER_KEYS);
    while (key < WRITER_KEYS && status == SKALD_OK) {
        const bool savepoint = random_chance(random, 20);
        const bool undo = savepoint && random_chance(random, 50);
        if (savepoint)
            status = skald_pg_script(pg, "SAVEPOINT s", error);
        for (uint32_t i = random_below(random, 3) + 1; i > 0 && status == SKALD_OK; i--) {
            status = write_one(pg, key, error);
            pause_briefly(random);
        }
        if (undo && status == SKALD_OK)
            status = skald_pg_script(pg, "ROLLBACK TO s", error);
        key += 1 + (int)random_below(random, 6);
    }
    return status;
}

static skald_status transaction_write(skald_pg *pg, test_random *random, skald_error *error)
{
    skald_status status = skald_pg_script(pg, "BEGIN", error);
    if (status == SKALD_OK)
        status = keys_write(pg, random, error);
    if (status != SKALD_OK)
        return status;
    /* One in twenty keeps everybody waiting. */
    if (random_chance(random, 5))
        skald_clock_sleep_ms(50 + random_below(random, 100));
    return skald_pg_script(pg, random_chance(random, 20) ? "ROLLBACK" : "COMMIT", error);
}

static void *writer_work(void *argument)
{
    writer *self = argument;
    skald_error error = {0};
    skald_pg *pg = NULL;
    skald_status status = skald_pg_open(&pg, self->database, "test-writer", &error);
    for (int i = 0; i < TRANSACTIONS && status == SKALD_OK; i++)
        status = transaction_write(pg, &self->random, &error);
    skald_pg_close(pg);
    self->failed = status != SKALD_OK;
    snprintf(self->reason, sizeof self->reason, "%.250s", error.text);
    atomic_fetch_sub(&writers_left, 1);
    return NULL;
}

static void writers_start(writer *writers, const char *database, test_random *random)
{
    atomic_store(&writers_left, WRITERS);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (writer){.database = database, .random = {random_next(random)}};
        assert_int_equal(pthread_create(&writers[i].thread, NULL, writer_work, &writers[i]), 0);
    }
}

static void writers_join(writer *writers)
{
    for (int i = 0; i < WRITERS; i++) {
        assert_int_equal(pthread_join(writers[i].thread, NULL), 0);
        if (writers[i].failed)
            fail_msg("writer %d: %s", i, writers[i].reason);
    }
}

/* Ranges of 500 positions begin right behind the one that the migration made, and the sequence
 * stands a little before its end: writers will cross many borders. */
static const char *database_near_a_border(void)
{
    const char *database = database_new();
    database_run(database,
                 "CREATE TABLE counter (key text PRIMARY KEY, number int NOT NULL);"
                 "INSERT INTO counter SELECT 'k' || i, 0 FROM generate_series(0, 15) AS i;"
                 "CREATE TABLE other (id int);"
                 "DELETE FROM skald.outbox_range WHERE first_position > 1;"
                 "DO $$ DECLARE t name; BEGIN FOR t IN SELECT c.relname FROM pg_inherits AS i"
                 " JOIN pg_class AS c ON c.oid = i.inhrelid"
                 " WHERE i.inhparent = 'skald.outbox'::regclass"
                 " AND c.relname <> 'outbox_0000000000000000001'"
                 " LOOP EXECUTE format('DROP TABLE skald.%I', t); END LOOP; END $$;"
                 "SELECT setval('skald.outbox_position_seq', 999900)");
    return database;
}

static void ranges_extend(const char *database)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT skald.outbox_extend(%d, 6)", RANGE_SIZE);
    database_run(database, sql);
}

static void test_many_writers_and_not_one_committed_row_is_skipped_or_out_of_order(void **state)
{
    (void)state;
    test_random random = random_begin();
    const char *database = database_near_a_border();
    ranges_extend(database);
    skald_pg *unrelated = session(database);
    run(unrelated, "BEGIN; INSERT INTO other VALUES (1)");
    reading from = reading_begin(database, 999900);
    delivery got = {0};
    writer writers[WRITERS];

    writers_start(writers, database, &random);
    while (atomic_load(&writers_left) > 0) {
        (void)read_once(&from, &got);
        /* As the relay's keeper does. */
        ranges_extend(database);
    }
    writers_join(writers);
    const int64_t last = database_integer(database, "SELECT max(position) FROM skald.outbox");
    read_until(&from, &got, last);

    const int64_t drawn = last - 999900;
    print_message("%zu rows, %" PRId64 " positions dead, %" PRId64 " ranges\n", got.count,
                  drawn - (int64_t)got.count,
                  database_integer(database, "SELECT count(*) FROM skald.outbox_range"));
    expect_outbox(&got, database);
    assert_true((int64_t)got.count < drawn);
    assert_true(last > 1000000 + RANGE_SIZE);
    /* It reached the end while the unrelated transaction still is open. */
    run(unrelated, "INSERT INTO other VALUES (2); COMMIT");
    for (int key = 0; key < WRITER_KEYS; key++) {
        char sql[96];
        snprintf(sql, sizeof sql, "SELECT number FROM counter WHERE key = 'k%d'", key);
        assert_int_equal(database_integer(database, sql), got.numbers[key]);
    }
    reading_end(&from);
    delivery_done(&got);
    skald_pg_close(unrelated);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_outbox_brings_nothing_and_waits),
        cmocka_unit_test(test_a_row_comes_back_with_all_its_columns),
        cmocka_unit_test(test_a_row_that_commits_late_is_waited_for_and_comes_first),
        cmocka_unit_test(test_a_position_whose_transaction_was_rolled_back_is_passed),
        cmocka_unit_test(test_a_position_whose_session_was_killed_is_passed),
        cmocka_unit_test(test_only_part_of_a_transaction_may_be_rolled_back),
        cmocka_unit_test(test_the_reader_begins_where_it_is_told),
        cmocka_unit_test(test_a_long_transaction_that_does_not_write_the_outbox_holds_up_nothing),
        cmocka_unit_test(test_writers_that_begin_after_a_gap_do_not_put_off_its_verdict),
        cmocka_unit_test(test_a_lost_connection_is_answered_and_a_new_reader_goes_on),
        cmocka_unit_test(test_memory_is_bounded_whatever_the_size_of_bodies),
        cmocka_unit_test(test_many_writers_and_not_one_committed_row_is_skipped_or_out_of_order),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
