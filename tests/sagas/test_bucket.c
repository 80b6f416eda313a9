/* The token bucket: never above its bound, never slower than its rate. */
#include "support/random.h"
#include "support/test.h"

#include "bucket.h"

#include <float.h>
#include <math.h>

#define SECOND_US INT64_C(1000000)

/* The moment all tests begin; some time in 2026. */
#define START_US INT64_C(1790000000000000)

/* A bucket that is asked as the runtime asks it. */
typedef struct asked {
    skald_bucket bucket;
    double rate;
    uint32_t burst;
    uint32_t wait_ms;
} asked;

static asked asked_full(double rate, uint32_t burst)
{
    return (asked){{burst, START_US}, rate, burst, 0};
}

static uint32_t take(asked *a, int64_t now_us, uint32_t wanted)
{
    return skald_bucket_take(&a->bucket, a->rate, a->burst, now_us, wanted, &a->bucket,
                             &a->wait_ms);
}

static void test_full_bucket_allows_its_burst_and_then_one_per_interval(void **state)
{
    (void)state;
    asked a = asked_full(50, 10);
    assert_int_equal(take(&a, START_US, 100), 10);
    assert_int_equal(a.wait_ms, 20);
    assert_int_equal(take(&a, START_US + 19999, 1), 0);
    assert_int_equal(a.wait_ms, 1);
    assert_int_equal(take(&a, START_US + 20000, 1), 1);
    assert_int_equal(a.wait_ms, 0);
    assert_int_equal(take(&a, START_US + 20000 + SECOND_US / 10, 100), 5);
    assert_int_equal(take(&a, START_US + 60 * SECOND_US, 100), 10);
}

static void test_fewer_wanted_than_allowed_leaves_the_rest(void **state)
{
    (void)state;
    asked a = asked_full(1, 10);
    assert_int_equal(take(&a, START_US, 3), 3);
    assert_int_equal(a.wait_ms, 0);
    assert_int_equal(take(&a, START_US, 0), 0);
    assert_int_equal(a.wait_ms, 0);
    assert_int_equal(take(&a, START_US, 100), 7);
    assert_int_equal(a.wait_ms, 1000);
}

static void test_time_that_goes_backwards_refills_nothing(void **state)
{
    (void)state;
    asked a = asked_full(1, 5);
    assert_int_equal(take(&a, START_US + 10 * SECOND_US, 5), 5);
    for (int i = 0; i < 100; i++)
        assert_int_equal(take(&a, START_US + (i % 11) * SECOND_US, 5), 0);
    assert_int_equal(take(&a, START_US + 5 * SECOND_US, 5), 0);
    /* Until the bucket's time, and a second on. */
    assert_int_equal(a.wait_ms, 6000);
    assert_int_equal(take(&a, START_US + 11 * SECOND_US, 5), 1);
}

static void test_clock_put_back_by_hours_stalls_nothing(void **state)
{
    (void)state;
    asked a = asked_full(1, 5);
    assert_int_equal(take(&a, START_US + 3600 * SECOND_US, 5), 5);
    assert_int_equal(take(&a, START_US, 5), 0);
    assert_int_equal(a.wait_ms, 1000);
    assert_int_equal(take(&a, START_US + SECOND_US, 5), 1);
}

static void test_huge_gap_fills_it_and_no_more(void **state)
{
    (void)state;
    asked a = {{0, INT64_MIN}, 1e6, 7, 0};
    assert_int_equal(take(&a, INT64_MAX, 100), 7);
    assert_true(a.wait_ms >= 1);
    a = (asked){{0, INT64_MAX}, 1e-300, 7, 0};
    assert_int_equal(take(&a, INT64_MIN, 100), 0);
    assert_true(a.wait_ms == UINT32_MAX);
}

static void test_row_with_nonsense_in_it_counts_as_empty_or_full(void **state)
{
    (void)state;
    const double empty[] = {NAN, -1, -INFINITY, 0};
    for (int i = 0; i < 4; i++) {
        asked a = {{empty[i], START_US}, 1, 4, 0};
        assert_int_equal(take(&a, START_US, 9), 0);
        assert_int_equal(a.wait_ms, 1000);
        assert_int_equal(take(&a, START_US + SECOND_US, 9), 1);
    }
    asked a = {{INFINITY, START_US}, 1, 4, 0};
    assert_int_equal(take(&a, START_US, 9), 4);
}

