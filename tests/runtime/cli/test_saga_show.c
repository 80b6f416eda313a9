/* Looking at sagas with the command. */
#include "sagas.h"

#include "support/keeper.h"

/* What `skald` prints when asked with these words; valid until the next call. */
static const char *printed(const char *database, const char *words)
{
    static test_child *last;
    child_free(last);
    last = skald_run(database, 0, words);
    return child_out(last);
}

/* A line of text without runs of blanks, so that a test does not depend on the widths of others. */
static const char *squeezed(const char *text)
{
    static char out[65536];
    size_t length = 0;
    for (const char *at = text; *at != '\0' && length + 1 < sizeof out; at++)
        if (*at != ' ' || length == 0 || out[length - 1] != ' ')
            out[length++] = *at;
    out[length] = '\0';
    return out;
}

/* A database whose clock stands still, so that times can be compared. */
static const char *database_at_noon(void)
{
    const char *database = database_new();
    keeper_clock_set(database, "2026-03-29 12:00+00");
    return database;
}

static void lacks(const char *text, const char *part)
{
    if (strstr(text, part) != NULL)
        fail_msg("there is \"%s\" in: %s", part, text);
}

/* --- one saga ------------------------------------------------------------------------------ */

static void test_a_saga_is_explained_step_by_step(void **state)
{
    (void)state;
    const char *database = database_at_noon();
    saga_with_task(database, "order-1");
    const char *text = squeezed(printed(database, "saga show order-1 --time relative"));
    assert_contains(text, "Saga order-1 checkout version 1\n Phase running since 9 min ago\n");
    assert_contains(text, " Reason mailbox full\n");
    assert_contains(text, "\nreserve-items done 1/3 ");
    assert_contains(text, " ago - shop.v1.ReserveItems to inventory done: it is done\n");
    assert_contains(text, "\nconfirm-order (pivot) done 1/3 ");
    assert_contains(text, "\nsend-mail handed-over 3/3 5 min ago - activity failed: attempts are"
                          " used up: a person decides\n");
    assert_contains(text, "State (test.v1.Counted, 4 bytes)\n {\n \"key\": \"k1\",");
    assert_contains(text, " send-mail running -> handed-over failed: attempts are used up");
    assert_contains(text, "Waits for: send-mail is a person's task: failed, 3 attempts\n"
                          " No process of the service runs");
    assert_contains(text, "Next: skald saga retry order-1 --step send-mail --reason TEXT try it");
    assert_contains(text, " skald saga resolve order-1 --step send-mail --not-done --reason TEXT");
    assert_contains(text, " skald saga skip order-1 --step send-mail --reason TEXT");
    lacks(text, "skald saga cancel");
    lacks(text, "--edit");
    lacks(text, "BLOCKED");
}

static void test_what_is_owed_and_who_asked_is_said(void **state)
{
    (void)state;
    const char *database = database_at_noon();
    saga_with_undo_task(database, "order-2");
    database_run(database,
                 "SELECT skald.saga_ask('order-2', 'retry', NULL, NULL, 'bob', 'bank is back')");
    const char *text = squeezed(printed(database, "saga show order-2 --time relative"));
    assert_contains(text, "Phase compensating since ");
    assert_contains(text, " ago: cancel: it was asked to turn back\n");
    assert_contains(text, "\nreserve-items done, owed 1/3 ");
    assert_contains(text, "\ncharge-card undo-handed-over 3/3 5 min ago - undo: activity undo");
    assert_contains(text, "\nretry charge-card bob bank is back ");
    assert_contains(text, "\nOwed: to undo reserve-items\n");
    assert_contains(text, "--step charge-card --done --reason TEXT you have undone it by hand");
    lacks(text, "saga compensate");
}

static void test_groups_are_indented(void **state)
{
    (void)state;
    const char *database = database_new();
    told_saga *told = saga_given(database, "trip", "trip-1");
    saga_done(told, "quote");
    saga_tell(told, SKALD_EVENT_NEEDED, "car", SKALD_RUN);
    saga_done(told, "flight");
    const char *text = printed(database, "saga show trip-1");
    assert_contains(text, "\nbook             running ");
    assert_contains(text, "\n  flight         done ");
    assert_contains(text, "\n    reserve-car  running ");
    assert_contains(text, "\n    pay-car      pending ");
    assert_contains(squeezed(text), " 2026");
}

