/* Following: where a follower begins, who follows what, and what becomes of messages that are
 * repeated, strange or hostile. */
#include "support/counting_pair.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"
#include "support/wait.h"

#include "test/v1/events.pb-c.h"

#include <libpq-fe.h>

/* --- services ------------------------------------------------------------------------------- */

static skald_service *service_open(const char *name, const char *database, const char *nats_url)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.nats_url = nats_url;
    options.lease_ms = 1000;
    return skald_service_open(name, &options);
}

static void service_start(skald_service *service)
{
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);
}

static void service_end(skald_service *service)
{
    skald_error error = {0};
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

static skald_counters counters_of(const skald_service *service)
{
    skald_counters counters;
    skald_service_counters(service, &counters);
    return counters;
}

static const char *new_database(void)
{
    const char *database = database_new();
    counting_prepare(database);
    return database;
}

/* A service that follows `stream` with one handler, and runs. */
static skald_service *follower_start(const char *name, const char *database, const char *nats_url,
                                     const char *stream, const skald_follow_options *options)
{
    skald_service *service = service_open(name, database, nats_url);
    assert_int_equal(skald_follow_with(service, stream, counting_handler, options), SKALD_OK);
    service_start(service);
    return service;
}

static bool registered(const char *database, const char *follower)
{
    char sql[128];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM skald.position WHERE follower = '%s'",
             follower);
    return database_integer(database, sql) > 0;
}

static int64_t now_us(const char *database)
{
    return database_integer(database,
                            "SELECT (extract(epoch FROM clock_timestamp()) * 1e6)::bigint");
}

/* The facts are the last `count` of each key's `total`, in order. */
static void expect_last(const char *database, int count, int total)
{
    WAIT_UNTIL(counting_facts(database) >= count * PAIR_KEYS);
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM (SELECT number, row_number() OVER (PARTITION BY key ORDER BY at)"
             " AS n FROM fact) AS f WHERE number = n + %d",
             total - count);
    assert_int_equal(database_integer(database, sql), count * PAIR_KEYS);
    assert_int_equal(counting_facts(database), count * PAIR_KEYS);
}

/* --- where it begins ------------------------------------------------------------------------ */

static void test_a_follower_begins_where_it_is_told_and_goes_on_from_its_position(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    const char *stream = pair.child.stream;
    const char *from_beginning = new_database();
    const char *from_now = new_database();
    const char *from_time = new_database();
    skald_nats *nats = stream_connect();
    skald_follow_options options = SKALD_FOLLOW_OPTIONS_INIT;

    /* Given three events of each key; the time is between the first and the others. */
    pair_load(&pair);
    WAIT_UNTIL(stream_last_position(nats, stream) == pair.published);
    options.from_time_us = now_us(pair.origin);
    pair_load(&pair);
    pair_load(&pair);
    WAIT_UNTIL(stream_last_position(nats, stream) == pair.published);

    skald_service *services[3];
    services[0] = follower_start("a", from_beginning, servers_nats_url(), stream, NULL);
    options.from = SKALD_FROM_NOW;
    services[1] = follower_start("b", from_now, servers_nats_url(), stream, &options);
    options.from = SKALD_FROM_TIME;
    services[2] = follower_start("c", from_time, servers_nats_url(), stream, &options);
    WAIT_UNTIL(registered(from_now, stream));
    pair_load(&pair);
    expect_last(from_beginning, 4, 4);
    expect_last(from_now, 1, 4);
    expect_last(from_time, 3, 4);
    for (int i = 0; i < 3; i++)
        service_end(services[i]);

    /* When it starts again, what it is told does not count. */
    pair_load(&pair);
    options.from = SKALD_FROM_NOW;
    services[0] = follower_start("a", from_beginning, servers_nats_url(), stream, &options);
    services[1] = follower_start("b", from_now, servers_nats_url(), stream, &options);
    services[2] = follower_start("c", from_time, servers_nats_url(), stream, NULL);
    expect_last(from_beginning, 5, 5);
    expect_last(from_now, 2, 5);
    expect_last(from_time, 4, 5);
    for (int i = 0; i < 3; i++)
        service_end(services[i]);
    skald_nats_close(nats);
    pair_end(&pair);
}