static void test_smaller_burst_and_other_rate_hold_at_once(void **state)
{
    (void)state;
    asked a = asked_full(1, 100);
    a.burst = 3;
    assert_int_equal(take(&a, START_US, 50), 3);
    a.rate = 10;
    assert_int_equal(take(&a, START_US + SECOND_US / 5, 50), 2);
}

static void test_slow_rate_asked_often_comes_when_it_should(void **state)
{
    (void)state;
    asked a = asked_full(0.001, 1);
    assert_int_equal(take(&a, START_US, 1), 1);
    assert_int_equal(take(&a, START_US, 1), 0);
    assert_int_equal(a.wait_ms, 1000000);
    for (int64_t ms = 1; ms < 1000000; ms++)
        assert_int_equal(take(&a, START_US + ms * 1000, 1), 0);
    assert_int_equal(a.wait_ms, 1);
    assert_int_equal(take(&a, START_US + 1000 * SECOND_US, 1), 1);
}

/* ---- a million takes of chance against accounts kept by hand ---- */

/* Every start so far, against the rate: the most of (starts - rate * time) after a start, over the
 * least of it before one, is the fullest span there was. */
typedef struct accounts {
    long double rate;
    long double least;
    long double most_above; /* how far any span was above rate * span */
    uint64_t starts;
    int64_t seen_us; /* the latest time brought */
} accounts;

/* The rate is a double, and what it brings in a span is rounded: so much is it allowed to be off.
 * That is relative to the span and does not grow with the number of starts. */
static accounts accounts_begin(double rate)
{
    return (accounts){.rate = (long double)rate * (1 + 4 * (long double)DBL_EPSILON),
                      .seen_us = START_US};
}

static void accounts_note(accounts *a, int64_t now_us, uint32_t allowed)
{
    a->seen_us = now_us > a->seen_us ? now_us : a->seen_us;
    const long double brought = a->rate * (long double)(a->seen_us - START_US) / 1e6L;
    const long double before = (long double)a->starts - brought;
    a->least = before < a->least ? before : a->least;
    a->starts += allowed;
    const long double above = (long double)a->starts - brought - a->least;
    a->most_above = above > a->most_above ? above : a->most_above;
}

static double random_rate(test_random *random)
{
    static const double usual[] = {0.001, 0.1, 1.0 / 3, 0.7, 1, 7, 50, 999.9, 1e6};
    if (random_chance(random, 50))
        return usual[random_below(random, 9)];
    return pow(10, -3 + 9 * (random_below(random, 1000000) / 1e6));
}

static uint32_t random_burst(test_random *random)
{
    static const uint32_t usual[] = {1, 2, 10, 1000, UINT32_MAX};
    return random_chance(random, 50) ? usual[random_below(random, 5)]
                                     : 1 + random_below(random, 100);
}

/* Mostly about the time that a start takes, sometimes none, sometimes far more, sometimes back. */
static int64_t random_step_us(test_random *random, double rate)
{
    const double usual = 1e6 / rate * (random_below(random, 3000) / 1e3);
    switch (random_below(random, 10)) {
    case 0:
        return 0;
    case 1:
        return -(int64_t)random_below(random, 30000000);
    case 2:
        return (int64_t)(usual * 100);
    default:
        return (int64_t)usual;
    }
}

static void span_check(const accounts *a, const asked *q)
{
    if (a->most_above <= (long double)q->burst + 1e-7L)
        return;
    fail_msg("rate %.17g, burst %u: a span had %.12Lf starts more than the rate brings", q->rate,
             q->burst, a->most_above);
}

static void test_no_span_of_a_million_random_takes_is_above_the_bound(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int i = 0; i < 2000; i++) {
        asked q = asked_full(random_rate(&random), random_burst(&random));
        accounts a = accounts_begin(q.rate);
        int64_t now_us = START_US;
        for (int j = 0; j < 500; j++) {
            const int64_t step_us = random_step_us(&random, q.rate);
            now_us = step_us < 0 ? now_us : now_us + step_us;
            const int64_t brought_us = step_us < 0 ? now_us + step_us : now_us;
            const uint32_t wanted =
                random_chance(&random, 20) ? 1 + random_below(&random, 3) : UINT32_MAX;
            accounts_note(&a, brought_us, take(&q, brought_us, wanted));
            span_check(&a, &q);
        }
    }
}

