/* What a handler answers, and what becomes of its message, of its effects and of its key. */
#include "support/database.h"
#include "support/following.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

static const skald_policy slow = {.retry = "1h..2h for 72h", .not_yet = "1h"};

/* The note of a message names the answer it gets. */
static skald_status answer_by_note(skald_context *context, const Test__V1__Counted *event)
{
    const char *note = event->note;
    if (strcmp(note, "fail") == 0)
        return skald_fail(context, "the bank is closed");
    if (strcmp(note, "fail-as") == 0)
        return skald_fail_as(context, "card-declined", "card %d was declined", 42);
    if (strcmp(note, "bad-class") == 0)
        return skald_fail_as(context, "card declined!", "odd");
    if (strcmp(note, "no-class") == 0)
        return skald_fail_as(context, NULL, "odd");
    if (strcmp(note, "retry-after") == 0)
        return skald_retry_after(context, 3 * 3600 * 1000, "busy");
    if (strcmp(note, "not-yet") == 0)
        return skald_not_yet(context, "no customer %s yet", "c1");
    if (strcmp(note, "dead") == 0)
        return skald_dead(context, "there is no currency \"%s\"", "XXX");
    if (strcmp(note, "skip") == 0)
        return skald_skip(context, "already paid");
    if (strcmp(note, "plain-dead") == 0)
        return SKALD_DEAD;
    if (strcmp(note, "plain-not-yet") == 0)
        return SKALD_NOT_YET;
    if (strcmp(note, "plain-skip") == 0)
        return SKALD_SKIPPED;
    if (strcmp(note, "unpassed") == 0) {
        (void)skald_dead(context, "nobody passes this on");
        return SKALD_OK;
    }
    if (strcmp(note, "statement") == 0)
        return skald_exec(context, "SELECT 1 / $1", 0);
    if (strcmp(note, "skip-after-error") == 0) {
        struct pg_result *rows = NULL;
        (void)skald_query(context, &rows, "SELECT 1 / $1", 0);
        return skald_skip(context, "need not be done");
    }
    if (strcmp(note, "class-of-statement") == 0) {
        struct pg_result *rows = NULL;
        (void)skald_query(context, &rows, "SELECT 1 / $1", 0);
        return skald_fail_as(context, "arithmetic", "it does not divide");
    }
    if (strcmp(note, "not-utf8") == 0)
        return skald_fail(context, "a stranger's byte: \xff");
    return SKALD_OK;
}

typedef struct given {
    const char *database;
    skald_service *service;
} given;

static given given_service(void)
{
    given shop = {.database = database_new()};
    shop.service = following_start(
        shop.database, &(following_options){.behaviour = answer_by_note, .policy = &slow});
    return shop;
}

/* A message of key "k" that gets this answer, between two that are well, and one of another key. */
static given given_answer(const char *note)
{
    const given shop = given_service();
    following_publish(shop.service, shop.database, "k", "");
    following_publish(shop.service, shop.database, "k", note);
    following_publish(shop.service, shop.database, "k", "");
    following_publish(shop.service, shop.database, "other", "");
    WAIT_UNTIL(strcmp(following_facts(shop.database, "other"), "1") == 0);
    return shop;
}

static const char *job_text(const given *shop, const char *column)
{
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT %s FROM skald.job WHERE state <> 'parked' OR attempts > 0 OR not_yets > 0",
             column);
    return database_text(shop->database, sql);
}

static const char *attempt_text(const given *shop, const char *column)
{
    char sql[256];
    snprintf(sql, sizeof sql, "SELECT %s FROM skald.attempt ORDER BY number DESC LIMIT 1", column);
    return database_text(shop->database, sql);
}

static void expect_parked(const given *shop, const char *jobs)
{
    WAIT_UNTIL(strcmp(following_jobs(shop->database, "k"), jobs) == 0);
    assert_string_equal(following_facts(shop->database, "k"), "1");
    assert_int_equal(following_log_count("MESSAGE-PARKED"), 1);
    assert_int_equal(following_log_count("MESSAGE-DEAD"), 0);
}