/* The same without NATS: the service follows its own outbox. */
static void follow_outbox(skald_follow_from from, int expected)
{
    const char *database = new_database();
    skald_follow_options options = SKALD_FOLLOW_OPTIONS_INIT;
    skald_service *service = service_open("alone", database, NULL);
    service_start(service);
    counting_publish(service, database, PAIR_KEYS, PAIR_KEYS, 7);
    options.from = from;
    options.from_time_us = now_us(database);
    counting_publish(service, database, PAIR_KEYS, 2 * PAIR_KEYS, 7);
    service_end(service);

    service = follower_start("alone", database, NULL, "alone", &options);
    WAIT_UNTIL(registered(database, "alone"));
    counting_publish(service, database, PAIR_KEYS, PAIR_KEYS, 7);

    expect_last(database, expected, 4);
    service_end(service);
}

static void test_without_nats_a_service_follows_its_own_outbox(void **state)
{
    (void)state;
    follow_outbox(SKALD_FROM_BEGINNING, 4);
    follow_outbox(SKALD_FROM_NOW, 1);
    follow_outbox(SKALD_FROM_TIME, 3);
}

/* --- who follows what ----------------------------------------------------------------------- */

SKALD_HANDLER(on_counted_second, test__v1__counted)
{
    return skald_exec(context, "INSERT INTO second (key, number) VALUES ($1, $2)", event->key,
                      event->number);
}

static void test_two_names_follow_one_stream_independently(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    const char *stream = pair.child.stream;
    const char *database = new_database();
    database_run(database, "CREATE TABLE second (at bigserial, key text, number bigint)");
    skald_follow_options first = SKALD_FOLLOW_OPTIONS_INIT;
    skald_follow_options second = SKALD_FOLLOW_OPTIONS_INIT;
    first.name = "first";
    second.name = "second";

    pair_load(&pair);
    skald_service *service = service_open("reader", database, servers_nats_url());
    assert_int_equal(skald_follow_with(service, stream, counting_handler, &first), SKALD_OK);
    assert_int_equal(skald_follow_with(service, stream, on_counted_second, &second), SKALD_OK);
    service_start(service);
    expect_last(database, 1, 1);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM second") == PAIR_KEYS);
    service_end(service);

    /* One of them goes on alone, and the other finds later what it has missed. */
    pair_load(&pair);
    service = follower_start("reader", database, servers_nats_url(), stream, &first);
    expect_last(database, 2, 2);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM second"), PAIR_KEYS);
    service_end(service);
    service = service_open("reader", database, servers_nats_url());
    assert_int_equal(skald_follow_with(service, stream, on_counted_second, &second), SKALD_OK);
    service_start(service);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM second") == 2 * PAIR_KEYS);
    service_end(service);
    assert_int_equal(database_integer(database, "SELECT count(DISTINCT (key, number)) FROM second"),
                     2 * PAIR_KEYS);
    expect_last(database, 2, 2);
    pair_end(&pair);
}

static void test_services_follow_one_stream_each_with_its_own_position(void **state)
{
    (void)state;
    enum { SERVICES = 4 };
    counting_pair pair = pair_begin();
    const char *databases[SERVICES];
    skald_service *services[SERVICES];
    for (int i = 0; i < SERVICES; i++) {
        char name[24];
        snprintf(name, sizeof name, "reader-%d", i);
        databases[i] = new_database();
        services[i] =
            follower_start(name, databases[i], servers_nats_url(), pair.child.stream, NULL);
        pair_load(&pair);
    }
    for (int i = 0; i < SERVICES; i++) {
        expect_last(databases[i], SERVICES, SERVICES);
        service_end(services[i]);
    }
    pair_end(&pair);
}