/* The first microsecond of the next ones that allows a start. */
static int64_t earliest_us(const asked *q, int64_t now_us)
{
    int64_t none_us = now_us;
    int64_t one_us = now_us + q->wait_ms * INT64_C(1000);
    while (one_us - none_us > 1) {
        const int64_t middle_us = none_us + (one_us - none_us) / 2;
        asked copy = *q;
        if (take(&copy, middle_us, 1) > 0)
            one_us = middle_us;
        else
            none_us = middle_us;
    }
    return one_us;
}

/* Somebody greedy, who takes each token in the very microsecond it is there. */
static void test_a_million_starts_of_one_bucket_do_not_drift_above_the_bound(void **state)
{
    (void)state;
    const double rates[] = {0.7, 1.0 / 3, 99999.9};
    const uint32_t bursts[] = {2, 3, 1000};
    for (int i = 0; i < 3; i++) {
        asked q = asked_full(rates[i], bursts[i]);
        accounts a = accounts_begin(q.rate);
        int64_t now_us = START_US;
        while (a.starts < 1000000) {
            accounts_note(&a, now_us, take(&q, now_us, UINT32_MAX));
            now_us = earliest_us(&q, now_us);
        }
        span_check(&a, &q);
        /* And it is no slower than the clock's grain and the bucket's make it. */
        assert_true(a.most_above > (long double)q.burst - 1);
    }
}

static void test_who_waits_as_told_gets_one_and_not_earlier(void **state)
{
    (void)state;
    test_random random = random_begin();
    int waits = 0;
    for (int i = 0; i < 1000000; i++) {
        asked q = asked_full(random_rate(&random), random_burst(&random));
        q.bucket.tokens = random_below(&random, 3000) / 1000.0;
        const int64_t now_us = START_US + random_below(&random, 2000000) - 1000000;
        (void)take(&q, now_us, UINT32_MAX);
        if (q.wait_ms == UINT32_MAX)
            continue;
        const asked kept = q;
        waits++;
        if (kept.wait_ms > 1) {
            assert_int_equal(take(&q, now_us + (kept.wait_ms - INT64_C(1)) * 1000, 1), 0);
            q = kept;
        }
        assert_int_equal(take(&q, now_us + kept.wait_ms * INT64_C(1000), 1), 1);
    }
    assert_true(waits > 900000);
}

static void test_who_takes_what_there_is_gets_the_rate(void **state)
{
    (void)state;
    const double rates[] = {0.01, 1.0 / 3, 7, 50, 999.9, 1e6};
    for (int i = 0; i < 6; i++) {
        asked q = asked_full(rates[i], (uint32_t)(rates[i] / 100) + 2);
        int64_t now_us = START_US;
        uint64_t starts = 0;
        for (int j = 0; j < 100000; j++) {
            starts += take(&q, now_us, UINT32_MAX);
            now_us += q.wait_ms * INT64_C(1000);
        }
        const double brought = rates[i] * (double)(now_us - START_US) / 1e6;
        assert_true((double)starts >= brought * (1 - 2e-6) - 1);
        assert_true((double)starts <= brought + q.burst);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_bucket_allows_its_burst_and_then_one_per_interval),
        cmocka_unit_test(test_fewer_wanted_than_allowed_leaves_the_rest),
        cmocka_unit_test(test_time_that_goes_backwards_refills_nothing),
        cmocka_unit_test(test_clock_put_back_by_hours_stalls_nothing),
        cmocka_unit_test(test_huge_gap_fills_it_and_no_more),
        cmocka_unit_test(test_row_with_nonsense_in_it_counts_as_empty_or_full),
        cmocka_unit_test(test_smaller_burst_and_other_rate_hold_at_once),
        cmocka_unit_test(test_slow_rate_asked_often_comes_when_it_should),
        cmocka_unit_test(test_no_span_of_a_million_random_takes_is_above_the_bound),
        cmocka_unit_test(test_a_million_starts_of_one_bucket_do_not_drift_above_the_bound),
        cmocka_unit_test(test_who_waits_as_told_gets_one_and_not_earlier),
        cmocka_unit_test(test_who_takes_what_there_is_gets_the_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