static void expect_dead(const given *shop, const char *jobs)
{
    WAIT_UNTIL(strcmp(following_jobs(shop->database, "k"), jobs) == 0);
    assert_string_equal(following_facts(shop->database, "k"), "1");
    assert_string_equal(job_text(shop, "holds AND ended_at IS NOT NULL AND due_at = 'infinity'"),
                        "t");
    assert_int_equal(following_log_count("MESSAGE-DEAD"), 1);
    skald_counters counters;
    skald_service_counters(shop->service, &counters);
    assert_int_equal(counters.dead, 1);
}

static void test_fail_parks_the_message_with_its_reason(void **state)
{
    (void)state;
    const given shop = given_answer("fail");
    expect_parked(&shop, "parked/1/ parked/0/");
    assert_string_equal(job_text(&shop, "reason"), "the bank is closed");
    assert_string_equal(attempt_text(&shop, "outcome"), "failed");
    assert_string_equal(attempt_text(&shop, "error"), "the bank is closed");
    following_end(shop.service);
}

static void test_fail_as_keeps_the_class(void **state)
{
    (void)state;
    const given shop = given_answer("fail-as");
    expect_parked(&shop, "parked/1/card-declined parked/0/");
    assert_string_equal(job_text(&shop, "reason"), "card 42 was declined");
    assert_string_equal(attempt_text(&shop, "error_class"), "card-declined");
    following_end(shop.service);
}

static void test_a_class_that_is_no_word_becomes_one(void **state)
{
    (void)state;
    given shop = given_answer("bad-class");
    expect_parked(&shop, "parked/1/card_declined_ parked/0/");
    following_end(shop.service);
    shop = given_answer("no-class");
    expect_parked(&shop, "parked/1/ parked/0/");
    following_end(shop.service);
}

static void test_retry_after_is_not_tried_sooner(void **state)
{
    (void)state;
    const given shop = given_answer("retry-after");
    expect_parked(&shop, "parked/1/ parked/0/");
    assert_string_equal(job_text(&shop, "due_at - tried_at >= interval '3 h'"
                                        " AND due_at - tried_at < interval '4 h'"),
                        "t");
    following_end(shop.service);
}

static void test_not_yet_is_no_failure(void **state)
{
    (void)state;
    const given shop = given_answer("not-yet");
    expect_parked(&shop, "parked/0/ parked/0/");
    assert_string_equal(job_text(&shop, "not_yets"), "1");
    assert_string_equal(job_text(&shop, "first_failed_at IS NULL"), "t");
    assert_string_equal(job_text(&shop, "reason"), "no customer c1 yet");
    assert_string_equal(attempt_text(&shop, "outcome"), "not yet");
    following_end(shop.service);
}

static void test_dead_is_kept_for_a_person_at_once_and_holds_its_key(void **state)
{
    (void)state;
    const given shop = given_answer("dead");
    expect_dead(&shop, "dead/1/ parked/0/");
    assert_string_equal(job_text(&shop, "reason"), "there is no currency \"XXX\"");
    assert_string_equal(attempt_text(&shop, "outcome"), "dead");
    assert_int_equal(strlen(job_text(&shop, "fingerprint")), 16);
    following_end(shop.service);
}

static void test_skip_keeps_its_effects_and_the_reason(void **state)
{
    (void)state;
    const given shop = given_answer("skip");
    WAIT_UNTIL(strcmp(following_facts(shop.database, "k"), "1 2 3") == 0);
    assert_string_equal(following_jobs(shop.database, "k"), "skipped/0/");
    assert_string_equal(job_text(&shop, "reason"), "already paid");
    assert_string_equal(job_text(&shop, "ended_at IS NOT NULL"), "t");
    assert_string_equal(attempt_text(&shop, "outcome"), "skipped");
    skald_counters counters;
    skald_service_counters(shop.service, &counters);
    assert_int_equal(counters.skipped, 1);
    assert_int_equal(counters.handled, 3);
    assert_int_equal(counters.failed, 0);
    /* It can still be replayed, and then it is a job that is skipped. */
    assert_string_equal(
        database_text(shop.database, "SELECT skald.job_replay(id, 'me') FROM skald.job"), "ok");
    WAIT_UNTIL(strcmp(following_facts(shop.database, "k"), "1 2 3 2") == 0);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "skipped/0/") == 0);
    following_publish(shop.service, shop.database, "k", "");
    WAIT_UNTIL(strcmp(following_facts(shop.database, "k"), "1 2 3 2 4") == 0);
    following_end(shop.service);
}

