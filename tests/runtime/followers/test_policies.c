/* Policies are carried out: how often, when, until when, and what is kept of every attempt. */
#include "support/database.h"
#include "support/following.h"
#include "support/servers.h"
#include "support/test.h"
#include "support/wait.h"

#include <stdatomic.h>
#include <unistd.h>

static atomic_int calls; /* of the handler, with key "k" */
static atomic_int succeed_at;

static skald_status fail_until(skald_context *context, const Test__V1__Counted *event)
{
    if (strcmp(event->key, "k") != 0)
        return SKALD_OK;
    const int call = atomic_fetch_add(&calls, 1) + 1;
    if (call == atomic_load(&succeed_at))
        return SKALD_OK;
    return event->note[0] != '\0' ? skald_fail_as(context, event->note, "call %d failed", call)
                                  : skald_fail(context, "call %d failed", call);
}

typedef struct given {
    const char *database;
    skald_service *service;
} given;

/* One message of key "k" fails `failures` times, and one of another key is handled behind it. */
static given given_failures(const skald_policy *policy, const char *error_class, int failures)
{
    given shop = {.database = database_new()};
    atomic_store(&calls, 0);
    atomic_store(&succeed_at, failures + 1);
    following_clock_ahead(shop.database, "0");
    shop.service = following_start(shop.database,
                                   &(following_options){.behaviour = fail_until, .policy = policy});
    following_publish(shop.service, shop.database, "k", error_class);
    following_publish(shop.service, shop.database, "other", "");
    WAIT_UNTIL(strcmp(following_facts(shop.database, "other"), "1") == 0);
    return shop;
}

static const char *job_text(const given *shop, const char *column)
{
    char sql[512];
    snprintf(sql, sizeof sql, "SELECT %s FROM skald.job", column);
    return database_text(shop->database, sql);
}

static int64_t attempts_where(const given *shop, const char *condition)
{
    return following_count(shop->database, "SELECT count(*) FROM skald.attempt WHERE %s",
                           condition);
}

static void test_attempts_at_once_make_no_row_when_one_succeeds(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "3 at once, 1h for 72h"};
    const given shop = given_failures(&policy, "", 3);
    WAIT_UNTIL(strcmp(following_facts(shop.database, "k"), "1") == 0);
    assert_int_equal(atomic_load(&calls), 4);
    assert_int_equal(database_integer(shop.database, "SELECT count(*) FROM skald.job"), 0);
    skald_counters counters;
    skald_service_counters(shop.service, &counters);
    assert_int_equal(counters.failed, 3);
    following_end(shop.service);
}

static void test_attempts_at_once_are_kept_when_it_becomes_a_job(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "3 at once, 1h for 72h"};
    const given shop = given_failures(&policy, "card-declined", 1000);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "parked/4/card-declined") == 0);
    assert_int_equal(atomic_load(&calls), 4);
    /* Each with its text, when it was, how long it took, and where it ran. */
    assert_string_equal(database_text(shop.database,
                                      "SELECT string_agg(number || ' ' || error, ', ' ORDER BY"
                                      " number) FROM skald.attempt"),
                        "1 call 1 failed, 2 call 2 failed, 3 call 3 failed, 4 call 4 failed");
    assert_int_equal(attempts_where(&shop, "outcome = 'failed' AND error_class = 'card-declined'"),
                     4);
    assert_int_equal(attempts_where(&shop, "started_at <= ended_at AND ended_at <= skald.now() AND"
                                           " started_at > skald.now() - interval '1 min'"),
                     4);
    char process[128];
    snprintf(process, sizeof process,
             "host <> '' AND pid = %d AND process IN (SELECT id FROM"
             " skald.process)",
             (int)getpid());
    assert_int_equal(attempts_where(&shop, process), 4);
    following_end(shop.service);
}

