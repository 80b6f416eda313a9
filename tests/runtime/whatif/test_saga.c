/* What a saga would do next, and that it does not do it. */
#include "support/child.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

#include "test/v1/voyages.pb-c.h"

static const skald_step plain_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b", .run = {.local = voyage_local, .retry = "1h"}, .undo.local = voyage_local},
    {.name = "c", .run = {.activity = voyage_activity}, .undo = {.activity = voyage_activity}},
};
static const skald_definition plain = {
    .name = "plain", .version = 1, .steps = SKALD_STEPS(plain_steps)};

static const skald_step wait_steps[] = {
    {.name = "tide", .run = {.wait_for = "tide", .timeout_ms = 3600000}},
    {.name = "b", .run.local = voyage_local},
};
static const skald_definition waiting = {
    .name = "waiting", .version = 1, .steps = SKALD_STEPS(wait_steps)};

static skald_status compose_load(skald_context *context)
{
    Test__V1__Load load = TEST__V1__LOAD__INIT;
    load.voyage = (char *)(uintptr_t)skald_saga_id(context);
    load.note = (char *)(uintptr_t) "with care";
    return skald_command(context, &load.base);
}

static const skald_step command_steps[] = {
    {.name = "load",
     .run = {.participant = "harbour", .command = "test.v1.Load", .compose = compose_load}},
};
static const skald_definition command = {
    .name = "command", .version = 1, .steps = SKALD_STEPS(command_steps)};

/* The program that is asked is the mended one. */
static bool mended;

static skald_status mail(skald_context *context)
{
    return mended ? SKALD_OK : skald_fail(context, "no mail server");
}

static const skald_step pivot_steps[] = {
    {.name = "a", .run.local = voyage_local, .undo.local = voyage_local},
    {.name = "b", .run.local = voyage_local, .pivot = true},
    {.name = "mail", .run = {.local = mail, .retry = "1ms..5ms, 2 times"}},
};
static const skald_definition pivot = {
    .name = "pivot", .version = 1, .steps = SKALD_STEPS(pivot_steps)};

static const skald_definition *const all[] = {&plain, &waiting, &command, &pivot, NULL};

static const char program_word[] = "--harbour-program";

static void program_become(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], program_word) != 0)
        return;
    mended = true;
    const voyages_options options = {.definitions = all, .unstarted = true};
    skald_service *service = voyages_service(argv[2], &options);
    argv[2] = argv[0];
    exit(skald_main(service, argc - 2, argv + 2));
}

/* The service stands still, so that nothing but the what-if could change anything. */
typedef struct setting {
    voyages harbour;
    char digest[64];
} setting;

static setting stage_begin(void)
{
    const voyages_options options = {.definitions = all};
    return (setting){.harbour = voyages_begin(&options)};
}

static void stage_stop(setting *stage)
{
    voyages_stop(&stage->harbour);
    snprintf(stage->digest, sizeof stage->digest, "%s", database_digest(stage->harbour.database));
}

/* A saga that nobody has stepped yet, and no service. */
static setting stage_with(const skald_definition *definition, const char *note)
{
    setting stage = {.harbour = voyages_prepare()};
    const voyages_options options = {.definitions = all};
    stage.harbour.service = voyages_service(stage.harbour.database, &options);
    voyages_stop(&stage.harbour);
    voyages_insert(&stage.harbour, definition, "v", note, 1);
    snprintf(stage.digest, sizeof stage.digest, "%s", database_digest(stage.harbour.database));
    return stage;
}

static void stage_change(setting *stage, const char *sql)
{
    database_run(stage->harbour.database, sql);
    snprintf(stage->digest, sizeof stage->digest, "%s", database_digest(stage->harbour.database));
}

static test_child *what_if(const setting *stage, const char *id, const char *one, const char *other)
{
    const char *const argv[] = {"/proc/self/exe",
                                program_word,
                                stage->harbour.database,
                                "what-if",
                                "--saga",
                                id,
                                one,
                                other,
                                NULL};
    return child_start(argv, NULL);
}

