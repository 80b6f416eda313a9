/* Asking something of sagas with the command: one, some, many. */
#include "sagas.h"

#include <unistd.h>

/* "<saga> <event> <step> <actor> <reason>", one after another. */
static void inputs_are(const char *database, const char *inputs)
{
    assert_string_equal(
        database_text(database,
                      "SELECT string_agg(concat_ws(' ', saga, event, step, actor, reason),"
                      " '; ' ORDER BY id) FROM skald.saga_input"),
        inputs);
}

/* --- one and some -------------------------------------------------------------------------- */

static void test_a_request_is_told_to_the_saga(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    says(database, 0, "saga retry order-1 --reason mended",
         "saga order-1: asked to retry send-mail");
    inputs_are(database, "order-1 retry send-mail ann mended");
    says(database, 0, "saga skip order-1 --step send-mail --reason late --actor bob",
         "saga order-1: asked to skip send-mail");
    says(database, 0, "saga resolve order-1 --done --reason seen",
         "saga order-1: asked to resolve-done send-mail");
    says(database, 0, "saga resolve order-1 --not-done --reason lost", "resolve-not-done");
    inputs_are(database, "order-1 retry send-mail ann mended; order-1 skip send-mail bob late;"
                         " order-1 resolve-done send-mail ann seen;"
                         " order-1 resolve-not-done send-mail ann lost");
    json_t *audit = skald_json_of(database, 0, "audit list");
    json_text_is(audit, "0.action", "resolve-not-done");
    json_text_is(audit, "0.object", "saga order-1");
    json_decref(audit);
}

static void test_the_whole_saga_is_asked_to_turn_back(void **state)
{
    (void)state;
    const char *database = database_new();
    told_saga *told = saga_given(database, "checkout", "order-1");
    saga_done(told, "reserve-items");
    says(database, 0, "saga cancel order-1 --reason gone", "saga order-1: asked to cancel\n");
    says(database, 0, "saga compensate order-1 --reason wrong",
         "saga order-1: asked to compensate");
    saga_done(saga_given(database, "approval", "a-1"), "file");
    says(database, 0, "saga retry a-1 --from file --reason anew", "asked to retry-from file");
    inputs_are(database, "order-1 cancel ann gone; order-1 compensate ann wrong;"
                         " a-1 retry-from file ann anew");
}

/* The machine is asked first, so that nobody has to look into the history for a "no". */
static void test_what_the_saga_would_refuse_is_refused_at_once(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    saga_given(database, "trip", "trip-1");
    says(database, 77, "saga cancel order-1 --reason x",
         "saga \"order-1\": too late: the pivot is done");
    says(database, 77, "saga retry order-1 --from charge-card --reason x",
         "saga \"order-1\", step charge-card: the pivot is done: nothing is undone any more");
    says(database, 77, "saga skip order-1 --step send-mial --reason x",
         "saga \"order-1\", step send-mial: the definition has no such step");
    says(database, 77, "saga skip trip-1 --step quote --reason x",
         "step quote: that cannot be asked of the step in its present state");
    says(database, 77, "saga skip trip-1 --reason x",
         "no step of saga \"trip-1\" waits for a person: say which one is meant");
    inputs_are(database, "");
}

static void test_a_blocked_saga_is_let_go(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_given(database, "approval", "a-1");
    database_run(database, "UPDATE skald.saga SET blocked = 'crashed three times'");
    says(database, 0, "saga retry a-1 --reason mended", "saga a-1: asked to retry\n");
    inputs_are(database, "a-1 retry ann mended");
}

static void test_several_are_asked_and_some_refuse(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    saga_given(database, "checkout", "order-2");
    json_t *json = skald_json_of(database, 2, "saga retry order-1 order-2 order-9 --reason x");
    assert_int_equal(json_array_size(json), 2);
    json_text_is(json, "0.saga", "order-1");
    json_text_is(json, "0.request", "retry");
    json_text_is(json, "0.step", "send-mail");
    json_text_is(json, "0.result", "ok");
    assert_contains(json_string_value(json_at(json, "1.result")), "no step of saga \"order-2\"");
    json_decref(json);
    inputs_are(database, "order-1 retry send-mail ann x");
}

