/* What a policy makes of a failure. */
#include "support/random.h"
#include "support/test.h"

#include "policy.h"

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* The compiler sees that both headers mean the same. */
#include <skald/context.h>
_Static_assert(SKALD_POLICY_CLASS_SIZE_MAX == SKALD_ERROR_CLASS_SIZE_MAX, "one size of a class");

static skald_policy_plan compiled(const skald_policy *policy)
{
    skald_policy_plan plan;
    skald_error error;
    assert_ok(skald_policy_compile(&plan, policy, &error), &error);
    return plan;
}

static skald_verdict decided(const skald_policy *policy, skald_failure failure)
{
    const skald_policy_plan plan = compiled(policy);
    return skald_policy_decide(&plan, &failure, UINT64_MAX / 3);
}

static void dead_expect(const skald_policy *policy, skald_failure failure, const char *why,
                        bool holds)
{
    const skald_verdict verdict = decided(policy, failure);
    assert_true(verdict.dead);
    assert_string_equal(verdict.why, why);
    assert_int_equal(verdict.holds, holds);
    assert_false(verdict.at_once);
    assert_int_equal(verdict.delay_ms, 0);
}

static void alive_expect(const skald_policy *policy, skald_failure failure, bool at_once)
{
    const skald_verdict verdict = decided(policy, failure);
    assert_false(verdict.dead);
    assert_int_equal(verdict.at_once, at_once);
    assert_string_equal(verdict.why, "");
    assert_false(verdict.holds);
}

/* ---- compiling ---- */

static void test_no_policy_is_all_defaults(void **state)
{
    (void)state;
    const skald_policy nothing = {0};
    const skald_policy_plan plans[] = {compiled(NULL), compiled(&nothing)};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(plans[i].retry.delay_ms_min, 50);
        assert_int_equal(plans[i].retry.delay_ms_max, 10 * MINUTE);
        assert_int_equal(plans[i].retry.for_ms, 72 * HOUR);
        assert_int_equal(plans[i].not_yet.delay_ms_min, 20);
        assert_int_equal(plans[i].not_yet.delay_ms_max, 5 * SECOND);
        assert_int_equal(plans[i].not_yet.for_ms, HOUR);
        assert_int_equal(plans[i].crashes_max, 3);
        assert_int_equal(plans[i].dead, SKALD_DEAD_HOLDS);
        assert_int_equal(plans[i].rule_count, 0);
    }
}

static void invalid_expect(const skald_policy *policy, skald_status status, const char *part)
{
    skald_policy_plan plan = {.crashes_max = 77};
    skald_error error;
    assert_status(skald_policy_compile(&plan, policy, &error), status, &error);
    assert_contains(error.text, part);
    assert_int_equal(plan.crashes_max, 77);
    assert_int_equal(skald_policy_compile(&plan, policy, NULL), status);
}

