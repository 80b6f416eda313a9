/* Signals, events, sleeps, deadlines: what comes from outside, early, late or never. */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

#include "test/v1/voyages.pb-c.h"

static const skald_step tide_steps[] = {
    {.name = "a", .run.activity = voyage_activity, .undo.local = voyage_local},
    {.name = "tide",
     .run = {.wait_for = "tide", .accept = voyage_accept, .timeout_ms = 3600 * 1000}},
    {.name = "event",
     .run = {.wait_for = "test.v1.Tide", .accept = voyage_accept, .timeout_ms = 3600 * 1000}},
    {.name = "z", .run.local = voyage_local},
};
static const skald_definition tide = {
    .name = "tide", .version = 1, .steps = SKALD_STEPS(tide_steps)};

static const skald_step short_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "sleep", .run.sleep_ms = 30},
    {.name = "tide", .run = {.wait_for = "tide", .timeout_ms = 50}},
    {.name = "z", .run.local = voyage_local},
};
static const skald_definition brief = {
    .name = "brief", .version = 1, .steps = SKALD_STEPS(short_steps)};

static const skald_step late_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "tide",
     .run = {.wait_for = "tide", .timeout_ms = 40, .on_timeout = SKALD_TIMEOUT_RETRIES}},
};
static const skald_definition late = {
    .name = "late", .version = 1, .deadline_ms = 150, .steps = SKALD_STEPS(late_steps)};

static const skald_definition *const all[] = {&tide, &brief, &late, NULL};

static voyages begin(void)
{
    const voyages_options options = {.definitions = all};
    return voyages_begin(&options);
}

static void test_a_signal_is_taken_by_the_step_that_waits(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &tide, "v", "", 1);
    WAIT_UNTIL(strstr(voyages_column(&harbour, "v", "waits_for"), "tide awaits") != NULL);
    voyages_signal(&harbour, "v", "tide", 3);
    WAIT_UNTIL(strstr(voyages_column(&harbour, "v", "waits_for"), "event awaits") != NULL);
    voyages_signal(&harbour, "v", "test.v1.Tide", 4);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_took(&harbour, "v"), "tide:3 event:4 z");
    voyages_end(&harbour);
}

static void test_a_signal_before_its_step_is_kept(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &tide, "v", "a.run=wait", 1);
    WAIT_UNTIL(voyages_awaits(&harbour, "v", "message"));
    voyages_signal(&harbour, "v", "test.v1.Tide", 4);
    voyages_signal(&harbour, "v", "tide", 3);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga_kept") == 2);
    voyages_open(&harbour, "v");
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_took(&harbour, "v"), "tide:3 event:4 z");
    voyages_end(&harbour);
}

static void test_a_signal_before_its_saga_waits_for_it(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_signal(&harbour, "v", "tide", 3);
    WAIT_UNTIL(database_integer(harbour.database,
                                "SELECT count(*) FROM skald.saga_input WHERE early") == 1);
    voyages_start(&harbour, &tide, "v", "", 1);
    WAIT_UNTIL(strstr(voyages_column(&harbour, "v", "waits_for"), "event awaits") != NULL);
    voyages_signal(&harbour, "v", "test.v1.Tide", 4);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_took(&harbour, "v"), "tide:3 event:4 z");
    assert_int_equal(database_integer(harbour.database, "SELECT count(*) FROM skald.saga_input"),
                     0);
    voyages_end(&harbour);
}

/* More than one turn takes. */
static void test_many_signals_before_their_saga_all_come(void **state)
{
    (void)state;
    voyages harbour = begin();
    for (int i = 0; i < 70; i++)
        voyages_signal(&harbour, "v", i == 69 ? "tide" : i == 35 ? "test.v1.Tide" : "ebb", i);
    WAIT_UNTIL(database_integer(harbour.database,
                                "SELECT count(*) FROM skald.saga_input WHERE early") == 70);
    voyages_start(&harbour, &tide, "v", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_took(&harbour, "v"), "tide:69 event:35 z");
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga_input") == 0);
    voyages_end(&harbour);
}

static void test_what_nobody_waits_for_is_forgotten_or_stale(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_cancel(&harbour, "nobody");
    voyages_start(&harbour, &tide, "v", "", 1);
    voyages_signal(&harbour, "v", "ebb", 1);
    WAIT_UNTIL(strcmp(voyages_column(&harbour, "v", "stale"), "1") == 0);
    WAIT_UNTIL(database_integer(harbour.database, "SELECT count(*) FROM skald.saga_input") == 0);
    voyages_end(&harbour);
}

static void test_time_alone_moves_a_saga(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &brief, "v", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    assert_contains(
        database_text(harbour.database, "SELECT string_agg(lines, E'\n') FROM skald.saga_history"),
        "the event did not come");
    voyages_end(&harbour);
}

static void test_a_deadline_turns_it_back(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &late, "v", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    voyages_end(&harbour);
}

static void test_a_cancelled_saga_waits_no_longer(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &tide, "v", "", 1);
    WAIT_UNTIL(strstr(voyages_column(&harbour, "v", "waits_for"), "tide awaits") != NULL);
    voyages_cancel(&harbour, "v");
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    voyages_cancel(&harbour, "v");
    WAIT_UNTIL(strstr(database_text(harbour.database,
                                    "SELECT string_agg(lines, E'\n') FROM skald.saga_history"),
                      "refused: the saga has ended") != NULL);
    voyages_end(&harbour);
}