static void test_more_attempts_at_once_than_fit_go_on_as_a_job(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "99 at once, 1h"};
    const given shop = given_failures(&policy, "", 1000);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "parked/100/") == 0);
    assert_int_equal(atomic_load(&calls), 100);
    assert_int_equal(attempts_where(&shop, "number BETWEEN 1 AND 100"), 100);
    following_end(shop.service);
}

static void test_never_is_one_attempt(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "never"};
    const given shop = given_failures(&policy, "", 1000);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "dead/1/") == 0);
    assert_int_equal(atomic_load(&calls), 1);
    assert_contains(job_text(&shop, "reason"), "call 1 failed (given up: ");
    following_end(shop.service);
}

static void test_attempts_are_bounded(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "1 at once, 1ms..2ms 5 times"};
    const given shop = given_failures(&policy, "", 1000);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "dead/5/") == 0);
    assert_int_equal(atomic_load(&calls), 5);
    assert_int_equal(attempts_where(&shop, "number BETWEEN 1 AND 5"), 5);
    assert_int_equal(following_log_count("MESSAGE-PARKED"), 1);
    assert_int_equal(following_log_count("MESSAGE-DEAD"), 1);
    following_end(shop.service);
}

static void test_rules_tell_classes_and_sqlstates_apart(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {
        {.errors = "card-declined stolen", .retry = "never", .dead = SKALD_DEAD_GOES_ON},
        {.errors = "22", .retry = "1ms 3 times"},
    };
    const skald_policy policy = {.retry = "1h", .rules = rules, .rule_count = 2};
    given shop = given_failures(&policy, "stolen", 1000);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "dead/1/stolen") == 0);
    assert_string_equal(job_text(&shop, "holds"), "f");
    following_end(shop.service);

    shop = given_failures(&policy, "other", 1000);
    WAIT_UNTIL(strcmp(following_jobs(shop.database, "k"), "parked/1/other") == 0);
    following_end(shop.service);
}

static skald_status divide_by_zero(skald_context *context, const Test__V1__Counted *event)
{
    (void)event;
    return skald_exec(context, "SELECT 1 / $1", 0);
}

static void test_a_rule_for_a_class_of_sqlstates_fits_a_deferred_statement(void **state)
{
    (void)state;
    static const skald_retry_rule rules[] = {{.errors = "22", .retry = "1ms 3 times"}};
    const skald_policy policy = {.retry = "1h", .rules = rules, .rule_count = 1};
    const char *database = database_new();
    skald_service *service = following_start(
        database, &(following_options){.behaviour = divide_by_zero, .policy = &policy});
    following_publish(service, database, "k", "");
    WAIT_UNTIL(strcmp(following_jobs(database, "k"), "dead/3/") == 0);
    following_end(service);
}

/* Puts the database's clock to the moment at which the parked message is due. */
static void clock_to_due(const given *shop)
{
    char ahead[64];
    snprintf(ahead, sizeof ahead, "%s",
             database_text(shop->database, "SELECT due_at - clock_timestamp() FROM skald.job"));
    following_clock_ahead(shop->database, ahead);
}

static void test_a_schedule_of_72_hours_is_driven_to_its_end(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "4h..24h for 72h"};
    const given shop = given_failures(&policy, "", 1000);
    int64_t attempts = 0;
    while (strncmp(following_jobs(shop.database, "k"), "dead", 4) != 0) {
        /* A wait drawn from near 0 is over before we look: then two are met at once. */
        WAIT_UNTIL(database_integer(shop.database, "SELECT attempts FROM skald.job") > attempts);
        attempts = database_integer(shop.database, "SELECT attempts FROM skald.job");
        /* Never later than its ceiling, and never past the bound in time. */
        assert_string_equal(
            job_text(&shop, "state = 'dead' OR (due_at - tried_at <= interval '24 h 1 s' AND due_at"
                            " - first_failed_at <= interval '72 h 1 s')"),
            "t");
        if (strcmp(job_text(&shop, "state"), "parked") == 0)
            clock_to_due(&shop);
        assert_in_range(attempts, 1, 200);
    }
    attempts = database_integer(shop.database, "SELECT attempts FROM skald.job");
    print_message("72 hours were %lld attempts\n", (long long)attempts);
    assert_in_range(attempts, 4, 200);
    /* An attempt whose lease was lost on a busy machine is made anew, and is none. */
    assert_in_range(atomic_load(&calls), attempts, INT32_MAX);
    assert_int_equal(attempts_where(&shop, "true"), attempts);
    assert_string_equal(job_text(&shop, "ended_at - first_failed_at BETWEEN interval '72 h' AND"
                                        " interval '72 h 1 min'"),
                        "t");
    assert_contains(job_text(&shop, "reason"), "72 h");
    following_end(shop.service);
}