static void test_field_that_is_wrong_is_named(void **state)
{
    (void)state;
    const skald_retry_rule fine = {.errors = "08 crashed"};
    const skald_retry_rule nameless[] = {fine, {.errors = NULL}};
    const skald_retry_rule blank[] = {{.errors = " \t"}};
    const skald_retry_rule commas[] = {{.errors = "23505, 08"}};
    const skald_retry_rule retry[] = {fine, fine, {.errors = "x", .retry = "1 hour"}};
    const skald_retry_rule dead[] = {{.errors = "x", .dead = (skald_when_dead)5}};
    const skald_retry_rule longest[] = {
        {.errors = "a123456789b123456789c123456789d123456789e123456789f123456789g12 "
                   "a123456789b123456789c123456789d123456789e123456789f123456789g123"}};
    skald_retry_rule many[SKALD_POLICY_RULES_MAX + 1];
    for (size_t i = 0; i <= SKALD_POLICY_RULES_MAX; i++)
        many[i] = fine;

    invalid_expect(&(skald_policy){.retry = "often"}, SKALD_INVALID,
                   "policy.retry: retry schedule \"often\": \"often\" at character 1");
    invalid_expect(&(skald_policy){.not_yet = "1x"}, SKALD_INVALID, "policy.not_yet: retry sched");
    invalid_expect(&(skald_policy){.dead = (skald_when_dead)2}, SKALD_INVALID,
                   "policy.dead: 2 is unknown; SKALD_DEAD_HOLDS");
    invalid_expect(&(skald_policy){.rule_count = 1}, SKALD_INVALID,
                   "policy.rules: it is NULL and policy.rule_count is 1");
    invalid_expect(&(skald_policy){.rules = nameless, .rule_count = 2}, SKALD_INVALID,
                   "policy.rules[1].errors: it names no errors; write words such as");
    invalid_expect(&(skald_policy){.rules = blank, .rule_count = 1}, SKALD_INVALID,
                   "policy.rules[0].errors: it names no errors");
    invalid_expect(&(skald_policy){.rules = commas, .rule_count = 1}, SKALD_INVALID,
                   "policy.rules[0].errors: \"23505,\" at character 1 is no class of errors");
    invalid_expect(&(skald_policy){.rules = longest, .rule_count = 1}, SKALD_INVALID,
                   "at character 65 is no class of errors");
    invalid_expect(&(skald_policy){.rules = retry, .rule_count = 3}, SKALD_INVALID,
                   "policy.rules[2].retry: retry schedule \"1 hour\"");
    invalid_expect(&(skald_policy){.rules = dead, .rule_count = 1}, SKALD_INVALID,
                   "policy.rules[0].dead: 5 is unknown");
    invalid_expect(&(skald_policy){.rules = many, .rule_count = SKALD_POLICY_RULES_MAX + 1},
                   SKALD_FULL, "policy.rules: there are 17; at most 16");
    many[15].retry = "1s";
    const skald_policy full = {.rules = many, .rule_count = SKALD_POLICY_RULES_MAX};
    assert_int_equal(compiled(&full).rule_count, SKALD_POLICY_RULES_MAX);
}

/* ---- bounds ---- */

static void test_attempts_are_bounded(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "1s..1h 20 times"};
    alive_expect(&policy, (skald_failure){.attempts = 19, .failing_ms = UINT64_MAX}, false);
    dead_expect(&policy, (skald_failure){.attempts = 20}, "20 attempts failed", true);
    dead_expect(&policy, (skald_failure){.attempts = 21}, "21 attempts failed", true);
}

static void test_time_since_the_first_failure_is_bounded(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"1s for 72h", "72 h of failures"},
                                           {"1s for 7d", "7 d of failures"},
                                           {"1s for 90m", "90 min of failures"},
                                           {"1s for 90s", "90 s of failures"},
                                           {"1s for 1500ms", "1500 ms of failures"}};
    for (int i = 0; i < 5; i++) {
        const skald_policy policy = {.retry = cases[i][0]};
        const uint64_t for_ms = compiled(&policy).retry.for_ms;
        alive_expect(&policy, (skald_failure){.attempts = 999, .failing_ms = for_ms - 1}, false);
        dead_expect(&policy, (skald_failure){.attempts = 1, .failing_ms = for_ms}, cases[i][1],
                    true);
    }
}

static void test_without_bounds_it_never_gives_up(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "1s..1h"};
    alive_expect(&policy, (skald_failure){.attempts = UINT32_MAX, .failing_ms = UINT64_MAX}, false);
}

