/* `<program> plan`: sagas that run are compared with what the program knows, and moved. */
#include "runtime/cli/sagas.h"
#include "support/keeper.h"
#include "support/wait.h"

#include "service/plan.h"

#include <skald/partition.h>

static skald_status code(struct skald_context *context)
{
    (void)context;
    return SKALD_OK;
}

/* A service of this test's database that knows one definition; it is not started. */
static skald_service *program_of(const char *database, const skald_definition *definition)
{
    const skald_options options = keeper_options(database, NULL);
    skald_service *service = keeper_service("shop", &options);
    if (definition == NULL)
        return service;
    skald_saga_options of = SKALD_SAGA_OPTIONS_INIT;
    of.state = &test__v1__counted__descriptor;
    assert_int_equal(skald_orchestrate(service, definition, &of), SKALD_OK);
    return service;
}

/* What `plan` with these words, divided at blanks, prints for a program with that definition; valid
 * until the next call. */
static const char *plan_prints(const char *database, const skald_definition *definition,
                               const char *words, int exit_code)
{
    static char *text;
    char copy[256];
    char *argv[8];
    int argc = 0;
    int found = -1;
    size_t size = 0;
    skald_error error;
    free(text);
    snprintf(copy, sizeof copy, "%s", words);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    FILE *out = open_memstream(&text, &size);
    skald_service *service = program_of(database, definition);
    assert_ok(skald_plan_sagas(service, argc, argv, out, &found, &error), &error);
    skald_service_free(service);
    fclose(out);
    assert_int_equal(found, exit_code);
    return text;
}

/* --- looking ------------------------------------------------------------------------------- */

enum { STEPS = 4 };
static skald_step steps[STEPS + 1];
static skald_definition second = {"checkout", 2, 0, {steps, STEPS}};

/* The checkout of the scenarios, to be changed. */
static void second_begin(void)
{
    const skald_definition *first = scenario_definition("checkout");
    assert_int_equal(first->steps.count, STEPS);
    memcpy(steps, first->steps.list, sizeof *steps * STEPS);
    second.steps.count = STEPS;
}

/* One saga that has only reserved, and one whose mail does not go out. */
static const char *given_two(void)
{
    const char *database = database_new();
    second_begin();
    saga_done(saga_given(database, "checkout", "order-1"), "reserve-items");
    saga_with_task(database, "order-2");
    return database;
}

static void test_sagas_are_counted_by_what_could_become_of_them(void **state)
{
    (void)state;
    const char *database = given_two();
    steps[3].run = (skald_work){.participant = "post", .command = "Print"};
    const char *text = plan_prints(database, &second, "", 1);
    assert_contains(text,
                    "DEFINITION                  FROM      TO     SAFE  NEEDS MAP   UNSAFE\n"
                    "checkout                       1       2        1          0        1\n");
    assert_contains(text, "    1 unsafe, order-2 among them: step \"send-mail\" has begun and does"
                          " other work");
    assert_int_equal(database_integer(database, "SELECT max(version) FROM skald.saga"), 1);
}

static void test_all_on_the_newest_version_is_said(void **state)
{
    (void)state;
    const char *database = given_two();
    assert_string_equal(plan_prints(database, scenario_definition("checkout"), "", 0),
                        "Every open saga is on the newest version of its definition.\n");
}

static void test_a_rename_is_told_by_a_word(void **state)
{
    (void)state;
    const char *database = given_two();
    database_run(database, "DELETE FROM skald.saga WHERE id = 'order-1'");
    steps[1].name = "charge";
    assert_contains(plan_prints(database, &second, "", 1), "say whether it is called \"charge\"");
    assert_contains(plan_prints(database, &second, "--rename charge-card=charge", 0),
                    "checkout                       1       2        1          0        0\n");
}

static void test_what_nobody_knows_is_said(void **state)
{
    (void)state;
    const char *database = given_two();
    assert_contains(plan_prints(database, NULL, "", 1),
                    "2 unsafe, order-1 among them: this program does not know the definition");
    database_run(database, "UPDATE skald.saga_definition SET description = ''");
    assert_contains(plan_prints(database, &second, "", 1),
                    "no program has written down the plan of steps that they are on");
}

static void test_damaged_and_strange_sagas_stay(void **state)
{
    (void)state;
    const char *database = given_two();
    database_run(database, "UPDATE skald.saga SET machine = '\\x01' WHERE id = 'order-1';"
                           "UPDATE skald.saga SET state_type = 'test.v1.Old' WHERE id = 'order-2'");
    const char *text = plan_prints(database, &second, "--apply", 1);
    assert_contains(text, "a stored saga has 1 bytes");
    assert_contains(text,
                    "its state is a test.v1.Old and the new definition's is a test.v1.Counted");
    assert_int_equal(database_integer(database, "SELECT max(version) FROM skald.saga"), 1);
}

static void test_wrong_words_are_usage(void **state)
{
    (void)state;
    const char *database = given_two();
    plan_prints(database, &second, "--aply", 64);
    plan_prints(database, &second, "--rename", 64);
    plan_prints(database, &second, "--rename charge-card", 64);
}

/* As main() of a program is asked. */
static void test_plan_is_a_word_of_every_program(void **state)
{
    (void)state;
    const char *database = given_two();
    steps[3].run = (skald_work){.participant = "post", .command = "Print"};
    char *words[] = {"shop", "plan", "--apply", "--rename", "nonsense", NULL};
    assert_int_equal(skald_main(program_of(database, &second), 2, words), 1);
    assert_int_equal(skald_main(program_of(database, &second), 5, words), 64);
    assert_int_equal(database_integer(database, "SELECT max(version) FROM skald.saga"), 1);
    assert_int_equal(skald_main(program_of(database, &second), 3, words), 1);
    assert_int_equal(database_integer(database, "SELECT max(version) FROM skald.saga"), 2);
}