/* An event of a stream is a signal named by its type, for the saga whose id it carries. */
static void test_an_event_is_a_signal(void **state)
{
    (void)state;
    voyages harbour = voyages_prepare();
    const voyages_options options = {.definitions = all, .unstarted = true};
    harbour.service = voyages_service(harbour.database, &options);
    assert_int_equal(skald_saga_follow(harbour.service, "harbour", &test__v1__tide__descriptor,
                                       "tide", "voyage"),
                     SKALD_OK);
    skald_error error = {0};
    assert_ok(skald_service_start(harbour.service, &error), &error);
    voyages_start(&harbour, &tide, "v", "", 1);
    voyages_signal(&harbour, "v", "tide", 3);

    Test__V1__Tide event = TEST__V1__TIDE__INIT;
    event.voyage = (char *)(uintptr_t) "v";
    event.height = 9;
    skald_publish_options publish = SKALD_PUBLISH_OPTIONS_INIT;
    publish.key = "v";
    assert_ok(skald_publish_on(harbour.service, harbour.connection, &event.base, &publish, &error),
              &error);
    skald_ring(harbour.service);

    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_took(&harbour, "v"), "tide:3 event:9 z");
    voyages_end(&harbour);
}

/* In a handler: what its event asks for is done to the saga of its voyage. */
SKALD_HANDLER(on_load, test__v1__load)
{
    if (strcmp(event->note, "signal") == 0) {
        Test__V1__Tide height = TEST__V1__TIDE__INIT;
        height.height = 2;
        return skald_saga_signal(context, event->voyage, "tide", &height.base);
    }
    if (strcmp(event->note, "cancel") == 0)
        return skald_saga_cancel(context, event->voyage, "the harbour master");
    Test__V1__Voyage voyage = TEST__V1__VOYAGE__INIT;
    voyage.id = event->voyage;
    return skald_saga_start(context, &tide, NULL, &voyage.base);
}

static void load_publish(voyages *harbour, const char *note)
{
    Test__V1__Load event = TEST__V1__LOAD__INIT;
    event.voyage = (char *)(uintptr_t) "v";
    event.note = (char *)(uintptr_t)note;
    skald_publish_options publish = SKALD_PUBLISH_OPTIONS_INIT;
    publish.key = "v";
    publish.correlation_id = "journey-1";
    skald_error error = {0};
    assert_ok(
        skald_publish_on(harbour->service, harbour->connection, &event.base, &publish, &error),
        &error);
    skald_ring(harbour->service);
}

static void test_a_handler_starts_signals_and_cancels(void **state)
{
    (void)state;
    voyages harbour = voyages_prepare();
    const voyages_options options = {.definitions = all, .unstarted = true};
    harbour.service = voyages_service(harbour.database, &options);
    assert_int_equal(skald_follow(harbour.service, "harbour", on_load), SKALD_OK);
    skald_error error = {0};
    assert_ok(skald_service_start(harbour.service, &error), &error);

    load_publish(&harbour, "start");
    load_publish(&harbour, "start");
    load_publish(&harbour, "signal");
    WAIT_UNTIL(strstr(voyages_column(&harbour, "v", "waits_for"), "event awaits") != NULL);
    assert_string_equal(voyages_took(&harbour, "v"), "tide:2");
    assert_string_equal(voyages_column(&harbour, "v", "correlation_id"), "journey-1");

    load_publish(&harbour, "cancel");
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    voyages_end(&harbour);
}

static void test_mistakes_are_told_at_the_start(void **state)
{
    (void)state;
    static const skald_step wrong_steps[] = {{.name = "a"}};
    static const skald_definition wrong = {
        .name = "wrong", .version = 1, .steps = SKALD_STEPS(wrong_steps)};
    static const skald_definition *const mistaken[] = {&wrong, NULL};
    voyages harbour = voyages_prepare();
    const voyages_options options = {.definitions = mistaken, .unstarted = true};
    harbour.service = voyages_service(harbour.database, &options);
    skald_error error = {0};
    assert_status(skald_service_start(harbour.service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, "definition \"wrong\"");
    skald_service_free(harbour.service);
    harbour.service = NULL;
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_signal_is_taken_by_the_step_that_waits),
        cmocka_unit_test(test_a_signal_before_its_step_is_kept),
        cmocka_unit_test(test_a_signal_before_its_saga_waits_for_it),
        cmocka_unit_test(test_many_signals_before_their_saga_all_come),
        cmocka_unit_test(test_what_nobody_waits_for_is_forgotten_or_stale),
        cmocka_unit_test(test_time_alone_moves_a_saga),
        cmocka_unit_test(test_a_deadline_turns_it_back),
        cmocka_unit_test(test_a_cancelled_saga_waits_no_longer),
        cmocka_unit_test(test_an_event_is_a_signal),
        cmocka_unit_test(test_a_handler_starts_signals_and_cancels),
        cmocka_unit_test(test_mistakes_are_told_at_the_start),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