static void test_never_is_never_and_says_which_error(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "never", .not_yet = "never"};
    dead_expect(&policy, (skald_failure){.attempts = 1, .sqlstate = "23505", .error_class = "x"},
                "the policy never tries it again (23505)", true);
    dead_expect(&policy, (skald_failure){.attempts = 1, .sqlstate = "", .error_class = "bad-card"},
                "the policy never tries it again (bad-card)", true);
    dead_expect(&policy, (skald_failure){.kind = SKALD_FAILURE_CRASHED, .attempts = 1},
                "the policy never tries it again (crashed)", true);
    dead_expect(&policy, (skald_failure){.kind = SKALD_FAILURE_NOT_YET, .attempts = 1},
                "the policy never tries it again (not-yet)", true);
    dead_expect(&policy, (skald_failure){.attempts = 1}, "the policy never tries it again (failed)",
                true);
}

static void test_policy_says_whether_the_key_holds(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "2 times", .dead = SKALD_DEAD_GOES_ON};
    dead_expect(&policy, (skald_failure){.attempts = 2}, "2 attempts failed", false);
    dead_expect(&policy, (skald_failure){.kind = SKALD_FAILURE_DEAD, .attempts = 1},
                "the handler says so", false);
    dead_expect(NULL, (skald_failure){.kind = SKALD_FAILURE_DEAD, .attempts = 1},
                "the handler says so", true);
}

static void test_message_that_crashes_its_process_is_dead_after_three_times(void **state)
{
    (void)state;
    skald_failure failure = {.kind = SKALD_FAILURE_CRASHED, .attempts = 2, .crashes = 2};
    alive_expect(NULL, failure, false);
    failure.crashes = 3;
    failure.attempts = 3;
    dead_expect(NULL, failure, "it crashed its process 3 times", true);
    failure.kind = SKALD_FAILURE_TIMED_OUT;
    dead_expect(NULL, failure, "it crashed its process 3 times, this time past its deadline", true);
    const skald_policy once = {.crashes_max = 1};
    failure = (skald_failure){.kind = SKALD_FAILURE_CRASHED, .attempts = 1, .crashes = 1};
    dead_expect(&once, failure, "it crashed its process 1 time", true);
    /* Crashes before, but this time it only failed. */
    alive_expect(NULL, (skald_failure){.attempts = 4, .crashes = 3}, false);
    /* The schedule bounds crashes too. */
    const skald_policy twice = {.retry = "2 times"};
    failure = (skald_failure){.kind = SKALD_FAILURE_CRASHED, .attempts = 2, .crashes = 2};
    dead_expect(&twice, failure, "2 attempts failed", true);
}

static void test_what_has_not_arrived_is_waited_for_by_a_schedule_of_its_own(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "never", .not_yet = "20ms..5s for 1h, 9 times"};
    skald_failure failure = {.kind = SKALD_FAILURE_NOT_YET, .attempts = 8, .failing_ms = HOUR - 1};
    alive_expect(&policy, failure, false);
    failure.attempts = 9;
    dead_expect(&policy, failure, "9 attempts came too early", true);
    failure.attempts = 1;
    failure.failing_ms = HOUR;
    dead_expect(&policy, failure, "1 h of waiting for what it depends on", true);
}

static void test_body_that_cannot_be_decoded_is_dead_and_its_key_goes_on(void **state)
{
    (void)state;
    const skald_failure failure = {.kind = SKALD_FAILURE_UNDECODABLE, .attempts = 1};
    const skald_retry_rule holds[] = {{.errors = "x undecodable"}};
    const skald_retry_rule tries[] = {{.errors = "undecodable", .retry = "2 at once, 1s 9 times"}};
    dead_expect(NULL, failure, "its body cannot be decoded", false);
    dead_expect(&(skald_policy){.rules = holds, .rule_count = 1}, failure,
                "its body cannot be decoded", true);
    alive_expect(&(skald_policy){.rules = tries, .rule_count = 1}, failure, true);
}

/* ---- rules ---- */