/* Whoever looks at a blocked saga is told so before anything else, and what helps. */
static void test_that_it_is_blocked_comes_first(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_given(database, "approval", "a-1");
    database_run(database, "UPDATE skald.saga SET blocked = 'crashed three times', future ="
                           " 'blocked'");
    const char *text = printed(database, "saga show a-1");
    assert_memory_equal(text, "BLOCKED: crashed three times\nSaga a-1", 37);
    assert_contains(text, "Waits for: crashed three times\n");
    assert_contains(text, "Next:      skald saga retry a-1 --reason TEXT  let it go on\n");
    lacks(text, "saga skip");
}

static void test_a_saga_that_has_ended_needs_nothing(void **state)
{
    (void)state;
    const char *database = database_new();
    told_saga *told = saga_given(database, "checkout", "order-1");
    saga_tell(told, SKALD_EVENT_REFUSED, "reserve-items", SKALD_RUN);
    const char *text = squeezed(printed(database, "saga show order-1"));
    assert_contains(text, "Phase compensated since ");
    assert_contains(text, "\nWaits for: nothing, it has ended compensated\n");
    lacks(text, "Next:");
    lacks(text, "No process");
}

static void test_one_that_has_not_begun_can_be_cancelled(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_given(database, "checkout", "order-1");
    database_run(database, "DELETE FROM skald.saga_history; UPDATE skald.saga SET machine = NULL,"
                           " phase = 'new', future = 'start', waits_for = 'it has not begun'");
    const char *text = printed(database, "saga show order-1");
    assert_contains(text, "Waits for: it has not begun");
    assert_contains(text, "skald saga cancel order-1 --reason TEXT");
    assert_contains(squeezed(text), "\nreserve-items pending - - - shop.v1.ReserveItems");
}

/* The steps are known once a program has written its definition down; without, all else is shown.
 */
static void test_a_definition_that_is_not_known_is_said(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    database_run(database, "UPDATE skald.saga_definition SET fingerprint = fingerprint + 1");
    const char *text = printed(database, "saga show order-1");
    assert_contains(text, "Its steps cannot be shown: checkout version 1 is another plan of steps"
                          " now than when it began");
    assert_contains(text, "send-mail is a person's task");
    database_run(database, "DELETE FROM skald.saga_definition");
    assert_contains(printed(database, "saga show order-1"),
                    "no program that knows checkout version 1 has written its definition down");
    saga_define(database, scenario_definition("checkout"));
    database_run(database, "UPDATE skald.saga_definition SET description = '\\x0102'");
    assert_contains(printed(database, "saga show order-1"), "Its steps cannot be shown: ");
    saga_define(database, scenario_definition("trip"));
    database_run(database, "UPDATE skald.saga SET machine = '\\x01'; UPDATE skald.saga_definition"
                           " SET description = (SELECT t.description FROM skald.saga_definition"
                           " AS t WHERE t.name = 'trip') WHERE name = 'checkout'");
    assert_contains(printed(database, "saga show order-1"), "a stored saga has 1 bytes");
    json_t *json = skald_json_of(database, 0, "saga show order-1");
    assert_true(json_is_null(json_at(json, "steps")));
    assert_contains(json_string_value(json_at(json, "steps_trouble")), "a stored saga has 1 bytes");
    json_decref(json);
}

static void test_a_saga_is_shown_to_programs(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_undo_task(database, "order-2");
    json_t *json = skald_json_of(database, 0, "saga show order-2");
    json_text_is(json, "id", "order-2");
    json_text_is(json, "phase", "compensating");
    json_text_is(json, "steps.0.name", "reserve-items");
    json_text_is(json, "steps.0.state", "done");
    assert_true(json_is_true(json_at(json, "steps.0.owed")));
    assert_true(json_is_true(json_at(json, "steps.1.task")));
    json_number_is(json, "steps.1.attempts", 3);
    json_number_is(json, "steps.1.attempts_max", 3);
    json_text_is(json, "steps.1.undo", "activity");
    json_text_is(json, "body.key", "k1");
    json_text_is(json, "next.0.command",
                 "skald saga retry order-2 --step charge-card --reason TEXT");
    json_number_is(json, "history.0.number", 1);
    assert_contains(json_string_value(json_at(json, "history.0.lines.0")), "new -> running");
    json_decref(json);
}