/* Publishes, in a transaction of its own, an event without a handler. */
static void publish_ignored(skald_service *service, const char *database)
{
    PGconn *connection = PQconnectdb(database);
    skald_publish_options options = SKALD_PUBLISH_OPTIONS_INIT;
    Test__V1__Ignored event = TEST__V1__IGNORED__INIT;
    skald_error error = {0};
    options.key = "k1";
    assert_ok(skald_publish_on(service, connection, &event.base, &options, &error), &error);
    PQfinish(connection);
}

static void test_types_nobody_handles_are_skipped_and_counted(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    publish_ignored(pair.publisher, pair.origin);
    pair_load(&pair);
    publish_ignored(pair.publisher, pair.origin);
    publish_ignored(pair.publisher, pair.origin);

    skald_service *service =
        follower_start("payments", pair.following, servers_nats_url(), pair.child.stream, NULL);

    WAIT_UNTIL(counters_of(service).skipped == 3 && counters_of(service).handled == PAIR_KEYS);
    pair_expect(&pair);
    assert_int_equal(database_integer(pair.following, "SELECT sum(skipped) FROM skald.position"),
                     3);
    assert_int_equal(database_integer(pair.following, "SELECT sum(handled) FROM skald.position"),
                     PAIR_KEYS);
    service_end(service);
    pair_end(&pair);
}

/* --- streams that Skald did not write -------------------------------------------------------- */

/* Sends a Counted of key "k" with up to three headers. */
static void foreign_send(skald_nats *nats, const char *subject, int64_t number,
                         const skald_header_view *headers, size_t header_count)
{
    uint8_t body[64];
    Test__V1__Counted event = TEST__V1__COUNTED__INIT;
    event.key = (char *)"k";
    event.number = number;
    const skald_nats_view view = {.subject = subject,
                                  .headers = headers,
                                  .header_count = header_count,
                                  .body = {body, test__v1__counted__pack(&event, body)}};
    skald_error error = {0};
    assert_ok(skald_nats_send(nats, &view, &error), &error);
}

static uint64_t messages_of(skald_nats *nats, const char *stream)
{
    skald_stream_state state;
    skald_error error = {0};
    assert_ok(skald_stream_look(&state, nats, stream, &error), &error);
    return state.message_count;
}

/* The stream knows repeats for a moment only; so send until it has forgotten. */
static bool repeat_sent(skald_nats *nats, const char *stream, const skald_header_view *id,
                        uint64_t wanted)
{
    foreign_send(nats, "weather.today", 2, id, 1);
    return messages_of(nats, stream) >= wanted;
}

static void test_a_foreign_stream_is_followed_and_its_repeats_are_applied_once(void **state)
{
    (void)state;
    const char *database = new_database();
    skald_nats *nats = stream_connect();
    stream_make(nats, "weather",
                "{\"name\":\"weather\",\"subjects\":[\"weather.>\"],\"storage\":\"file\","
                "\"duplicate_window\":100000000}");
    const skald_header_view cloud[] = {{"ce-id", "sunny"}, {"ce-type", "test.v1.Counted"}};
    const skald_header_view nats_id[] = {{"Nats-Msg-Id", "rain"}};
    const skald_header_view other_type[] = {{"ce-type", "test.v1.Ignored"}};
    const skald_header_view malformed[] = {{"ce-id", "bad"}, {"ce-time", "yesterday"}};
    /* Given events with an id of either kind, each repeated under another sequence, two without any
     * id, one of another type, and one that cannot be read. */
    foreign_send(nats, "weather.today", 1, cloud, 2);
    foreign_send(nats, "weather.today", 2, nats_id, 1);
    foreign_send(nats, "weather.today", 1, cloud, 2);
    WAIT_UNTIL(repeat_sent(nats, "weather", nats_id, 4));
    foreign_send(nats, "weather.today", 3, NULL, 0);
    foreign_send(nats, "weather.today", 3, NULL, 0);
    foreign_send(nats, "weather.today", 4, other_type, 1);
    foreign_send(nats, "weather.today", 5, malformed, 2);
    WAIT_UNTIL(messages_of(nats, "weather") == 8);

    skald_follow_options options = SKALD_FOLLOW_OPTIONS_INIT;
    options.foreign = true;
    options.foreign_type = "test.v1.Counted";
    options.foreign_partitions = 4;
    skald_service *service =
        follower_start("reader", database, servers_nats_url(), "weather", &options);

    WAIT_UNTIL(counters_of(service).set_aside == 1);
    WAIT_UNTIL(counting_facts(database) == 4);
    assert_int_equal(counters_of(service).skipped, 1);
    assert_int_equal(counters_of(service).repeated, 2);
    assert_contains(database_text(database, "SELECT reason FROM skald.job WHERE state = 'dead'"
                                            " AND position = 8"),
                    "ce-time");
    service_end(service);

    /* A repeat is known after a restart as well, however late it comes. */
    foreign_send(nats, "weather.today", 1, cloud, 2);
    foreign_send(nats, "weather.today", 6, NULL, 0);
    service = follower_start("reader", database, servers_nats_url(), "weather", &options);
    WAIT_UNTIL(counting_facts(database) == 5);
    assert_string_equal(
        database_text(database, "SELECT string_agg(number::text, ' ' ORDER BY at) FROM fact"),
        "1 2 3 3 6");
    assert_int_equal(counters_of(service).repeated, 1);
    service_end(service);
    skald_nats_close(nats);
}