static void test_first_rule_that_fits_decides(void **state)
{
    (void)state;
    const skald_retry_rule rules[] = {
        {.errors = "card-declined 23505", .retry = "never", .dead = SKALD_DEAD_GOES_ON},
        {.errors = "23 \t timed-out", .retry = "2 times"},
        {.errors = "crashed", .retry = "4 times", .dead = SKALD_DEAD_GOES_ON},
        {.errors = "not-yet", .retry = "3 times"},
        {.errors = "08", .dead = SKALD_DEAD_GOES_ON},
        {.errors = "23503", .retry = "never"},
    };
    const skald_policy policy = {.rules = rules,
                                 .rule_count = 6,
                                 .retry = "5 times",
                                 .not_yet = "6 times",
                                 .crashes_max = 9};
    static const struct {
        skald_failure failure;
        uint32_t dead_at;
        bool holds;
    } cases[] = {
        {{.error_class = "card-declined"}, 1, false},
        {{.sqlstate = "23505"}, 1, false},
        {{.sqlstate = "23503"}, 2, true},
        {{.error_class = "23"}, 2, true},
        {{.sqlstate = "08006"}, 5, false},
        {{.error_class = "card-declined", .sqlstate = "08006"}, 1, false},
        {{.error_class = "card"}, 5, true},
        {{.error_class = "card-declined-again"}, 5, true},
        {{.error_class = "Card-Declined"}, 5, true},
        {{.error_class = "2350"}, 5, true},
        {{.sqlstate = "40001"}, 5, true},
        {{.error_class = "", .sqlstate = ""}, 5, true},
        {{.kind = SKALD_FAILURE_CRASHED}, 4, false},
        {{.kind = SKALD_FAILURE_TIMED_OUT}, 2, true},
        {{.kind = SKALD_FAILURE_NOT_YET}, 3, true},
        {{.kind = SKALD_FAILURE_NOT_YET, .sqlstate = "08006"}, 3, true},
        {{.kind = SKALD_FAILURE_RETRY_AFTER, .sqlstate = "23999"}, 2, true},
        {{.kind = SKALD_FAILURE_DEAD, .sqlstate = "08006"}, 1, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (uint32_t attempts = 1; attempts <= cases[i].dead_at; attempts++) {
            skald_failure failure = cases[i].failure;
            failure.attempts = attempts;
            const skald_verdict verdict = decided(&policy, failure);
            if (verdict.dead != (attempts == cases[i].dead_at) ||
                (verdict.dead && verdict.holds != cases[i].holds))
                fail_msg("case %zu, attempt %u: dead %d, holds %d", i, attempts, verdict.dead,
                         verdict.holds);
        }
    }
}

static void test_rule_without_a_schedule_keeps_that_of_its_kind(void **state)
{
    (void)state;
    const skald_retry_rule rules[] = {{.errors = "not-yet", .dead = SKALD_DEAD_GOES_ON}};
    const skald_policy policy = {
        .rules = rules, .rule_count = 1, .retry = "9 times", .not_yet = "2 times"};
    dead_expect(&policy, (skald_failure){.kind = SKALD_FAILURE_NOT_YET, .attempts = 2},
                "2 attempts came too early", false);
}

/* ---- waits ---- */

static skald_verdict drawn(const skald_policy_plan *plan, skald_failure failure, uint64_t random)
{
    const skald_verdict verdict = skald_policy_decide(plan, &failure, random);
    assert_false(verdict.dead);
    return verdict;
}

/* The longest and the mean of many draws. */
static void draws_expect(const skald_policy_plan *plan, skald_failure failure, uint64_t ceiling)
{
    enum { DRAWS = 20000 };
    test_random random = {ceiling * 31 + failure.attempts};
    uint64_t longest = 0;
    double sum = 0;
    for (int i = 0; i < DRAWS; i++) {
        const uint64_t delay = drawn(plan, failure, random_next(&random)).delay_ms;
        longest = delay > longest ? delay : longest;
        sum += (double)delay;
    }
    assert_true(longest <= ceiling);
    assert_true((double)longest >= (double)ceiling * 0.995 - 1);
    assert_true(sum / DRAWS >= (double)ceiling * 0.48 && sum / DRAWS <= (double)ceiling * 0.52);
}

static void test_waits_are_drawn_below_a_ceiling_that_doubles(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "2 at once, 1s..1h"};
    const skald_policy_plan plan = compiled(&policy);
    for (uint32_t attempts = 1; attempts <= 2; attempts++)
        assert_true(drawn(&plan, (skald_failure){.attempts = attempts}, UINT64_MAX).at_once);
    const uint64_t ceilings[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600, 3600};
    for (uint32_t i = 0; i < 14; i++)
        draws_expect(&plan, (skald_failure){.attempts = 3 + i}, ceilings[i] * SECOND);
    draws_expect(&plan, (skald_failure){.attempts = UINT32_MAX}, HOUR);
    const skald_policy longest = {.retry = "366d..366d"};
    const skald_policy_plan longest_plan = compiled(&longest);
    draws_expect(&longest_plan, (skald_failure){.attempts = 1}, SKALD_RETRY_MS_MAX);
    draws_expect(&longest_plan, (skald_failure){.attempts = UINT32_MAX}, SKALD_RETRY_MS_MAX);
}