static void test_a_plain_status_is_an_answer_too(void **state)
{
    (void)state;
    given shop = given_answer("plain-dead");
    expect_dead(&shop, "dead/1/ parked/0/");
    assert_contains(job_text(&shop, "reason"), "SKALD_DEAD");
    following_end(shop.service);

    shop = given_answer("plain-not-yet");
    expect_parked(&shop, "parked/0/ parked/0/");
    following_end(shop.service);

    shop = given_answer("plain-skip");
    WAIT_UNTIL(strcmp(following_facts(shop.database, "k"), "1 2 3") == 0);
    assert_string_equal(following_jobs(shop.database, "k"), "skipped/0/");
    following_end(shop.service);
}

static void test_an_answer_counts_also_when_it_is_not_passed_on(void **state)
{
    (void)state;
    const given shop = given_answer("unpassed");
    expect_dead(&shop, "dead/1/ parked/0/");
    assert_string_equal(job_text(&shop, "reason"), "nobody passes this on");
    following_end(shop.service);
}

static void test_a_statement_that_fails_keeps_its_sqlstate(void **state)
{
    (void)state;
    const given shop = given_answer("statement");
    expect_parked(&shop, "parked/1/ parked/0/");
    assert_string_equal(job_text(&shop, "sqlstate"), "22012");
    assert_string_equal(attempt_text(&shop, "sqlstate"), "22012");
    following_end(shop.service);
}

static void test_nothing_can_be_skipped_after_a_statement_failed(void **state)
{
    (void)state;
    const given shop = given_answer("skip-after-error");
    expect_parked(&shop, "parked/1/ parked/0/");
    assert_contains(job_text(&shop, "reason"), "division by zero");
    following_end(shop.service);
}

static void test_an_answer_explains_a_statement_that_failed(void **state)
{
    (void)state;
    const given shop = given_answer("class-of-statement");
    expect_parked(&shop, "parked/1/arithmetic parked/0/");
    assert_string_equal(job_text(&shop, "reason"), "it does not divide");
    assert_string_equal(job_text(&shop, "sqlstate"), "22012");
    following_end(shop.service);
}

static void test_a_reason_may_hold_any_bytes(void **state)
{
    (void)state;
    const given shop = given_answer("not-utf8");
    expect_parked(&shop, "parked/1/ parked/0/");
    assert_string_equal(job_text(&shop, "reason"), "a stranger's byte: ?");
    following_end(shop.service);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_parks_the_message_with_its_reason),
        cmocka_unit_test(test_fail_as_keeps_the_class),
        cmocka_unit_test(test_a_class_that_is_no_word_becomes_one),
        cmocka_unit_test(test_retry_after_is_not_tried_sooner),
        cmocka_unit_test(test_not_yet_is_no_failure),
        cmocka_unit_test(test_dead_is_kept_for_a_person_at_once_and_holds_its_key),
        cmocka_unit_test(test_skip_keeps_its_effects_and_the_reason),
        cmocka_unit_test(test_a_plain_status_is_an_answer_too),
        cmocka_unit_test(test_an_answer_counts_also_when_it_is_not_passed_on),
        cmocka_unit_test(test_a_statement_that_fails_keeps_its_sqlstate),
        cmocka_unit_test(test_nothing_can_be_skipped_after_a_statement_failed),
        cmocka_unit_test(test_an_answer_explains_a_statement_that_failed),
        cmocka_unit_test(test_a_reason_may_hold_any_bytes),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
