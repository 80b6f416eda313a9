/* What a service answers to wrong names, options and surroundings, and that it says why. */
#include "support/counting.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/stream.h"
#include "support/test.h"

#include "followers/follower.h"
#include "service/service_inside.h"

#include "test/v1/events.pb-c.h"

static skald_error error;

static skald_options plain_options(const char *database)
{
    skald_options options = SKALD_OPTIONS_INIT;
    options.database = database;
    return options;
}

/* The start is refused with this status, and a sentence that has `words` in it. */
static void expect_refused(skald_service *service, skald_status status, const char *words)
{
    error = (skald_error){0};
    assert_status(skald_service_start(service, &error), status, &error);
    assert_int_equal(error.status, status);
    assert_contains(error.text, words);
    skald_service_free(service);
}

static void expect_options_refused(skald_options options, const char *words)
{
    expect_refused(skald_service_open("shop", &options), SKALD_INVALID, words);
}

/* --- names and options ---------------------------------------------------------------------- */

static void test_a_wrong_name_is_told_at_the_start(void **state)
{
    (void)state;
    const char *const names[] = {"",     "Shop",   "9shop", "-shop", "shop_1", "shop.1",
                                 "shöp", "a shop", "*",     ">",     "x\n"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        expect_refused(skald_service_open(names[i], NULL), SKALD_INVALID, "is not a service name");
    expect_refused(skald_service_open(NULL, NULL), SKALD_INVALID, "NULL");
    expect_refused(skald_service_open("a23456789012345678901234567890123", NULL), SKALD_INVALID,
                   "at most 32");
}

static void test_options_outside_their_limits_are_told_at_the_start(void **state)
{
    (void)state;
    skald_options options = plain_options(NULL);
    options.size = 0;
    expect_options_refused(options, "SKALD_OPTIONS_INIT");
    options.size = sizeof options - 8;
    expect_options_refused(options, "SKALD_OPTIONS_INIT");
    options = plain_options(NULL);
    options.partitions = SKALD_PARTITIONS_MAX + 1;
    expect_options_refused(options, "partitions is 257");
    options = plain_options(NULL);
    options.workers = SKALD_WORKERS_MAX + 1;
    expect_options_refused(options, "workers is 65");
    options = plain_options(NULL);
    options.batch_max = SKALD_BATCH_MAX_MAX + 1;
    expect_options_refused(options, "batch_max is 4097");
    options = plain_options(NULL);
    options.lease_ms = SKALD_LEASE_MS_MIN - 1;
    expect_options_refused(options, "lease_ms is 499");
    options.lease_ms = UINT32_MAX;
    expect_options_refused(options, "lease_ms is");
    options = plain_options(NULL);
    options.drain_ms = UINT32_MAX;
    expect_options_refused(options, "drain_ms is");
}

static void test_every_call_accepts_a_service_that_is_null(void **state)
{
    (void)state;
    skald_counters counters = {.handled = 7};
    assert_status(skald_service_start(NULL, &error), SKALD_INVALID, &error);
    assert_status(skald_service_run(NULL, &error), SKALD_INVALID, &error);
    assert_status(skald_service_stop(NULL, &error), SKALD_INVALID, &error);
    assert_int_equal(skald_service_start(NULL, NULL), SKALD_INVALID);
    assert_int_equal(skald_service_stop(NULL, NULL), SKALD_INVALID);
    assert_int_equal(skald_follow(NULL, "orders", counting_handler), SKALD_INVALID);
    skald_service_request_stop(NULL);
    skald_ring(NULL);
    skald_service_counters(NULL, &counters);
    assert_int_equal(counters.handled, 0);
    skald_service_free(NULL);
}

static void test_a_service_that_was_never_started_can_be_asked_stopped_and_freed(void **state)
{
    (void)state;
    skald_service *service = skald_service_open("shop", NULL);
    skald_counters counters;
    skald_service_counters(service, &counters);
    assert_int_equal(counters.partitions_held, 0);
    assert_false(counters.relay_leads);
    skald_ring(service);
    skald_service_request_stop(service);
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

/* --- following ------------------------------------------------------------------------------ */

/* Answered at once, and again at the start. */
static void expect_follow_refused(const char *stream, const skald_handler *handler,
                                  const skald_follow_options *options, const char *words)
{
    skald_service *service = skald_service_open("shop", NULL);
    assert_int_equal(skald_follow_with(service, stream, handler, options), SKALD_INVALID);
    /* The first mistake is the one that is told. */
    assert_int_equal(skald_follow(service, "Orders", NULL), SKALD_INVALID);
    expect_refused(service, SKALD_INVALID, words);
}

static void test_a_wrong_stream_or_handler_is_told_at_once_and_at_the_start(void **state)
{
    (void)state;
    skald_handler handler = counting_handler[0];
    expect_follow_refused(NULL, counting_handler, NULL, "NULL");
    expect_follow_refused("Orders", counting_handler, NULL, "\"Orders\" is not the name");
    expect_follow_refused("orders.>", counting_handler, NULL, "is not the name");
    expect_follow_refused("orders", NULL, NULL, "needs a handler");
    handler.run = NULL;
    expect_follow_refused("orders", &handler, NULL, "needs a handler");
    handler = counting_handler[0];
    handler.descriptor = NULL;
    expect_follow_refused("orders", &handler, NULL, "needs a handler");
}

static void test_wrong_follow_options_are_told_at_once_and_at_the_start(void **state)
{
    (void)state;
    skald_follow_options options = SKALD_FOLLOW_OPTIONS_INIT;
    options.size = 0;
    expect_follow_refused("orders", counting_handler, &options, "SKALD_FOLLOW_OPTIONS_INIT");
    options = (skald_follow_options)SKALD_FOLLOW_OPTIONS_INIT;
    options.name = "@relay";
    expect_follow_refused("orders", counting_handler, &options, "is not a follower's name");
    options.name = "";
    expect_follow_refused("orders", counting_handler, &options, "is not a follower's name");
    options = (skald_follow_options)SKALD_FOLLOW_OPTIONS_INIT;
    options.from = (skald_follow_from)7;
    expect_follow_refused("orders", counting_handler, &options, "from");
    options = (skald_follow_options)SKALD_FOLLOW_OPTIONS_INIT;
    options.foreign = true;
    expect_follow_refused("my.stream", counting_handler, &options, "is not the name of a stream");
    expect_follow_refused("", counting_handler, &options, "is not the name of a stream");
    options.foreign_partitions = SKALD_PARTITIONS_MAX + 1;
    expect_follow_refused("WEATHER", counting_handler, &options, "foreign_partitions is 257");
    char type[SKALD_TYPE_SIZE_MAX + 2];
    memset(type, 'x', sizeof type);
    type[sizeof type - 1] = '\0';
    options.foreign_partitions = 0;
    options.foreign_type = type;
    expect_follow_refused("WEATHER", counting_handler, &options, "foreign_type");
}

static void test_a_second_handler_for_a_type_is_refused(void **state)
{
    (void)state;
    skald_handler other = counting_handler[0];
    other.name = "other";
    skald_service *service = skald_service_open("shop", NULL);
    assert_int_equal(skald_follow(service, "orders", counting_handler), SKALD_OK);
    assert_int_equal(skald_follow(service, "orders", &other), SKALD_INVALID);
    expect_refused(service, SKALD_INVALID, "\"counting\" and \"other\"");
}

static void test_one_follower_cannot_follow_two_streams(void **state)
{
    (void)state;
    skald_follow_options options = SKALD_FOLLOW_OPTIONS_INIT;
    options.name = "both";
    skald_service *service = skald_service_open("shop", NULL);
    assert_int_equal(skald_follow_with(service, "orders", counting_handler, &options), SKALD_OK);
    assert_int_equal(skald_follow_with(service, "payments", counting_handler, &options),
                     SKALD_INVALID);
    expect_refused(service, SKALD_INVALID, "both \"orders\" and \"payments\"");
}

static void test_followers_and_handlers_have_a_limit(void **state)
{
    (void)state;
    static ProtobufCMessageDescriptor descriptors[SKALD_HANDLERS_MAX + 1];
    static skald_handler handlers[SKALD_HANDLERS_MAX + 1];
    static char names[SKALD_HANDLERS_MAX + 1][16];
    skald_service *service = skald_service_open("shop", NULL);
    for (int i = 0; i <= SKALD_HANDLERS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "type%d", i);
        descriptors[i] = test__v1__counted__descriptor;
        descriptors[i].name = names[i];
        handlers[i] = counting_handler[0];
        handlers[i].descriptor = &descriptors[i];
        assert_int_equal(skald_follow(service, "orders", &handlers[i]),
                         i < SKALD_HANDLERS_MAX ? SKALD_OK : SKALD_FULL);
    }
    expect_refused(service, SKALD_FULL, "more than 256 handlers");

    service = skald_service_open("shop", NULL);
    for (int i = 0; i <= SKALD_FOLLOWERS_MAX; i++)
        assert_int_equal(skald_follow(service, names[i], counting_handler),
                         i < SKALD_FOLLOWERS_MAX ? SKALD_OK : SKALD_FULL);
    expect_refused(service, SKALD_FULL, "at most 60 followers");
}

/* --- starting ------------------------------------------------------------------------------- */

static void test_a_service_starts_once(void **state)
{
    (void)state;
    const skald_options options = plain_options(database_new());
    skald_service *service = skald_service_open("shop", &options);
    assert_ok(skald_service_start(service, &error), &error);
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "was started before");
    assert_int_equal(skald_follow(service, "shop", counting_handler), SKALD_INVALID);
    assert_ok(skald_service_stop(service, &error), &error);
    assert_ok(skald_service_stop(service, &error), &error);
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    skald_service_free(service);
}