static void test_every_wait_from_none_to_the_ceiling_is_drawn(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "3ms"};
    const skald_policy_plan plan = compiled(&policy);
    test_random random = random_begin();
    int counts[4] = {0};
    for (int i = 0; i < 10000; i++) {
        const uint64_t delay =
            drawn(&plan, (skald_failure){.attempts = 1}, random_next(&random)).delay_ms;
        assert_true(delay <= 3);
        counts[delay]++;
    }
    for (int i = 0; i < 4; i++)
        assert_in_range(counts[i], 2200, 2800);
}

static void test_crashes_late_ends_and_what_has_not_arrived_are_never_tried_at_once(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "9 at once, 1s..1h", .not_yet = "9 at once, 1s..1h"};
    const skald_policy_plan plan = compiled(&policy);
    const skald_failure_kind kinds[] = {SKALD_FAILURE_CRASHED, SKALD_FAILURE_TIMED_OUT,
                                        SKALD_FAILURE_NOT_YET};
    for (int i = 0; i < 3; i++) {
        const skald_failure failure = {.kind = kinds[i], .attempts = 2};
        assert_false(drawn(&plan, failure, 0).at_once);
        draws_expect(&plan, failure, SECOND);
    }
    const skald_failure told = {.kind = SKALD_FAILURE_RETRY_AFTER, .attempts = 1};
    assert_true(drawn(&plan, told, 0).at_once);
}

static void test_time_that_a_server_named_is_waited_for_and_a_little_more(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "5 at once, 1s..1h for 72h"};
    const skald_policy_plan plan = compiled(&policy);
    skald_failure failure = {.kind = SKALD_FAILURE_RETRY_AFTER, .attempts = 1};
    failure.retry_after_ms = MINUTE;
    test_random random = random_begin();
    uint64_t longest = 0;
    for (int i = 0; i < 10000; i++) {
        const skald_verdict verdict = drawn(&plan, failure, random_next(&random));
        assert_false(verdict.at_once);
        assert_in_range(verdict.delay_ms, MINUTE, MINUTE + MINUTE / 10 + 1);
        longest = verdict.delay_ms > longest ? verdict.delay_ms : longest;
    }
    assert_true(longest > MINUTE + MINUTE / 11);
    /* The schedule's own waits are longer by now, and go on. */
    failure.attempts = 40;
    longest = 0;
    for (int i = 0; i < 10000; i++) {
        const uint64_t delay = drawn(&plan, failure, random_next(&random)).delay_ms;
        assert_in_range(delay, MINUTE, HOUR);
        longest = delay > longest ? delay : longest;
    }
    assert_true(longest > HOUR * 9 / 10);
}

