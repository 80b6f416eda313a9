/* Changing single jobs, queues and schedules, on rows made by hand. */
#include "jobs.h"

/* --- changing single jobs ------------------------------------------------------------------ */

static void test_changes_are_made_and_leave_who_and_why(void **state)
{
    (void)state;
    const char *database = given_jobs();
    says(database, 0, "job replay 1 --reason it_is_mended", "job 1: ok\n");
    says(database, 0, "job discard 0192f3c1-0000-7000-8000-000000000002 --reason test --actor bob",
         "job 2: ok\n");
    says(database, 0, "job cancel 5 --reason twice", "job 5: ok\n");
    assert_string_equal(
        database_text(database, "SELECT string_agg(state, ' ' ORDER BY id) FROM skald.job"),
        "parked discarded dead parked cancelled running");
    json_t *audit = skald_json_of(database, 0, "audit list");
    assert_int_equal(json_array_size(audit), 3);
    json_text_is(audit, "0.object", "job 5");
    json_text_is(audit, "1.actor", "bob");
    json_text_is(audit, "2.actor", "ann");
    json_text_is(audit, "2.reason", "it is mended");
    json_decref(audit);
    says(database, 0, "audit list --object job_2", "discard");
}

static void test_a_change_needs_a_reason(void **state)
{
    (void)state;
    const char *database = given_jobs();
    says(database, 64, "job replay 1", "say why: --reason TEXT");
    says(database, 64, "job replay 1 --reason _", "say why: --reason TEXT");
    says(database, 64, "queue pause emails", "say why: --reason TEXT");
    says(database, 64, "job replay --reason x", "say which jobs");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit"), 0);
}

static void test_refusals_have_exit_codes(void **state)
{
    (void)state;
    const char *database = given_jobs();
    says(database, 77, "job replay 4 --reason x", "job 4 is parked");
    says(database, 1, "job replay 99 --reason x", "there is no job \"99\"");
    says(database, 1, "job cancel 1 --reason x", "there is no job \"");
    json_t *partly = skald_json_of(database, 2, "job replay 1 4 --reason x");
    json_text_is(partly, "0.result", "ok");
    assert_contains(json_string_value(json_at(partly, "1.result")), "job 4 is parked");
    json_decref(partly);
}

/* --- queues, schedules --------------------------------------------------------------------- */

static void test_limits_of_a_queue_are_changed_while_it_runs(void **state)
{
    (void)state;
    const char *database = given_jobs();
    says(database, 0, "queue set emails --rate 2.5 --burst 3 --concurrency none --reason slower",
         "queue emails: concurrency=none rate=2.5 burst=3\n");
    json_t *queue = skald_json_of(database, 0, "queue show emails");
    assert_true(json_is_null(json_at(queue, "concurrency")));
    assert_true(json_real_value(json_at(queue, "rate")) == 2.5);
    json_number_is(queue, "burst", 3);
    json_number_is(queue, "waiting", 1);
    json_text_is(queue, "jobs.0.id", "6");
    json_text_is(queue, "jobs.1.id", "5");
    json_decref(queue);
    says(database, 0, "audit list --object queue_emails", "concurrency=none rate=2.5 burst=3");
    says(database, 64, "queue set emails --rate 0 --reason x",
         "--rate is a number above 0, or none");
    says(database, 64, "queue set emails --burst none --reason x", "--burst is a whole number");
    says(database, 64, "queue set emails --reason x", "say which limits");
    says(database, 1, "queue set @publish --rate 1 --reason x", "there is no queue \"@publish\"");
}

static void test_queues_are_paused_and_resumed(void **state)
{
    (void)state;
    const char *database = given_jobs();
    says(database, 0, "queue pause emails --reason outage", "queue emails: ok\n");
    json_t *queues = skald_json_of(database, 0, "queue list");
    json_text_is(queues, "0.state", "paused");
    json_decref(queues);
    says(database, 0, "queue resume emails --reason over", "queue emails: ok\n");
    assert_string_equal(database_text(database, "SELECT paused FROM skald.queue WHERE name ="
                                                " 'emails'"),
                        "f");
    says(database, 1, "queue pause letters --reason x", "there is no queue \"letters\"");
    says(database, 1, "queue show letters", "there is no queue \"letters\"");
}

static void test_schedules_are_listed_paused_resumed_and_deleted(void **state)
{
    (void)state;
    const char *database = given_jobs();
    database_run(database,
                 "INSERT INTO skald.schedule (name, cron, type, key, partition, body, next_at,"
                 " declared) VALUES ('nightly', '0 3 * * *', 'shop.v1.Report', 'r', 1, '',"
                 " skald.now() + interval '1 h', '')");
    says(database, 0, "schedule list", "nightly  on     0 3 * * *");
    says(database, 0, "schedule pause nightly --reason wrong", "schedule nightly: ok\n");
    says(database, 0, "schedule list", "nightly  paused");
    says(database, 0, "schedule resume nightly --reason right", "ok");
    json_t *answer = skald_json_of(database, 0, "schedule delete nightly --reason over");
    json_text_is(answer, "schedule", "nightly");
    json_decref(answer);
    says(database, 1, "schedule delete nightly --reason over", "there is no schedule \"nightly\"");
    assert_int_equal(database_integer(database, "SELECT count(*) FROM skald.audit"), 3);
}

static void test_suspects_are_listed(void **state)
{
    (void)state;
    const char *database = given_jobs();
    database_run(database, "INSERT INTO skald.suspect (follower, partition, position, crashes,"
                           " signal) VALUES ('payments', 2, 999, 1, 'SIGSEGV')");
    json_t *suspects = skald_json_of(database, 0, "suspect list");
    json_text_is(suspects, "0.position", "999");
    json_number_is(suspects, "0.crashes", 1);
    json_decref(suspects);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_are_made_and_leave_who_and_why),
        cmocka_unit_test(test_a_change_needs_a_reason),
        cmocka_unit_test(test_refusals_have_exit_codes),
        cmocka_unit_test(test_limits_of_a_queue_are_changed_while_it_runs),
        cmocka_unit_test(test_queues_are_paused_and_resumed),
        cmocka_unit_test(test_schedules_are_listed_paused_resumed_and_deleted),
        cmocka_unit_test(test_suspects_are_listed),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