static void test_a_start_that_was_refused_is_not_repeated(void **state)
{
    (void)state;
    const skald_options options = plain_options(database_new_empty());
    skald_service *service = skald_service_open("shop", &options);
    assert_status(skald_service_start(service, &error), SKALD_SCHEMA, &error);
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    skald_ring(service);
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

static void test_a_database_without_the_schema_is_refused(void **state)
{
    (void)state;
    const skald_options options = plain_options(database_new_empty());
    expect_refused(skald_service_open("shop", &options), SKALD_SCHEMA, "skald migrate up");
}

static void start_and_end(const char *name, const skald_options *options)
{
    skald_service *service = skald_service_open(name, options);
    assert_ok(skald_service_start(service, &error), &error);
    assert_ok(skald_service_stop(service, &error), &error);
    skald_service_free(service);
}

static void test_the_database_of_another_service_is_refused(void **state)
{
    (void)state;
    const skald_options options = plain_options(database_new());
    start_and_end("shop", &options);
    expect_refused(skald_service_open("bank", &options), SKALD_SCHEMA,
                   "belongs to service \"shop\"");
}

static void test_another_number_of_partitions_is_refused(void **state)
{
    (void)state;
    skald_options options = plain_options(database_new());
    options.partitions = 8;
    start_and_end("shop", &options);
    options.partitions = 0;
    start_and_end("shop", &options);
    options.partitions = 16;
    expect_refused(skald_service_open("shop", &options), SKALD_INVALID, "began with 8 partitions");
}

/* The test's own PostgreSQL runs without fsync and full_page_writes. */
static void test_settings_that_break_a_promise_are_refused_unless_allowed_by_name(void **state)
{
    (void)state;
    skald_options options = plain_options(database_new());
    options.allow = "";
    expect_refused(skald_service_open("shop", &options), SKALD_UNSAFE, "SKALD_ALLOW=fsync");
    options.allow = "full_page_writes,fsyncs";
    expect_refused(skald_service_open("shop", &options), SKALD_UNSAFE, "SKALD_ALLOW=fsync");
    options.allow = "fsync";
    expect_refused(skald_service_open("shop", &options), SKALD_UNSAFE, "full_page_writes");
    options.allow = "fsync full_page_writes";
    start_and_end("shop", &options);

    char careless[1300];
    snprintf(careless, sizeof careless, "%s options='-c synchronous_commit=off'", options.database);
    options.database = careless;
    expect_refused(skald_service_open("shop", &options), SKALD_UNSAFE, "synchronous_commit is off");
    options.allow = "fsync full_page_writes synchronous_commit";
    start_and_end("shop", &options);
}

static void test_an_outbox_that_would_lose_or_skip_events_is_refused(void **state)
{
    (void)state;
    skald_options options = plain_options(database_new());
    database_run(options.database, "ALTER SEQUENCE skald.outbox_position_seq CACHE 20");
    expect_refused(skald_service_open("shop", &options), SKALD_UNSAFE, "CACHE 1");
    database_run(options.database, "ALTER SEQUENCE skald.outbox_position_seq CACHE 1;"
                                   "ALTER TABLE skald.outbox_0000000000000000001 SET UNLOGGED");
    expect_refused(skald_service_open("shop", &options), SKALD_UNSAFE, "UNLOGGED");
    database_run(options.database, "ALTER TABLE skald.outbox_0000000000000000001 SET LOGGED");
    start_and_end("shop", &options);
}

static void test_servers_that_cannot_be_reached_are_told(void **state)
{
    (void)state;
    skald_options options = plain_options("host=127.0.0.1 port=1 dbname=x user=x");
    expect_refused(skald_service_open("shop", &options), SKALD_UNAVAILABLE, "PostgreSQL");
    options.database = "host=127.0.0.1 port=1 no=such=word";
    expect_refused(skald_service_open("shop", &options), SKALD_INVALID, "connection string");
    options.database = database_new();
    options.nats_url = "nats://127.0.0.1:1";
    expect_refused(skald_service_open("shop", &options), SKALD_UNAVAILABLE, "NATS");
    options.nats_url = "";
    expect_refused(skald_service_open("shop", &options), SKALD_INVALID, "NATS");
    options.nats_url = servers_nats_url();
    start_and_end("shop", &options);
}

static void test_a_stream_that_would_lose_events_is_refused(void **state)
{
    (void)state;
    skald_options options = plain_options(database_new());
    options.nats_url = servers_nats_url();
    skald_nats *nats = stream_connect();
    stream_make(nats, "fleeting",
                "{\"name\":\"fleeting\",\"description\":\"Skald fleeting "
                "partitions=16\",\"subjects\":[\"fleeting.event.>\"],"
                "\"storage\":\"memory\",\"discard\":\"new\"}");
    skald_nats_close(nats);
    expect_refused(skald_service_open("fleeting", &options), SKALD_UNSAFE, "storage");
}

static void test_another_service_cannot_be_followed_without_nats(void **state)
{
    (void)state;
    const skald_options options = plain_options(database_new());
    skald_service *service = skald_service_open("shop", &options);
    assert_int_equal(skald_follow(service, "orders", counting_handler), SKALD_OK);
    expect_refused(service, SKALD_INVALID, "set NATS_URL");
}

static void test_a_crash_point_that_does_not_exist_is_refused(void **state)
{
    (void)state;
    const skald_options options = plain_options(database_new());
    const char *const settings[] = {"no-such-point", "batch-begun:0", "batch-begun:x", ":1"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        setenv("SKALD_CRASH", settings[i], 1);
        expect_refused(skald_service_open("shop", &options), SKALD_INVALID, "SKALD_CRASH");
    }
    unsetenv("SKALD_CRASH");
    start_and_end("shop", &options);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_wrong_name_is_told_at_the_start),
        cmocka_unit_test(test_options_outside_their_limits_are_told_at_the_start),
        cmocka_unit_test(test_every_call_accepts_a_service_that_is_null),
        cmocka_unit_test(test_a_service_that_was_never_started_can_be_asked_stopped_and_freed),
        cmocka_unit_test(test_a_wrong_stream_or_handler_is_told_at_once_and_at_the_start),
        cmocka_unit_test(test_wrong_follow_options_are_told_at_once_and_at_the_start),
        cmocka_unit_test(test_a_second_handler_for_a_type_is_refused),
        cmocka_unit_test(test_one_follower_cannot_follow_two_streams),
        cmocka_unit_test(test_followers_and_handlers_have_a_limit),
        cmocka_unit_test(test_a_service_starts_once),
        cmocka_unit_test(test_a_start_that_was_refused_is_not_repeated),
        cmocka_unit_test(test_a_database_without_the_schema_is_refused),
        cmocka_unit_test(test_the_database_of_another_service_is_refused),
        cmocka_unit_test(test_another_number_of_partitions_is_refused),
        cmocka_unit_test(test_settings_that_break_a_promise_are_refused_unless_allowed_by_name),
        cmocka_unit_test(test_an_outbox_that_would_lose_or_skip_events_is_refused),
        cmocka_unit_test(test_servers_that_cannot_be_reached_are_told),
        cmocka_unit_test(test_a_stream_that_would_lose_events_is_refused),
        cmocka_unit_test(test_another_service_cannot_be_followed_without_nats),
        cmocka_unit_test(test_a_crash_point_that_does_not_exist_is_refused),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