static void test_wait_past_the_bound_of_time_is_cut_to_it(void **state)
{
    (void)state;
    const skald_policy policy = {.retry = "1h for 72h"};
    const skald_policy_plan plan = compiled(&policy);
    skald_failure failure = {.attempts = 90, .failing_ms = 72 * HOUR - MINUTE};
    test_random random = random_begin();
    int cut = 0;
    for (int i = 0; i < 10000; i++) {
        const uint64_t delay = drawn(&plan, failure, random_next(&random)).delay_ms;
        assert_true(delay <= MINUTE);
        cut += delay == MINUTE ? 1 : 0;
    }
    assert_in_range(cut, 9000, 9990);
    failure.kind = SKALD_FAILURE_RETRY_AFTER;
    failure.retry_after_ms = UINT64_MAX;
    assert_int_equal(drawn(&plan, failure, 7).delay_ms, MINUTE);
    failure.failing_ms = 72 * HOUR;
    assert_string_equal(skald_policy_decide(&plan, &failure, 7).why, "72 h of failures");
}

/* ---- 72 hours, in no time ---- */

/* Attempts until it was dead; every wait is checked against its ceiling. */
static uint32_t days_of_failure(const skald_policy_plan *plan, test_random *random)
{
    uint64_t now_ms = 0;
    for (uint32_t attempts = 1;; attempts++) {
        const skald_failure failure = {.attempts = attempts, .failing_ms = now_ms};
        const skald_verdict verdict = skald_policy_decide(plan, &failure, random_next(random));
        if (verdict.dead) {
            assert_int_equal(now_ms, 72 * HOUR);
            assert_string_equal(verdict.why, "72 h of failures");
            return attempts;
        }
        assert_int_equal(verdict.at_once, attempts <= 3);
        const uint32_t doublings = attempts > 3 ? attempts - 4 : 0;
        const uint64_t doubled = doublings < 12 ? SECOND << doublings : HOUR;
        assert_true(verdict.delay_ms <= (attempts <= 3 ? 0 : doubled));
        now_ms += verdict.delay_ms;
        assert_true(now_ms <= 72 * HOUR);
    }
}

static void test_three_days_of_failures_end_at_the_bound_after_about_160_attempts(void **state)
{
    (void)state;
    enum { MESSAGES = 5000 };
    const skald_policy policy = {.retry = "3 at once, 1s..1h for 72h"};
    const skald_policy_plan plan = compiled(&policy);
    test_random random = random_begin();
    uint64_t sum = 0;
    for (int i = 0; i < MESSAGES; i++) {
        const uint32_t attempts = days_of_failure(&plan, &random);
        /* 144 waits of half an hour in the mean, 12 shorter ones, and the first four. */
        assert_in_range(attempts, 110, 220);
        sum += attempts;
    }
    assert_in_range(sum / MESSAGES, 155, 165);
}

/* ---- a million failures of chance against the same said in another way ---- */

static const char *const word_choices[] = {"a",       "bad",       "23",         "23505",
                                           "08",      "08006",     "x.y",        "crashed",
                                           "not-yet", "timed-out", "undecodable"};
static const char *const retry_choices[] = {
    NULL,       "never",     "3 at once, 1s..1h for 72h", "5s",
    "7 times",  "2 at once", "10ms..366d for 1d",         "4 at once 9 times, 1m",
    "1h for 1h"};

typedef struct chance {
    char errors[SKALD_POLICY_RULES_MAX][64];
    int words[SKALD_POLICY_RULES_MAX][3]; /* the same as numbers of choices; -1: none */
    skald_retry_rule rules[SKALD_POLICY_RULES_MAX];
    skald_policy policy;
} chance;

static const char *choice(test_random *random, const char *const *from, uint32_t count)
{
    return from[random_below(random, count)];
}

