/* Commands to a participant, here the service itself, and its replies (Seata's and DTM's orders).
 */
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

#include "test/v1/voyages.pb-c.h"

static skald_status load_compose(skald_context *context)
{
    const Test__V1__Voyage *state = (const Test__V1__Voyage *)skald_saga_state(context);
    Test__V1__Load load = TEST__V1__LOAD__INIT;
    load.voyage = state->id;
    load.note = state->note;
    return skald_command(context, &load.base);
}

static skald_status unload_compose(skald_context *context)
{
    const Test__V1__Voyage *state = (const Test__V1__Voyage *)skald_saga_state(context);
    Test__V1__Unload unload = TEST__V1__UNLOAD__INIT;
    unload.voyage = state->id;
    unload.note = state->note;
    return skald_command(context, &unload.base);
}

static const skald_step cargo_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "load",
     .run = {.participant = "harbour",
             .command = "test.v1.Load",
             .compose = load_compose,
             .accept = voyage_accept,
             .retry = "1ms..5ms, 4 times",
             .timeout_ms = 20000},
     .undo = {.participant = "harbour",
              .command = "test.v1.Unload",
              .compose = unload_compose,
              .retry = "1ms..5ms, 4 times",
              .timeout_ms = 20000}},
    {.name = "z", .run = {.local = voyage_local, .retry = "never"}},
};
static const skald_definition cargo = {
    .name = "cargo", .version = 1, .steps = SKALD_STEPS(cargo_steps)};
static const skald_definition *const all[] = {&cargo, NULL};

static skald_status hold_write(skald_context *context, const char *voyage, const char *what)
{
    return skald_exec(context,
                      "INSERT INTO hold (voyage, what, key, undoes) VALUES ($1, $2, $3, $4)",
                      voyage, what, skald_command_operation(context),
                      skald_command_undoes(context) != NULL ? skald_command_undoes(context) : "");
}

SKALD_HANDLER(on_load, test__v1__load)
{
    skald_status status = hold_write(context, event->voyage, "load");
    if (status != SKALD_OK)
        return status;
    if (strstr(event->note, "no-room") != NULL)
        return skald_refuse(context, "no room");
    if (strstr(event->note, "broken-crane") != NULL)
        return skald_fail(context, "the crane is broken");
    Test__V1__Tide reply = TEST__V1__TIDE__INIT;
    reply.voyage = event->voyage;
    reply.height = 5;
    return skald_reply(context, &reply.base);
}

SKALD_HANDLER(on_unload, test__v1__unload)
{
    return hold_write(context, event->voyage, "unload");
}

static voyages begin(void)
{
    voyages harbour = voyages_prepare();
    database_run(harbour.database,
                 "CREATE TABLE hold (at bigserial, voyage text, what text, key text, undoes text)");
    static const skald_policy quick = {.retry = "never"};
    skald_follow_options follow = SKALD_FOLLOW_OPTIONS_INIT;
    follow.policy = &quick;
    const voyages_options options = {.definitions = all, .unstarted = true};
    harbour.service = voyages_service(harbour.database, &options);
    assert_int_equal(skald_participate_with(harbour.service, "harbour", on_load, &follow),
                     SKALD_OK);
    assert_int_equal(skald_participate(harbour.service, "harbour", on_unload), SKALD_OK);
    skald_error error = {0};
    assert_ok(skald_service_start(harbour.service, &error), &error);
    return harbour;
}

static const char *hold(const voyages *harbour)
{
    return database_text(harbour->database,
                         "SELECT coalesce(string_agg(what, ' ' ORDER BY at), '') FROM hold");
}

static void test_a_command_is_carried_out_and_its_reply_accepted(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &cargo, "v", "", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "completed"));
    assert_string_equal(voyages_took(&harbour, "v"), "a load:5 z");
    assert_string_equal(database_text(harbour.database, "SELECT key FROM hold"),
                        "harbour/v/load/run.1");
    voyages_end(&harbour);
}

static void test_a_refusal_leaves_nothing_and_turns_back(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &cargo, "v", "no-room", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    assert_string_equal(hold(&harbour), "");
    assert_string_equal(voyages_column(&harbour, "v", "reason"), "no room");
    voyages_end(&harbour);
}

static void test_an_undo_names_the_run_that_it_takes_back(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &cargo, "v", "z.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(hold(&harbour), "load unload");
    assert_string_equal(
        database_text(harbour.database,
                      "SELECT key || ' ' || undoes FROM hold WHERE what = 'unload'"),
        "harbour/v/load/undo.1 harbour/v/load/run.1");
    voyages_end(&harbour);
}

/* It may be done, so it is undone; the participant knows that there was nothing: an empty
 * compensation. */
static void test_what_fails_too_often_is_undone_though_it_never_was(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &cargo, "v", "broken-crane", 1);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    assert_string_equal(hold(&harbour), "");
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    assert_int_equal(database_integer(harbour.database,
                                      "SELECT count(*) FROM skald.fence WHERE state = 'barred'"),
                     1);
    voyages_end(&harbour);
}

/* An answer counts when it comes from whom the command was sent to, and from nobody else. */
static void test_an_answer_of_a_stranger_moves_nothing(void **state)
{
    (void)state;
    voyages harbour = begin();
    voyages_start(&harbour, &cargo, "v", "broken-crane", 1);
    WAIT_UNTIL(voyages_column(&harbour, "v", "phase")[0] == 'r');
    database_run(harbour.database,
                 "INSERT INTO skald.saga_input (partition, saga, event, operation, name)"
                 " SELECT partition, id, 'done', o, n FROM skald.saga, (VALUES"
                 "  ('v/load/run.1', 'pirates'), ('v/load/run.1', NULL), ('v/a/run.1', 'harbour'))"
                 "  AS s(o, n)");
    skald_ring(harbour.service);
    WAIT_UNTIL(voyages_is(&harbour, "v", "compensated"));
    WAIT_UNTIL(atoi(voyages_column(&harbour, "v", "stale")) >= 3);
    assert_string_equal(voyages_log(&harbour, "v"), "a.run a.undo");
    voyages_end(&harbour);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_command_is_carried_out_and_its_reply_accepted),
        cmocka_unit_test(test_a_refusal_leaves_nothing_and_turns_back),
        cmocka_unit_test(test_an_undo_names_the_run_that_it_takes_back),
        cmocka_unit_test(test_what_fails_too_often_is_undone_though_it_never_was),
        cmocka_unit_test(test_an_answer_of_a_stranger_moves_nothing),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
