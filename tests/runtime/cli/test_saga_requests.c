/* What the database makes of requests to sagas, without the command: skald.saga_ask, filters, and
 * operations on many. */
#include "sagas.h"

#include "support/keeper.h"
#include "support/wait.h"

/* "<answer> <event> <step> <actor> <reason>" of the only input there is. */
static void asked(const char *database, const char *call, const char *answer, const char *input)
{
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT %s", call);
    assert_string_equal(database_text(database, sql), answer);
    assert_string_equal(
        database_text(database, "SELECT string_agg(concat_ws(' ', event, step, actor, reason, body,"
                                " type), '; ' ORDER BY id) FROM skald.saga_input"),
        input);
    database_run(database, "DELETE FROM skald.saga_input");
}

static void refused(const char *database, const char *call, const char *sentence)
{
    char sql[1024];
    snprintf(sql, sizeof sql,
             "CREATE OR REPLACE FUNCTION said() RETURNS text LANGUAGE plpgsql AS $said$"
             " BEGIN PERFORM %s; RETURN 'nothing'; EXCEPTION WHEN SQLSTATE 'SK003' THEN"
             " RETURN SQLERRM; END $said$",
             call);
    database_run(database, sql);
    assert_contains(database_text(database, "SELECT said()"), sentence);
}

static void test_a_request_becomes_an_input_and_an_audit_row(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    asked(database, "skald.saga_ask('order-1', 'retry', 'send-mail', NULL, 'ann', 'mended')", "ok",
          "retry send-mail ann mended");
    assert_string_equal(database_text(database,
                                      "SELECT concat_ws(' ', actor, action, object, reason, detail)"
                                      " FROM skald.audit"),
                        "ann retry saga order-1 mended send-mail");
    asked(database,
          "skald.saga_ask('order-1', 'retry-new-input', 'send-mail', '\\x0801', 'ann', 'new')",
          "ok", "retry-new-input send-mail ann new \\x0801 test.v1.Counted");
    asked(database, "skald.saga_ask('order-1', 'cancel', 'send-mail', NULL, 'ann', 'gone')", "ok",
          "cancel ann gone");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit"), 3);
    assert_string_equal(
        database_text(database, "SELECT skald.saga_ask('order-1', 'skip', NULL, NULL, 'a', 'b')"),
        "ok");
    assert_int_equal(database_integer(database, "SELECT partition FROM skald.saga_input"), 3);
}

static void test_a_step_that_is_not_named_is_the_only_task(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    saga_given(database, "checkout", "order-2");
    asked(database, "skald.saga_ask('order-1', 'skip', NULL, NULL, 'ann', 'x')", "ok",
          "skip send-mail ann x");
    asked(database, "skald.saga_ask('order-2', 'skip', NULL, NULL, 'ann', 'x')",
          "no step of saga \"order-2\" waits for a person: say which one is meant", "");
    database_run(database, "UPDATE skald.saga SET tasks = ARRAY['b', 'a'] WHERE id = 'order-1'");
    asked(database, "skald.saga_ask('order-1', 'skip', NULL, NULL, 'ann', 'x')",
          "several steps of saga \"order-1\" wait for a person: say which of b, a", "");
    database_run(database, "UPDATE skald.saga SET blocked = 'crashed' WHERE id = 'order-2'");
    asked(database, "skald.saga_ask('order-2', 'retry', NULL, NULL, 'ann', 'x')", "ok",
          "retry ann x");
}

static void test_what_has_ended_or_is_not_there_is_refused(void **state)
{
    (void)state;
    const char *database = database_new();
    told_saga *told = saga_given(database, "checkout", "order-1");
    saga_tell(told, SKALD_EVENT_CANCEL, NULL, SKALD_RUN);
    saga_tell(told, SKALD_EVENT_REFUSED, "reserve-items", SKALD_RUN);
    asked(database, "skald.saga_ask('order-1', 'cancel', NULL, NULL, 'ann', 'x')",
          "saga \"order-1\" has ended compensated", "");
    asked(database, "skald.saga_ask('order-9', 'cancel', NULL, NULL, 'ann', 'x')",
          "there is no saga \"order-9\"", "");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit"), 0);
}