static void test_two_followers_of_a_foreign_stream_know_repeats_each_for_itself(void **state)
{
    (void)state;
    const char *database = new_database();
    skald_nats *nats = stream_connect();
    stream_make(nats, "tides",
                "{\"name\":\"tides\",\"subjects\":[\"tides.>\"],\"storage\":\"file\"}");
    const skald_header_view high[] = {{"ce-id", "high"}, {"ce-type", "test.v1.Counted"}};
    const skald_header_view low[] = {{"ce-id", "low"}, {"ce-type", "test.v1.Counted"}};
    foreign_send(nats, "tides.today", 1, high, 2);
    foreign_send(nats, "tides.today", 2, low, 2);
    foreign_send(nats, "tides.today", 1, high, 2);

    /* One worker, so that messages of both meet in one transaction. */
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    options.nats_url = servers_nats_url();
    options.allow = "fsync full_page_writes synchronous_commit";
    options.workers = 1;
    skald_service *service = skald_service_open("reader", &options);
    skald_follow_options follow = SKALD_FOLLOW_OPTIONS_INIT;
    follow.foreign = true;
    follow.name = "first";
    assert_int_equal(skald_follow_with(service, "tides", counting_handler, &follow), SKALD_OK);
    follow.name = "second";
    assert_int_equal(skald_follow_with(service, "tides", counting_handler, &follow), SKALD_OK);
    skald_error error = {0};
    assert_ok(skald_service_start(service, &error), &error);

    WAIT_UNTIL(database_integer(database, "SELECT sum(position) FROM skald.position WHERE follower"
                                          " IN ('first', 'second') AND position > 0") == 6);
    assert_int_equal(counting_facts(database), 4);
    service_end(service);
    skald_nats_close(nats);
}

/* --- hostile messages ------------------------------------------------------------------------ */

/* Without headers, with headers that cannot be read, on a lane and a subject that do not exist. */
static void intrude(skald_nats *nats, const char *stream)
{
    const skald_header_view no_number[] = {{"Skald-Pos", "abc"}, {"ce-type", "test.v1.Counted"}};
    const skald_header_view not_text[] = {{"ce-type", "\xff\xfe"}};
    const skald_header_view no_position[] = {{"ce-type", "test.v1.Counted"}, {"ce-id", "x"}};
    char subject[64], far[64], nowhere[64];
    snprintf(subject, sizeof subject, "%s.event.07.X", stream);
    snprintf(far, sizeof far, "%s.event.99.X", stream);
    snprintf(nowhere, sizeof nowhere, "%s.event.hello", stream);
    stream_intrude(nats, subject, "hello");
    stream_intrude(nats, far, "\xff");
    stream_intrude(nats, nowhere, "");
    foreign_send(nats, subject, 1, no_number, 2);
    foreign_send(nats, subject, 1, not_text, 1);
    foreign_send(nats, subject, 1, no_position, 2);
}