static void chance_make(chance *c, test_random *random)
{
    memset(c, 0, sizeof *c);
    c->policy.retry = choice(random, retry_choices, 9);
    c->policy.not_yet = choice(random, retry_choices, 9);
    c->policy.crashes_max = random_below(random, 5);
    c->policy.dead = (skald_when_dead)random_below(random, 2);
    c->policy.rules = c->rules;
    c->policy.rule_count = random_below(random, 5);
    for (size_t i = 0; i < c->policy.rule_count; i++) {
        for (int j = 0; j < 3; j++) {
            c->words[i][j] =
                j > 0 && random_chance(random, 50) ? -1 : (int)random_below(random, 11);
            if (c->words[i][j] < 0)
                continue;
            strcat(c->errors[i], j > 0 ? " " : "");
            strcat(c->errors[i], word_choices[c->words[i][j]]);
        }
        c->rules[i].errors = c->errors[i];
        c->rules[i].retry = choice(random, retry_choices, 9);
        c->rules[i].dead = (skald_when_dead)random_below(random, 2);
    }
}

static bool model_fits(const chance *c, size_t rule, const skald_failure *failure)
{
    static const int kind_choices[] = {-2, -2, 8, -2, 9, 7, 10};
    for (int i = 0; i < 3; i++) {
        const int word = c->words[rule][i];
        if (word < 0)
            continue;
        if (word == kind_choices[failure->kind] ||
            (failure->error_class != NULL && strcmp(word_choices[word], failure->error_class) == 0))
            return true;
        if (failure->sqlstate == NULL || failure->sqlstate[0] == '\0')
            continue;
        if (strcmp(word_choices[word], failure->sqlstate) == 0 ||
            (strlen(word_choices[word]) == 2 &&
             strncmp(word_choices[word], failure->sqlstate, 2) == 0))
            return true;
    }
    return false;
}

static void model_check(const chance *c, const skald_failure *failure, const skald_verdict *found)
{
    const bool undecodable = failure->kind == SKALD_FAILURE_UNDECODABLE;
    const bool early = failure->kind == SKALD_FAILURE_NOT_YET;
    const char *schedule = early ? c->policy.not_yet : c->policy.retry;
    if (schedule == NULL)
        schedule = early ? SKALD_POLICY_NOT_YET_DEFAULT : SKALD_POLICY_RETRY_DEFAULT;
    bool holds = !undecodable && c->policy.dead == SKALD_DEAD_HOLDS;
    bool dead = failure->kind == SKALD_FAILURE_DEAD || undecodable;
    for (size_t i = 0; i < c->policy.rule_count; i++) {
        if (!model_fits(c, i, failure))
            continue;
        holds = c->rules[i].dead == SKALD_DEAD_HOLDS;
        schedule = c->rules[i].retry != NULL ? c->rules[i].retry : schedule;
        dead = dead && !(undecodable && c->rules[i].retry != NULL);
        break;
    }
    skald_retry retry;
    assert_ok(skald_retry_parse(&retry, schedule, NULL), NULL);
    const bool kills =
        failure->kind == SKALD_FAILURE_CRASHED || failure->kind == SKALD_FAILURE_TIMED_OUT;
    const uint32_t crashes_max = c->policy.crashes_max == 0 ? 3 : c->policy.crashes_max;
    dead = dead || (kills && failure->crashes >= crashes_max);
    dead = dead || (retry.attempts_max != 0 && failure->attempts >= retry.attempts_max);
    dead = dead || (retry.for_ms != 0 && failure->failing_ms >= retry.for_ms);
    assert_int_equal(found->dead, dead);
    assert_int_equal(found->why[0] != '\0', dead);
    assert_int_equal(found->holds, dead && holds);
    const bool told = failure->kind == SKALD_FAILURE_RETRY_AFTER && failure->retry_after_ms > 0;
    const bool at_once = !dead && !kills && !early && !told && failure->attempts <= retry.at_once;
    assert_int_equal(found->at_once, at_once);

    double most = (double)retry.delay_ms_min;
    for (uint32_t i = retry.at_once + 1; i < failure->attempts && i < retry.at_once + 99; i++)
        most *= 2;
    most = most < (double)retry.delay_ms_max ? most : (double)retry.delay_ms_max;
    double least = told ? (double)failure->retry_after_ms : 0;
    most = least * 1.1 + 1 > most && told ? least * 1.1 + 1 : most;
    const double left = (double)retry.for_ms - (double)failure->failing_ms;
    most = retry.for_ms != 0 && most > left ? left : most;
    least = least < most ? least : most;
    if (dead || at_once)
        least = most = 0;
    assert_true((double)found->delay_ms >= least && (double)found->delay_ms <= most);
}