static void test_requests_that_make_no_sense_are_mistakes(void **state)
{
    (void)state;
    const char *database = database_new();
    saga_with_task(database, "order-1");
    refused(database, "skald.saga_ask('order-1', 'retry', NULL, NULL, '', 'x')",
            "names who asks, and why");
    refused(database, "skald.saga_ask('order-1', 'retry', NULL, NULL, 'ann', NULL)",
            "names who asks, and why");
    refused(database, "skald.saga_ask('order-1', 'take-back', NULL, NULL, 'ann', 'x')",
            "\"take-back\" cannot be asked of a saga");
    refused(database, "skald.saga_ask('order-1', NULL, NULL, NULL, 'ann', 'x')",
            "cannot be asked of a saga");
    refused(database, "skald.saga_ask('order-1', 'retry', NULL, '\\x', 'ann', 'x')",
            "a new state comes with retry-new-input");
    refused(database, "skald.saga_ask('order-1', 'retry-new-input', 'a', NULL, 'ann', 'x')",
            "a new state comes with retry-new-input");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.saga_input"), 0);
}

/* --- which sagas are meant ----------------------------------------------------------------- */

static const char *given_many(void)
{
    const char *database = database_new();
    saga_with_task(database, "a1");
    saga_with_task(database, "a2");
    saga_with_undo_task(database, "b1");
    saga_given(database, "trip", "c1");
    saga_tell(saga_given(database, "approval", "d1"), SKALD_EVENT_DONE, "file", SKALD_RUN);
    told_saga *ended = saga_given(database, "checkout", "e1");
    saga_tell(ended, SKALD_EVENT_REFUSED, "reserve-items", SKALD_RUN);
    database_run(database, "UPDATE skald.saga SET changed_at = '2026-01-01' WHERE id = 'a2'");
    return database;
}

static void selects(const char *database, const char *filter, const char *ids)
{
    char sql[512];
    snprintf(sql, sizeof sql,
             "SELECT string_agg(id, ' ') FROM skald.saga_select('%s'::jsonb) AS id", filter);
    assert_string_equal(database_text(database, sql), ids);
}

static void test_a_filter_means_what_it_says(void **state)
{
    (void)state;
    const char *database = given_many();
    selects(database, "{}", "a1 a2 b1 c1 d1");
    selects(database, "{\"definition\": \"checkout\"}", "a1 a2 b1");
    selects(database, "{\"definition\": \"checkout\", \"version\": 2}", "");
    selects(database, "{\"phase\": \"compensating\"}", "b1");
    selects(database, "{\"future\": \"person\"}", "a1 a2 b1");
    selects(database, "{\"step\": \"charge-card\"}", "b1");
    selects(database, "{\"step\": \"reserve-items\"}", "b1");
    selects(database, "{\"step\": \"send-mail\", \"reason\": \"MAILBOX\"}", "a1 a2");
    selects(database, "{\"reason\": \"100%\"}", "");
    selects(database, "{\"future\": \"person\", \"since\": \"2026-01-02T00:00:00Z\"}", "a1 b1");
    selects(database, "{\"until\": \"2026-01-02T00:00:00Z\"}", "a2");
    database_run(database, "UPDATE skald.saga SET blocked = 'crashed' WHERE id = 'b1'");
    selects(database, "{\"future\": \"blocked\"}", "b1");
    selects(database, "{\"future\": \"person\"}", "a1 a2");
    selects(database, "{\"ids\": [\"a1\", \"e1\", \"d1\", \"z\"]}", "a1 d1");
}

static void test_a_filter_that_cannot_be_meant_is_refused(void **state)
{
    (void)state;
    const char *database = database_new();
    refused(database, "skald.saga_select('[]'::jsonb)", "a JSON object, not array");
    refused(database, "skald.saga_select(NULL)", "a JSON object, not NULL");
    refused(database, "skald.saga_select('{\"key\": \"k\"}'::jsonb)", "has no field \"key\"");
    refused(database, "skald.saga_select('{\"version\": \"1\"}'::jsonb)", "\"version\"");
    refused(database, "skald.saga_select('{\"ids\": [1]}'::jsonb)", "are not all strings");
    refused(database, "skald.saga_select('{\"phase\": \"completed\"}'::jsonb)",
            "no saga that can still be changed is \"completed\"");
    refused(database, "skald.saga_select('{\"future\": \"godot\"}'::jsonb)", "waits for \"godot\"");
}

/* --- many at once -------------------------------------------------------------------------- */