/* --- moving -------------------------------------------------------------------------------- */

static void test_safe_sagas_are_moved_and_others_stay(void **state)
{
    (void)state;
    const char *database = given_two();
    database_run(database, "INSERT INTO skald.saga_kept (saga, step, direction) VALUES"
                           " ('order-2', 1, 0), ('order-2', 0, 0)");
    steps[3].run.timeout_ms = 7000;
    steps[4] = (skald_step){.name = "archive", .run.local = code};
    second.steps.count = STEPS + 1;
    const char *text = plan_prints(database, &second, "--apply", 0);
    assert_contains(text, "   MOVED ");
    assert_string_equal(
        database_text(database,
                      "SELECT string_agg(concat_ws(' ', id, version, turns), ', ' ORDER BY"
                      " id) FROM skald.saga WHERE due_at <= skald.now()"),
        "order-1 2 3, order-2 2 10");
    assert_string_equal(database_text(database, "SELECT lines FROM skald.saga_history WHERE saga ="
                                                " 'order-2' AND number = 10"),
                        "moved from version 1 of the definition to version 2");
    assert_string_equal(database_text(database, "SELECT string_agg(step::text, ' ' ORDER BY step)"
                                                " FROM skald.saga_kept"),
                        "0 1");
    assert_string_equal(
        database_text(database, "SELECT concat_ws(': ', action, object, detail) FROM skald.audit"),
        "move: definition checkout: 2 sagas from version 1 to version 2");
    saga_define(database, &second);
    says(database, 0, "saga show order-2", "\narchive                pending ");
    says(database, 0, "saga show order-2", "\nsend-mail              handed-over ");
    assert_string_equal(plan_prints(database, &second, "", 0),
                        "Every open saga is on the newest version of its definition.\n");
}

/* Three batches; in the last there is none that can be moved. */
static void test_many_are_moved_in_batches(void **state)
{
    (void)state;
    const char *database = given_two();
    database_run(database,
                 "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, phase,"
                 " machine, state, state_type, root) SELECT s.id || '-' || n, s.partition,"
                 " s.definition, s.version, s.fingerprint, s.phase, s.machine, s.state,"
                 " s.state_type, s.root FROM skald.saga AS s, generate_series(1, 130) AS n");
    steps[3].run = (skald_work){.participant = "post", .command = "Print"};
    assert_contains(plan_prints(database, &second, "--apply", 1),
                    "checkout                       1       2      131          0      131\n");
    assert_int_equal(
        database_integer(database, "SELECT count(*) FROM skald.saga WHERE version = 2"), 131);
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit"), 2);
}

/* --- and going on -------------------------------------------------------------------------- */

static const skald_step old_steps[] = {
    {.name = "wait", .run = {.wait_for = "Go", .timeout_ms = 600000}},
    {.name = "old-end", .run.local = code},
};
static const skald_step new_steps[] = {
    {.name = "wait", .run = {.wait_for = "Go", .timeout_ms = 600000}},
    {.name = "new-end", .run.local = code},
    {.name = "end", .run.local = code},
};
static const skald_definition old_wait = {"wait", 1, 0, SKALD_STEPS(old_steps)};
static const skald_definition new_wait = {"wait", 2, 0, SKALD_STEPS(new_steps)};

static void saga_start(const char *database, const skald_definition *definition)
{
    char sql[512];
    const int64_t partitions = database_integer(database, "SELECT partitions FROM skald.service");
    snprintf(sql, sizeof sql,
             "SELECT skald.saga_start('shop', 's-1', %u::smallint, '%s', %u, %lld,"
             " 'test.v1.Counted', '', NULL, NULL, NULL, NULL)",
             skald_partition_of("s-1", 3, (uint32_t)partitions), definition->name,
             definition->version, (long long)skald_definition_fingerprint(definition));
    database_run(database, sql);
}

/* Begun by the old program, moved, ended by the new one. */
static void test_a_moved_saga_goes_on_in_the_new_program(void **state)
{
    (void)state;
    const char *database = database_new();
    skald_service *service = program_of(database, &old_wait);
    keeper_start(service);
    saga_start(database, &old_wait);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.saga WHERE future ="
                                          " 'message'") == 1);
    keeper_stop(service);
    says(database, 0, "saga show s-1", "\nwait     waiting ");
    plan_prints(database, &new_wait, "--apply", 0);
    service = program_of(database, &new_wait);
    keeper_start(service);
    database_run(database, "INSERT INTO skald.saga_input (partition, saga, event, name)"
                           " SELECT partition, id, 'signal', 'Go' FROM skald.saga");
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.saga WHERE phase ="
                                          " 'completed'") == 1);
    keeper_stop(service);
    assert_int_equal(database_integer(database,
                                      "SELECT count(*) FROM skald.saga_history WHERE lines LIKE"
                                      " '%new-end%-> done%'"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sagas_are_counted_by_what_could_become_of_them),
        cmocka_unit_test(test_all_on_the_newest_version_is_said),
        cmocka_unit_test(test_a_rename_is_told_by_a_word),
        cmocka_unit_test(test_what_nobody_knows_is_said),
        cmocka_unit_test(test_damaged_and_strange_sagas_stay),
        cmocka_unit_test(test_wrong_words_are_usage),
        cmocka_unit_test(test_plan_is_a_word_of_every_program),
        cmocka_unit_test(test_safe_sagas_are_moved_and_others_stay),
        cmocka_unit_test(test_many_are_moved_in_batches),
        cmocka_unit_test(test_a_moved_saga_goes_on_in_the_new_program),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