static skald_status answer_not_yet(skald_context *context, const Test__V1__Counted *event)
{
    return skald_not_yet(context, "number %d waits", (int)event->number);
}

static void test_not_yet_has_bounds_of_its_own(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "never", .not_yet = "1ms..2ms 4 times"};
    const char *database = database_new();
    skald_service *service = following_start(
        database, &(following_options){.behaviour = answer_not_yet, .policy = &policy});
    following_publish(service, database, "k", "");
    WAIT_UNTIL(strcmp(following_jobs(database, "k"), "dead/0/") == 0);
    assert_int_equal(
        database_integer(database, "SELECT count(*) FROM skald.attempt WHERE outcome = 'not yet'"),
        4);
    following_end(service);
}

static skald_status handle_nothing(skald_context *context, const ProtobufCMessage *message)
{
    (void)context;
    (void)message;
    return SKALD_OK;
}

static const skald_handler nothing[1] = {
    {"nothing", &test__v1__counted__descriptor, handle_nothing}};

static void expect_refused(const skald_options *options, const skald_follow_options *follow,
                           const char *field)
{
    skald_service *service = skald_service_open("shop", options);
    (void)skald_follow_with(service, "shop", nothing, follow);
    skald_error error = {0};
    assert_status(skald_service_start(service, &error), SKALD_INVALID, &error);
    assert_contains(error.text, field);
    skald_service_free(service);
}

static void test_a_wrong_policy_is_refused_with_the_name_of_the_field(void **state)
{
    (void)state;
    const skald_policy wrong = {.retry = "now and then"};
    const skald_policy wrong_not_yet = {.not_yet = "soon"};
    skald_options options = SKALD_OPTIONS_INIT;
    options.policy = &wrong;
    expect_refused(&options, NULL, "skald_options.policy.retry");
    options.policy = NULL;
    options.handler_ms = UINT32_MAX;
    expect_refused(&options, NULL, "skald_options.handler_ms");
    options.handler_ms = 0;
    skald_follow_options follow = SKALD_FOLLOW_OPTIONS_INIT;
    follow.policy = &wrong_not_yet;
    expect_refused(&options, &follow, "skald_follow_options.policy.not_yet");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attempts_at_once_make_no_row_when_one_succeeds),
        cmocka_unit_test(test_attempts_at_once_are_kept_when_it_becomes_a_job),
        cmocka_unit_test(test_more_attempts_at_once_than_fit_go_on_as_a_job),
        cmocka_unit_test(test_never_is_one_attempt),
        cmocka_unit_test(test_attempts_are_bounded),
        cmocka_unit_test(test_rules_tell_classes_and_sqlstates_apart),
        cmocka_unit_test(test_a_rule_for_a_class_of_sqlstates_fits_a_deferred_statement),
        cmocka_unit_test(test_a_schedule_of_72_hours_is_driven_to_its_end),
        cmocka_unit_test(test_not_yet_has_bounds_of_its_own),
        cmocka_unit_test(test_a_wrong_policy_is_refused_with_the_name_of_the_field),
    };
    return cmocka_run_group_tests(tests, servers_setup, servers_teardown);
}