static void test_an_operation_asks_the_same_of_a_frozen_set(void **state)
{
    (void)state;
    const char *database = given_many();
    assert_int_equal(database_integer(database, "SELECT skald.saga_operation_begin('retry', NULL,"
                                                " '{\"future\": \"person\"}', 'ann', 'mended')"),
                     1);
    saga_with_task(database, "a3");
    database_run(database, "UPDATE skald.saga SET phase = 'completed', ended_at = skald.now()"
                           " WHERE id = 'a2'");
    assert_int_equal(
        database_integer(database, "SELECT skald.operation_work(1, 2, 1, skald.now())"), 2);
    assert_int_equal(
        database_integer(database, "SELECT skald.operation_work(1, 2, 1, skald.now())"), 1);
    assert_string_equal(
        database_text(database, "SELECT concat_ws(' ', state, total, succeeded, refused, object)"
                                " FROM skald.operation"),
        "done 3 2 1 saga");
    assert_string_equal(
        database_text(database, "SELECT string_agg(saga || ': ' || result, ', ' ORDER BY saga)"
                                " FROM skald.operation_saga"),
        "a1: ok, a2: saga \"a2\" has ended completed, b1: ok");
    assert_string_equal(
        database_text(database, "SELECT string_agg(concat_ws(' ', saga, event, step, reason), ', '"
                                " ORDER BY saga) FROM skald.saga_input"),
        "a1 retry send-mail mended (operation 1), b1 retry charge-card mended (operation 1)");
}

static void test_a_stopped_operation_asks_no_more(void **state)
{
    (void)state;
    const char *database = given_many();
    database_run(database, "SELECT skald.saga_operation_begin('skip', 'send-mail',"
                           " '{\"step\": \"send-mail\"}', 'ann', 'late', 1)");
    assert_int_equal(
        database_integer(database, "SELECT skald.operation_work(1, 1, 0, skald.now())"), 1);
    assert_string_equal(database_text(database, "SELECT skald.operation_stop(1, 'bob', 'wrong')"),
                        "ok");
    assert_int_equal(
        database_integer(database, "SELECT skald.operation_work(1, 1, 0, skald.now())"), 0);
    assert_string_equal(database_text(database, "SELECT detail FROM skald.audit WHERE action ="
                                                " 'stop'"),
                        "after 1 of 2 sagas");
    refused(database, "skald.saga_operation_begin('skip', NULL, '{}', 'ann', ' ')",
            "names who does it, and why");
}

/* The keeper of a service works off operations on sagas as those on jobs. */
static void test_the_keeper_works_it_off(void **state)
{
    (void)state;
    const char *database = given_many();
    const skald_options options = keeper_options(database, NULL);
    database_run(database, "SELECT skald.saga_operation_begin('cancel', NULL,"
                           " '{\"definition\": \"trip\"}', 'ann', 'over')");
    skald_service *service = keeper_service("shop", &options);
    keeper_start(service);
    WAIT_UNTIL(database_integer(database, "SELECT count(*) FROM skald.operation WHERE state ="
                                          " 'done'") == 1);
    keeper_stop(service);
    assert_string_equal(
        database_text(database,
                      "SELECT string_agg(saga || ' ' || result, ',') FROM skald.operation_saga"),
        "c1 ok");
}

static void test_the_way_back_leaves_operations_on_jobs(void **state)
{
    (void)state;
    const char *database = given_many();
    database_run(database, "SELECT skald.saga_operation_begin('cancel', NULL, '{}', 'ann', 'over');"
                           "SELECT skald.operation_begin('discard', '{}', 'ann', 'over')");
    char path[4096];
    static char sql[65536];
    snprintf(path, sizeof path, "%s/migrations/0005_saga_requests.down.sql",
             test_variable("SKALD_SOURCE_DIR"));
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    sql[fread(sql, 1, sizeof sql - 1, file)] = '\0';
    fclose(file);
    database_run(database, sql);
    assert_string_equal(
        database_text(database, "SELECT string_agg(action, ' ') FROM skald.operation"), "discard");
    assert_int_equal(
        database_integer(database, "SELECT skald.operation_work(2, 1, 1, skald.now())"), 0);
    assert_string_equal(database_text(database, "SELECT skald.operation_stop(2, 'a', 'b')"),
                        "operation 2 is done already");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_becomes_an_input_and_an_audit_row),
        cmocka_unit_test(test_a_step_that_is_not_named_is_the_only_task),
        cmocka_unit_test(test_what_has_ended_or_is_not_there_is_refused),
        cmocka_unit_test(test_requests_that_make_no_sense_are_mistakes),
        cmocka_unit_test(test_a_filter_means_what_it_says),
        cmocka_unit_test(test_a_filter_that_cannot_be_meant_is_refused),
        cmocka_unit_test(test_an_operation_asks_the_same_of_a_frozen_set),
        cmocka_unit_test(test_a_stopped_operation_asks_no_more),
        cmocka_unit_test(test_the_keeper_works_it_off),
        cmocka_unit_test(test_the_way_back_leaves_operations_on_jobs),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