static void expect(const setting *stage, test_child *child, int code, const char *const *said)
{
    const int ended = child_wait(child);
    if (ended != code)
        fail_msg("ended with %d:\n%s\n%s", ended, child_out(child), child_err(child));
    for (; *said != NULL; said++)
        assert_contains(child_out(child), *said);
    assert_string_equal(database_digest(stage->harbour.database), stage->digest);
    child_free(child);
}

#define SAYS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_a_step_that_will_be_retried_is_run_now(void **state)
{
    (void)state;
    setting stage = stage_begin();
    voyages_start(&stage.harbour, &plain, "v", "b.run=fail 1", 1);
    WAIT_UNTIL(strcmp(voyages_column(&stage.harbour, "v", "reason"), "b failed") == 0);
    stage_stop(&stage);

    expect(
        &stage, what_if(&stage, "v", NULL, NULL), 0,
        SAYS("Saga \"v\", plain version 1\n", "Assumed: the time that it waits for has come\n",
             "state: {\"id\":\"v\",\"note\":\"b.run=fail 1\",\"took\":[\"a\"],",
             "-> {\"id\":\"v\",\"note\":\"b.run=fail 1\",\"took\":[\"a\",\"b\"],",
             "Outcome: done\n", "logbook: 1 inserted", " saga=v step=b direction=run ",
             "Jobs, none of which was begun\n  activity test.v1.Voyage key \"v\" for \"@sagas\", "
             "operation v/c/run.1\n",
             "Nothing of it was kept."));
    assert_int_equal(database_integer(stage.harbour.database, "SELECT count(*) FROM called"), 0);

    expect(&stage, what_if(&stage, "v", "--json", NULL), 0,
           SAYS("\"definition\": \"plain\"", "\"kind\": \"activity\"", "\"lines\": [\n"));
    voyages_end(&stage.harbour);
}

static void test_a_failure_and_a_refusal_are_told_with_what_follows(void **state)
{
    (void)state;
    setting stage = stage_begin();
    voyages_start(&stage.harbour, &plain, "fails", "b.run=fail-late", 1);
    voyages_start(&stage.harbour, &plain, "sql", "b.run=sql", 1);
    voyages_start(&stage.harbour, &plain, "commit", "b.run=commit", 1);
    WAIT_UNTIL(database_integer(stage.harbour.database, "SELECT count(*) FROM skald.saga WHERE"
                                                        " reason <> '' AND future = 'time'") == 3);
    stage_stop(&stage);

    expect(&stage, what_if(&stage, "fails", NULL, NULL), 1, SAYS("Outcome: failed: b failed\n"));
    expect(&stage, what_if(&stage, "sql", NULL, NULL), 1, SAYS("Outcome: failed: ", "22P02"));
    expect(&stage, what_if(&stage, "commit", NULL, NULL), 1, SAYS("Outcome: failed: ", "23505"));
    voyages_end(&stage.harbour);
}

static void test_one_that_waits_for_a_message_shows_its_timeout(void **state)
{
    (void)state;
    setting stage = stage_begin();
    voyages_start(&stage.harbour, &waiting, "v", "", 1);
    WAIT_UNTIL(voyages_awaits(&stage.harbour, "v", "message"));
    stage_stop(&stage);

    expect(&stage, what_if(&stage, "v", NULL, NULL), 0,
           SAYS("Assumed: what it waits for does not come, and its time is over\n"));
    voyages_end(&stage.harbour);
}

static void test_a_step_that_is_not_to_be_retried_is_said(void **state)
{
    (void)state;
    setting stage = stage_begin();
    voyages_start(&stage.harbour, &waiting, "v", "", 1);
    WAIT_UNTIL(voyages_awaits(&stage.harbour, "v", "message"));
    stage_stop(&stage);

    expect(&stage, what_if(&stage, "v", "--step", "b"), 1,
           SAYS("Assumed: somebody asks to retry \"b\"\n", "Outcome: denied: "));

    test_child *child = what_if(&stage, "w", NULL, NULL);
    assert_int_equal(child_wait(child), 65);
    assert_contains(child_err(child), "there is no saga \"w\"");
    child_free(child);
    voyages_end(&stage.harbour);
}