enum { INTRUDERS = 6 };

static int64_t dead_count(const char *database)
{
    return database_integer(database, "SELECT count(*) FROM skald.job WHERE state = 'dead'");
}

static void test_hostile_messages_are_set_aside_once_and_the_others_flow(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    const char *stream = pair.child.stream;
    skald_nats *nats = stream_connect();
    skald_service *service =
        follower_start("payments", pair.following, servers_nats_url(), stream, NULL);
    pair_load(&pair);
    WAIT_UNTIL(counting_facts(pair.following) == pair.published);

    intrude(nats, stream);
    WAIT_UNTIL(dead_count(pair.following) == INTRUDERS);
    /* They stand at the end of the stream, so that the next start reads them again. */
    service_end(service);
    service = follower_start("payments", pair.following, servers_nats_url(), stream, NULL);
    WAIT_UNTIL(counters_of(service).set_aside >= INTRUDERS);
    /* The relay finds the end of its chain again, in front of them. */
    pair_load(&pair);
    pair_load(&pair);

    WAIT_UNTIL(counting_facts(pair.following) >= pair.published);
    counting_expect(pair.following, PAIR_KEYS, pair.published);
    assert_int_equal(database_integer(pair.following, "SELECT count(*) FROM skald.job"), INTRUDERS);
    assert_int_equal(database_integer(pair.following,
                                      "SELECT count(*) FROM skald.job WHERE body = 'hello'"
                                      " AND reason LIKE '%not written by the relay%'"),
                     1);
    assert_int_equal(database_integer(pair.following, "SELECT count(*) FROM skald.job WHERE"
                                                      " reason LIKE '%Skald-Pos%decimal%'"),
                     1);
    assert_int_equal(database_integer(pair.following, "SELECT count(*) FROM skald.job WHERE"
                                                      " reason LIKE '%subject%'"),
                     1);
    service_end(service);
    skald_nats_close(nats);
    pair_end(&pair);
}

static void test_a_body_that_cannot_be_decoded_is_set_aside_and_its_neighbours_flow(void **state)
{
    (void)state;
    counting_pair pair = pair_begin();
    pair_load(&pair);
    /* Field 1, a string of five bytes of which one is there; of a key that has other events. */
    database_run(pair.origin, "INSERT INTO skald.outbox (event_id, partition, type, key, body)"
                              " SELECT gen_random_uuid(), partition, type, key, '\\x0a0541'"
                              " FROM skald.outbox WHERE key = 'k3'");
    pair_load(&pair);

    skald_service *service =
        follower_start("payments", pair.following, servers_nats_url(), pair.child.stream, NULL);

    WAIT_UNTIL(counting_facts(pair.following) >= pair.published);
    WAIT_UNTIL(counters_of(service).set_aside == 1);
    counting_expect(pair.following, PAIR_KEYS, pair.published);
    assert_string_equal(database_text(pair.following,
                                      "SELECT state || ' ' || key || ' ' || body::text"
                                      " FROM skald.job WHERE reason <> ''"),
                        "dead k3 \\x0a0541");
    service_end(service);
    pair_end(&pair);
}

int main(int argc, char **argv)
{
    counting_child_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_follower_begins_where_it_is_told_and_goes_on_from_its_position),
        cmocka_unit_test(test_without_nats_a_service_follows_its_own_outbox),
        cmocka_unit_test(test_two_names_follow_one_stream_independently),
        cmocka_unit_test(test_services_follow_one_stream_each_with_its_own_position),
        cmocka_unit_test(test_types_nobody_handles_are_skipped_and_counted),
        cmocka_unit_test(test_a_foreign_stream_is_followed_and_its_repeats_are_applied_once),
        cmocka_unit_test(test_two_followers_of_a_foreign_stream_know_repeats_each_for_itself),
        cmocka_unit_test(test_hostile_messages_are_set_aside_once_and_the_others_flow),
        cmocka_unit_test(test_a_body_that_cannot_be_decoded_is_set_aside_and_its_neighbours_flow),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
