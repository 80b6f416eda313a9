/* Commands that a job carries out and answers, however the job ends. */
#include "support/commanding.h"
#include "support/database.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static void test_the_job_answers_at_its_end(void **state)
{
    (void)state;
    commanding pair = commanding_begin(true);
    commanding_send(&pair, "o1", "run.1", NULL, "later reply");
    commanding_send(&pair, "o2", "run.1", NULL, "later ");
    commanding_send(&pair, "o3", "run.1", NULL, "later refuse");
    WAIT_UNTIL(commanding_answered(&pair, "o1", "run.1 done test.v1.Answered"));
    WAIT_UNTIL(commanding_answered(&pair, "o2", "run.1 done"));
    WAIT_UNTIL(commanding_answered(&pair, "o3", "run.1 refused: sold out: o3"));
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1");
    assert_string_equal(commanding_effects(&pair, "o3"), "");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 done");
    assert_string_equal(commanding_fence(&pair, "o3"), "run.1 refused");
    /* The outside knows it by the operation, whatever job it is. */
    assert_int_equal(commanding_calls("o1/hold/run.1"), 2);
    assert_int_equal(database_integer(pair.stock_database,
                                      "SELECT count(*) FROM skald.job WHERE state <> 'done'"),
                     0);
    /* Again: from the row, not from the job. */
    commanding_send(&pair, "o1", "run.1", NULL, "later reply");
    WAIT_UNTIL(commanding_answered(&pair, "o1",
                                   "run.1 done test.v1.Answered, run.1 done test.v1.Answered"));
    commanding_end(&pair);
}

static void test_without_nats_the_job_answers_too(void **state)
{
    (void)state;
    commanding pair = commanding_begin(false);
    commanding_send(&pair, "o1", "run.1", NULL, "later reply");
    commanding_send(&pair, "o1", "undo.1", "run.1", "later ");
    WAIT_UNTIL(commanding_answered(&pair, "o1", "run.1 done test.v1.Answered, undo.1 done"));
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1 undo.1");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 undone, undo.1 done");
    commanding_end(&pair);
}

static void test_while_the_job_works_a_duplicate_is_silent_and_an_undo_waits(void **state)
{
    (void)state;
    commanding pair = commanding_begin(true);
    commanding_send(&pair, "o1", "run.1", NULL, "later gate");
    WAIT_UNTIL(commanding_calls("o1/hold/run.1") == 2);
    commanding_send(&pair, "o1", "run.1", NULL, "later gate");
    commanding_send(&pair, "o1", "undo.1", "run.1", "");
    commanding_send(&pair, "other", "run.1", NULL, "");
    WAIT_UNTIL(database_integer(pair.stock_database,
                                "SELECT count(*) FROM skald.job WHERE state = 'parked'"
                                " AND not_yets > 0") == 1);
    WAIT_UNTIL(commanding_answered(&pair, "other", "run.1 done"));
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 later");
    assert_string_equal(commanding_answers(&pair, "o1"), "");
    database_run(pair.stock_database, "INSERT INTO gate VALUES (true)");
    WAIT_UNTIL(commanding_answered(&pair, "o1", "run.1 done, undo.1 done"));
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1 undo.1");
    commanding_end(&pair);
}

/* What a job that was given up has done outside nobody knows: its undo runs. */
static void test_a_job_that_is_given_up_answers_failed_and_its_undo_runs(void **state)
{
    (void)state;
    commanding pair = commanding_begin(true);
    database_run(pair.stock_database, "UPDATE skald.queue SET expire_ms = NULL");
    commanding_send(&pair, "o1", "run.1", NULL, "later gate");
    WAIT_UNTIL(commanding_calls("o1/hold/run.1") == 2);
    database_run(pair.stock_database,
                 "SELECT skald.job_cancel(message_id, 'somebody', 'no more') FROM skald.job"
                 " WHERE control IS NOT NULL");
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o1"), "run.1 failed: its job was cancelled") !=
               NULL);
    assert_contains(commanding_answers(&pair, "o1"), "no more");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 failed");
    commanding_send(&pair, "o1", "undo.1", "run.1", "");
    WAIT_UNTIL(strcmp(commanding_effects(&pair, "o1"), "undo.1") == 0);
    WAIT_UNTIL(strcmp(commanding_fence(&pair, "o1"), "run.1 undone, undo.1 done") == 0);
    commanding_end(&pair);
}

static void test_after_a_failed_job_the_next_attempt_runs(void **state)
{
    (void)state;
    commanding pair = commanding_begin(true);
    /* Nobody replays what is dead; a job that died is the same as one a person discards. */
    database_run(
        pair.stock_database,
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.attempts"
        " > 0 AND NEW.state = ''waiting'' THEN NEW.state := ''dead''; NEW.due_at :="
        " ''infinity''; END IF; RETURN NEW; END';"
        "CREATE TRIGGER die BEFORE UPDATE ON skald.job FOR EACH ROW EXECUTE FUNCTION die()");
    commanding_send(&pair, "o1", "run.1", NULL, "later fail");
    WAIT_UNTIL(commanding_answered(&pair, "o1", "run.1 failed: the shelf is stuck"));
    database_run(pair.stock_database, "DROP TRIGGER die ON skald.job");
    commanding_send(&pair, "o1", "run.1", NULL, "later ");
    WAIT_UNTIL(commanding_answered(&pair, "o1", "run.1 failed: the shelf is stuck, run.1 done"));
    assert_string_equal(commanding_effects(&pair, "o1"), "run.1");
    assert_string_equal(commanding_fence(&pair, "o1"), "run.1 done");
    commanding_end(&pair);
}

static void test_mistakes_with_jobs_that_answer_are_failures(void **state)
{
    (void)state;
    commanding pair = commanding_begin(false);
    commanding_send(&pair, "o1", "run.1", NULL, "later-unique");
    commanding_send(&pair, "o2", "run.1", NULL, "later-nothing");
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o1"), "may not be unique") != NULL);
    WAIT_UNTIL(strstr(commanding_answers(&pair, "o2"), "comes after the skald_enqueue") != NULL);
    assert_int_equal(database_integer(pair.stock_database, "SELECT count(*) FROM skald.job"), 0);
    commanding_end(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_job_answers_at_its_end),
        cmocka_unit_test(test_without_nats_the_job_answers_too),
        cmocka_unit_test(test_while_the_job_works_a_duplicate_is_silent_and_an_undo_waits),
        cmocka_unit_test(test_a_job_that_is_given_up_answers_failed_and_its_undo_runs),
        cmocka_unit_test(test_after_a_failed_job_the_next_attempt_runs),
        cmocka_unit_test(test_mistakes_with_jobs_that_answer_are_failures),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