static void test_children_and_locks_are_named(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_given(database, "delivery", "del-1");
    saga_given(database, "checkout", "del-1/parcel/run.1");
    database_run(database,
                 "UPDATE skald.saga SET parent = 'del-1', parent_operation = id, root = 'del-1'"
                 " WHERE id LIKE '%run.1';"
                 "INSERT INTO skald.saga_lock (name, saga) VALUES ('van-7', 'del-1');"
                 "INSERT INTO skald.saga_lock_wait (name, saga)"
                 " VALUES ('van-7', 'del-1/parcel/run.1')");
    const char *text = squeezed(printed(database, "saga show del-1"));
    assert_contains(text, "\nChildren\nCHILD DEFINITION PHASE");
    assert_contains(text, "\ndel-1/parcel/run.1 checkout running ");
    assert_contains(text, "\nvan-7 yes del-1 ");
    text = squeezed(printed(database, "saga show del-1/"));
    assert_contains(text, " Child by del-1/parcel/run.1\n Root del-1\n");
    assert_contains(text, "\nvan-7 - del-1 ");
}

static void test_a_saga_is_found_by_the_beginning_of_its_id(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_given(database, "checkout", "order-10");
    saga_given(database, "checkout", "order-1");
    says(database, 0, "saga show order-1", "Saga order-1 ");
    says(database, 64, "saga show order", "\"order\" may be several sagas; say which:\n  order-1");
    says(database, 1, "saga show ord", "there is no saga \"ord\"; \"skald saga list\" lists them");
    says(database, 64, "saga show", "say which saga");
}

/* What a stranger put into a saga's id reaches no terminal, and no shell as more than one word. */
static void test_commands_can_be_copied_whatever_the_id(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_given(database, "checkout", "order-1");
    database_run(database, "DELETE FROM skald.saga_history; UPDATE skald.saga SET id = 'a b; rm "
                           "\"$HOME\"''' WHERE id = 'order-1'");
    json_t *json = skald_json_of(database, 0, "saga show a_b;_rm");
    assert_contains(json_string_value(json_at(json, "next.0.command")),
                    "'a b; rm \"$HOME\"'\\''' ");
    json_decref(json);
}

/* --- history and graph --------------------------------------------------------------------- */

static void test_the_history_is_told_from_the_start(void **state)
{
    (void)state;
    const char *database = database_at_noon();
    saga_with_task(database, "order-1");
    database_run(database, "UPDATE skald.saga_history SET actor = 'ann' WHERE number = 2");
    const char *text = printed(database, "saga history order-1 --time relative");
    assert_memory_equal(text, "1  9 min ago\n", 13);
    assert_contains(text, "2  9 min ago, asked by ann\n");
    assert_contains(text, "charge-card       => run activity, attempt 1");
    json_t *json = skald_json_of(database, 0, "saga history order-1 --limit 2");
    assert_int_equal(json_array_size(json), 2);
    json_number_is(json, "1.number", 9);
    json_decref(json);
    says(database, 1, "saga history order-9", "there is no saga \"order-9\"");
}

static void test_a_saga_and_a_definition_are_drawn(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    assert_contains(printed(database, "saga graph order-1"), "handed-over");
    assert_contains(printed(database, "saga graph order-1 --format svg"), "<svg ");
    const char *definition = printed(database, "saga graph --definition checkout");
    assert_contains(definition, "flowchart TD");
    lacks(definition, "handed-over");
    assert_contains(printed(database, "saga graph --definition checkout --format dot"), "digraph");
    json_t *json = skald_json_of(database, 0, "saga graph order-1 --format dot");
    json_text_is(json, "format", "dot");
    json_decref(json);
    says(database, 1, "saga graph --definition checkout --version 7",
         "there is no definition \"checkout\" of that version");
    says(database, 64, "saga graph", "say which saga, or --definition NAME");
    says(database, 64, "saga graph order-1 --format png", "--format is mermaid, dot or svg");
}

/* --- lists --------------------------------------------------------------------------------- */