static void test_a_command_is_composed_and_not_sent(void **state)
{
    (void)state;
    setting stage = stage_with(&command, "");
    expect(&stage, what_if(&stage, "v", NULL, NULL), 0,
           SAYS("phase: new\n", "-> running\n",
                "Messages\n  command test.v1.Load key \"v\" for \"harbour\", operation "
                "harbour/v/load/run.1\n"
                "      {\"voyage\":\"v\",\"note\":\"with care\"}\n"));
    voyages_end(&stage.harbour);
}

static void test_a_refusal_shows_the_way_back(void **state)
{
    (void)state;
    setting stage = stage_with(&plain, "b.run=refuse-late");
    expect(&stage, what_if(&stage, "v", NULL, NULL), 1,
           SAYS("Outcome: refused: b says no\n", "-> compensated\n", "logbook: 2 inserted",
                "step=a direction=run", "step=a direction=undo"));
    voyages_end(&stage.harbour);
}

static void test_what_is_blocked_or_waits_for_a_lock_is_tried(void **state)
{
    (void)state;
    setting stage = stage_with(&plain, "a.run=lock quay");
    stage_change(&stage, "UPDATE skald.saga SET due_at = 'infinity', future = 'blocked',"
                         " blocked = 'its process crashed three times'");
    expect(&stage, what_if(&stage, "v", NULL, NULL), 0,
           SAYS("Assumed: somebody asks to retry\n", "no longer blocked", "Outcome: done\n",
                "saga_lock: 1 inserted"));

    voyages_insert(&stage.harbour, &plain, "other", "", 1);
    stage_change(&stage, "INSERT INTO skald.saga_lock (name, saga) VALUES ('quay', 'other')");
    expect(&stage, what_if(&stage, "v", NULL, NULL), 1, SAYS("Outcome: waits for a lock: quay\n"));
    voyages_end(&stage.harbour);
}

static void test_a_persons_task_is_retried(void **state)
{
    (void)state;
    setting stage = stage_begin();
    voyages_start(&stage.harbour, &pivot, "v", "", 1);
    WAIT_UNTIL(voyages_awaits(&stage.harbour, "v", "person"));
    stage_stop(&stage);

    expect(&stage, what_if(&stage, "v", NULL, NULL), 0,
           SAYS("Assumed: somebody asks to retry \"mail\"\n", "Outcome: done\n", "-> completed\n"));
    expect(&stage, what_if(&stage, "v", "--step", "mail"), 0, SAYS("-> completed\n"));
    voyages_end(&stage.harbour);
}

static void test_what_has_ended_has_nothing_to_do(void **state)
{
    (void)state;
    setting stage = stage_begin();
    voyages_start(&stage.harbour, &plain, "v", "a.run=refuse", 1);
    WAIT_UNTIL(voyages_is(&stage.harbour, "v", "compensated"));
    stage_stop(&stage);
    expect(&stage, what_if(&stage, "v", NULL, NULL), 0, SAYS("Outcome: nothing to do by itself"));
    voyages_end(&stage.harbour);
}

int main(int argc, char **argv)
{
    program_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_that_will_be_retried_is_run_now),
        cmocka_unit_test(test_a_failure_and_a_refusal_are_told_with_what_follows),
        cmocka_unit_test(test_one_that_waits_for_a_message_shows_its_timeout),
        cmocka_unit_test(test_a_step_that_is_not_to_be_retried_is_said),
        cmocka_unit_test(test_a_command_is_composed_and_not_sent),
        cmocka_unit_test(test_a_refusal_shows_the_way_back),
        cmocka_unit_test(test_what_is_blocked_or_waits_for_a_lock_is_tried),
        cmocka_unit_test(test_a_persons_task_is_retried),
        cmocka_unit_test(test_what_has_ended_has_nothing_to_do),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
