/* What a saga would do next, and that it does not do it. */
#include "support/child.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/voyages.h"
#include "support/wait.h"

#include <skald/skald.h>

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

static const skald_definition *const all[] = {&plain, &waiting, NULL};

static const char program_word[] = "--harbour-program";

static void program_become(int argc, char **argv)
{
    if (argc < 3 || strcmp(argv[1], program_word) != 0)
        return;
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

int main(int argc, char **argv)
{
    program_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_step_that_will_be_retried_is_run_now),
        cmocka_unit_test(test_a_failure_and_a_refusal_are_told_with_what_follows),
        cmocka_unit_test(test_one_that_waits_for_a_message_shows_its_timeout),
        cmocka_unit_test(test_a_step_that_is_not_to_be_retried_is_said),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