static skald_failure failure_make(test_random *random)
{
    static const char *const classes[] = {NULL, "", "a", "bad", "23", "other", "x.y", "crashed"};
    static const char *const states[] = {NULL, "", "23505", "23503", "08006", "40001"};
    return (skald_failure){
        .kind = (skald_failure_kind)random_below(random, 7),
        .error_class = choice(random, classes, 8),
        .sqlstate = choice(random, states, 6),
        .retry_after_ms = random_chance(random, 30) ? 0 : random_below(random, 100000000),
        .attempts = 1 + random_below(random, random_chance(random, 90) ? 12 : UINT32_MAX),
        .crashes = random_below(random, 5),
        .failing_ms = random_below(random, random_chance(random, 90) ? 5000000 : UINT32_MAX),
    };
}

static void test_a_million_failures_are_decided_as_the_model_does(void **state)
{
    (void)state;
    test_random random = random_begin();
    static chance c;
    int dead = 0;
    for (int i = 0; i < 20000; i++) {
        chance_make(&c, &random);
        const skald_policy_plan plan = compiled(&c.policy);
        for (int j = 0; j < 50; j++) {
            const skald_failure failure = failure_make(&random);
            const uint64_t bits = random_next(&random);
            const skald_verdict verdict = skald_policy_decide(&plan, &failure, bits);
            const skald_verdict again = skald_policy_decide(&plan, &failure, bits);
            model_check(&c, &failure, &verdict);
            assert_int_equal(verdict.delay_ms, again.delay_ms);
            dead += verdict.dead ? 1 : 0;
        }
    }
    assert_in_range(dead, 300000, 900000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_policy_is_all_defaults),
        cmocka_unit_test(test_field_that_is_wrong_is_named),
        cmocka_unit_test(test_attempts_are_bounded),
        cmocka_unit_test(test_time_since_the_first_failure_is_bounded),
        cmocka_unit_test(test_without_bounds_it_never_gives_up),
        cmocka_unit_test(test_never_is_never_and_says_which_error),
        cmocka_unit_test(test_policy_says_whether_the_key_holds),
        cmocka_unit_test(test_message_that_crashes_its_process_is_dead_after_three_times),
        cmocka_unit_test(test_what_has_not_arrived_is_waited_for_by_a_schedule_of_its_own),
        cmocka_unit_test(test_body_that_cannot_be_decoded_is_dead_and_its_key_goes_on),
        cmocka_unit_test(test_first_rule_that_fits_decides),
        cmocka_unit_test(test_rule_without_a_schedule_keeps_that_of_its_kind),
        cmocka_unit_test(test_waits_are_drawn_below_a_ceiling_that_doubles),
        cmocka_unit_test(test_every_wait_from_none_to_the_ceiling_is_drawn),
        cmocka_unit_test(test_crashes_late_ends_and_what_has_not_arrived_are_never_tried_at_once),
        cmocka_unit_test(test_time_that_a_server_named_is_waited_for_and_a_little_more),
        cmocka_unit_test(test_wait_past_the_bound_of_time_is_cut_to_it),
        cmocka_unit_test(test_three_days_of_failures_end_at_the_bound_after_about_160_attempts),
        cmocka_unit_test(test_a_million_failures_are_decided_as_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