static void test_nobody_asks_by_mistake(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    says(database, 64, "saga retry --reason x", "say which: sagas by their ids, or --where");
    says(database, 64, "saga retry order-1 --where all --reason x", "say which");
    says(database, 64, "saga retry order-1", "say why: --reason TEXT");
    says(database, 64, "saga retry order-1 --dry-run", "belong to --where");
    says(database, 64, "saga resolve order-1 --reason x", "--done or --not-done");
    says(database, 64, "saga retry order-1 --from a --step b --reason x", "--from stands alone");
    says(database, 1, "saga retry order-9 --reason x", "there is no saga \"order-9\"");
    inputs_are(database, "");
}

/* --- with a new state ---------------------------------------------------------------------- */

static const char *file_of(const char *text)
{
    static char path[SKALD_PATH_SIZE];
    snprintf(path, sizeof path, "%s/state-%d.json", skald_servers_socket_folder(servers()),
             (int)getpid());
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    return path;
}

static test_child *retry_with(const char *database, int exit_code, const char *id, const char *json)
{
    char words[SKALD_PATH_SIZE + 128];
    snprintf(words, sizeof words, "saga retry %s --reason wrong --state-json %s", id,
             file_of(json));
    return skald_run(database, exit_code, words);
}

static void test_a_new_state_is_given_as_json(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_undo_task(database, "order-1");
    test_child *child = retry_with(database, 0, "order-1", "{\"key\": \"k2\", \"number\": 7}");
    assert_contains(child_out(child), "saga order-1: asked to retry-new-input charge-card");
    child_free(child);
    assert_string_equal(database_text(database, "SELECT concat_ws(' ', event, step, type, body)"
                                                " FROM skald.saga_input"),
                        "retry-new-input charge-card test.v1.Counted \\x0a026b321007");
}

static void test_a_wrong_state_changes_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_undo_task(database, "order-1");
    saga_with_task(database, "order-2");
    test_child *child = retry_with(database, 65, "order-1", "{\"number\": \"two\"}");
    assert_contains(child_err(child), "test.v1.Counted.number: a whole number is wanted");
    child_free(child);
    child = retry_with(database, 77, "order-2", "{\"number\": 2}");
    assert_contains(child_err(child), "it may be done with the old input");
    child_free(child);
    says(database, 64, "saga retry --where all --edit --reason x", "given to one saga");
    says(database, 64, "saga retry order-1 order-2 --edit --reason x", "one saga at a time");
    database_run(database, "DELETE FROM skald.message_type");
    child = retry_with(database, 65, "order-1", "{\"number\": 2}");
    assert_contains(child_err(child), "the state of saga order-1 cannot be edited as JSON");
    child_free(child);
    inputs_are(database, "");
}

static void test_a_state_is_edited_in_the_editor_of_the_person(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_undo_task(database, "order-1");
    const char *words = "saga retry order-1 --step charge-card --edit --reason x";
    test_child *same = skald_start(database, "VISUAL=true", words);
    skald_ends(same, 1);
    assert_contains(child_err(same), "it was not changed, nothing is done");
    test_child *edited = skald_start(database, "VISUAL=sed -i s/k1/k9/", words);
    skald_ends(edited, 0);
    assert_string_equal(database_text(database, "SELECT body FROM skald.saga_input"),
                        "\\x0a026b39");
    child_free(same);
    child_free(edited);
}

/* --- many ---------------------------------------------------------------------------------- */

static const char *given_many(void)
{
    const char *database = database_new();
    saga_with_task(database, "a1");
    saga_with_task(database, "a2");
    saga_with_undo_task(database, "b1");
    saga_given(database, "trip", "c1");
    return database;
}

static void test_a_preview_says_what_would_be_asked_and_asks_nothing(void **state)
{
    (void)state;
    const char *database = given_many();
    json_t *preview = skald_json_of(
        database, 0, "saga retry --where step=send-mail_and_reason~mailbox --dry-run");
    json_text_is(preview, "action", "retry");
    json_number_is(preview, "sagas", 2);
    json_number_is(preview, "groups.0.sagas", 2);
    json_text_is(preview, "groups.0.tasks", "send-mail");
    json_decref(preview);
    says(database, 0, "saga cancel --where all --dry-run", "\n4 sagas, set ");
    says(database, 64, "saga cancel --where all --reason x", "would cancel 4 sagas, set ");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.operation"), 0);
}