static void listed(const char *database, const char *words, const char *ids)
{
    char found[1024] = "";
    json_t *json = skald_json_of(database, 0, words);
    for (size_t i = 0; i < json_array_size(json); i++) {
        strcat(found, i > 0 ? " " : "");
        strcat(found, json_string_value(json_object_get(json_array_get(json, i), "id")));
    }
    assert_string_equal(found, ids);
    json_decref(json);
}

static void test_sagas_are_listed_and_filtered(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    saga_with_undo_task(database, "order-2");
    saga_given(database, "trip", "trip-1");
    told_saga *ended = saga_given(database, "checkout", "order-3");
    saga_tell(ended, SKALD_EVENT_REFUSED, "reserve-items", SKALD_RUN);
    listed(database, "saga list", "order-3 trip-1 order-2 order-1");
    listed(database, "saga list --open", "trip-1 order-2 order-1");
    listed(database, "saga list --limit 2", "order-3 trip-1");
    listed(database, "saga list --limit 2 --after trip-1", "order-2 order-1");
    listed(database, "saga list --definition checkout --version 1", "order-3 order-2 order-1");
    listed(database, "saga list --phase compensating,compensated", "order-3 order-2");
    listed(database, "saga list --future person", "order-2 order-1");
    listed(database, "saga list --step send-mail", "order-1");
    listed(database, "saga list --reason MAILBOX", "order-1");
    listed(database, "saga list --since 2h", "order-3 trip-1 order-2 order-1");
    listed(database, "saga list --definition no", "");
    assert_contains(printed(database, "saga list"), "send-mail is a person's task");
    says(database, 64, "saga list --phase done", "there is no phase \"done\"");
    says(database, 64, "saga list --future godot", "there is no future \"godot\"");
}

static void test_tasks_debts_and_definitions_are_listed(void **state)
{
    (void)state;
    const char *database = database_new();
    test_child *none = skald_run(database, 0, "saga tasks");
    assert_contains(child_err(none), "Nobody has to do anything.");
    child_free(none);
    saga_with_task(database, "order-1");
    saga_with_undo_task(database, "order-2");
    database_run(database, "UPDATE skald.saga SET tasks_since = now(), owed_since = now()");
    json_t *tasks = skald_json_of(database, 0, "saga tasks");
    json_text_is(tasks, "0.step", "send-mail");
    json_text_is(tasks, "0.reason", "mailbox full");
    json_text_is(tasks, "1.step", "charge-card");
    json_decref(tasks);
    json_t *debts = skald_json_of(database, 0, "saga debts --definition checkout");
    assert_int_equal(json_array_size(debts), 1);
    json_text_is(debts, "0.saga", "order-2");
    json_text_is(debts, "0.step", "reserve-items");
    json_decref(debts);
    database_run(database, "UPDATE skald.saga SET version = 2 WHERE id = 'order-2';"
                           "UPDATE skald.saga SET fingerprint = 7 WHERE id = 'order-1'");
    json_t *definitions = skald_json_of(database, 0, "saga definitions");
    json_number_is(definitions, "0.version", 2);
    assert_true(json_is_null(json_at(definitions, "0.seen_at")));
    json_number_is(definitions, "1.open", 1);
    json_number_is(definitions, "1.other_plan", 1);
    json_decref(definitions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_saga_is_explained_step_by_step),
        cmocka_unit_test(test_what_is_owed_and_who_asked_is_said),
        cmocka_unit_test(test_groups_are_indented),
        cmocka_unit_test(test_that_it_is_blocked_comes_first),
        cmocka_unit_test(test_a_saga_that_has_ended_needs_nothing),
        cmocka_unit_test(test_one_that_has_not_begun_can_be_cancelled),
        cmocka_unit_test(test_a_definition_that_is_not_known_is_said),
        cmocka_unit_test(test_a_saga_is_shown_to_programs),
        cmocka_unit_test(test_children_and_locks_are_named),
        cmocka_unit_test(test_a_saga_is_found_by_the_beginning_of_its_id),
        cmocka_unit_test(test_commands_can_be_copied_whatever_the_id),
        cmocka_unit_test(test_the_history_is_told_from_the_start),
        cmocka_unit_test(test_a_saga_and_a_definition_are_drawn),
        cmocka_unit_test(test_sagas_are_listed_and_filtered),
        cmocka_unit_test(test_tasks_debts_and_definitions_are_listed),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