static void test_many_are_asked_by_one_operation(void **state)
{
    (void)state;
    const char *database = given_many();
    says(database, 0,
         "saga retry --where definition=checkout_and_future=person --reason mended --yes --rate 50",
         "operation 1: retry of 3 sagas has begun");
    saga_tell(saga_given(database, "checkout", "z"), SKALD_EVENT_CANCEL, NULL, SKALD_RUN);
    database_run(database,
                 "UPDATE skald.saga SET phase = 'completed', ended_at = skald.now()"
                 " WHERE id = 'a2'; SELECT skald.operation_work(1, 1000, 1, skald.now())");
    inputs_are(database, "a1 retry send-mail ann mended (operation 1);"
                         " b1 retry charge-card ann mended (operation 1)");
    json_t *operation = skald_json_of(database, 2, "operation show 1 --wait");
    json_text_is(operation, "object", "saga");
    json_number_is(operation, "succeeded", 2);
    json_text_is(operation, "refused_sagas.0.saga", "a2");
    json_text_is(operation, "refused_sagas.0.result", "saga \"a2\" has ended completed");
    json_decref(operation);
    says(database, 0, "operation show 1", "Refused, the first 50\nSAGA  WHY");
}

static void test_the_step_of_the_condition_is_the_step_that_is_meant(void **state)
{
    (void)state;
    const char *database = given_many();
    says(database, 0, "saga skip --where step=send-mail --reason late --yes",
         "operation 1: skip of 2 sagas has begun");
    assert_string_equal(database_text(database, "SELECT step FROM skald.operation"), "send-mail");
    says(database, 0, "saga retry --where future=person --step charge-card --reason x --yes",
         "operation 2: retry of 3 sagas");
    assert_string_equal(database_text(database, "SELECT step FROM skald.operation WHERE id = 2"),
                        "charge-card");
    says(database, 0, "saga cancel --where step=send-mail --reason x --yes", "operation 3");
    assert_string_equal(
        database_text(database, "SELECT coalesce(step, '-') FROM skald.operation WHERE id = 3"),
        "-");
}

static void test_a_set_that_has_changed_is_refused(void **state)
{
    (void)state;
    const char *database = given_many();
    char words[256];
    json_t *preview = skald_json_of(database, 0, "saga skip --where step=send-mail --dry-run");
    snprintf(words, sizeof words, "saga skip --where step=send-mail --reason x --yes --set %s",
             json_string_value(json_at(preview, "set")));
    database_run(database, "UPDATE skald.saga SET tasks = NULL WHERE id = 'a1'");
    says(database, 75, words, "the set is no longer");
    json_decref(preview);
}

static void test_conditions_that_cannot_be_meant_are_refused(void **state)
{
    (void)state;
    const char *database = given_many();
    const struct {
        const char *where;
        const char *sentence;
    } mistakes[] = {
        {"definitoin=checkout", "did you mean definition?"},
        {"checkout", "--where has conditions such as"},
        {"step~mail", "only reason is searched with ~, write step=..."},
        {"step=", "step has no value"},
        {"version=one", "version is a whole number, not \"one\""},
        {"since=yesterday", "--since is a length of time"},
        {"step=a_and_", "--where has conditions such as"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char words[256];
        snprintf(words, sizeof words, "saga skip --dry-run --where %s", mistakes[i].where);
        says(database, 64, words, mistakes[i].sentence);
    }
    says(database, 1, "saga skip --where step=no --reason x --yes", "no saga that has not ended");
    says(database, 0, "saga skip --dry-run --where reason~\"x_and_y\"_and_version=1",
         "\n0 sagas, set ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_is_told_to_the_saga),
        cmocka_unit_test(test_the_whole_saga_is_asked_to_turn_back),
        cmocka_unit_test(test_what_the_saga_would_refuse_is_refused_at_once),
        cmocka_unit_test(test_a_blocked_saga_is_let_go),
        cmocka_unit_test(test_several_are_asked_and_some_refuse),
        cmocka_unit_test(test_nobody_asks_by_mistake),
        cmocka_unit_test(test_a_new_state_is_given_as_json),
        cmocka_unit_test(test_a_wrong_state_changes_nothing),
        cmocka_unit_test(test_a_state_is_edited_in_the_editor_of_the_person),
        cmocka_unit_test(test_a_preview_says_what_would_be_asked_and_asks_nothing),
        cmocka_unit_test(test_many_are_asked_by_one_operation),
        cmocka_unit_test(test_the_step_of_the_condition_is_the_step_that_is_meant),
        cmocka_unit_test(test_a_set_that_has_changed_is_refused),
        cmocka_unit_test(test_conditions_that_cannot_be_meant_are_refused),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
