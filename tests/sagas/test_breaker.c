/* The circuit breaker: closed, open, probing. */
#include "support/random.h"
#include "support/test.h"

#include "breaker.h"

#define SECOND_US INT64_C(1000000)

static const skald_breaker closed = {.failures_max = 3, .open_ms = 30000};

static skald_breaker failed(skald_breaker breaker, int64_t now_us)
{
    return skald_breaker_ended(&breaker, false, false, now_us);
}

static skald_breaker opened_at(int64_t now_us)
{
    return failed(failed(failed(closed, now_us), now_us), now_us);
}

static void allow_expect(const skald_breaker *breaker, int64_t now_us, uint32_t wanted,
                         uint32_t allowed, uint32_t wait_ms)
{
    uint32_t found_ms = 77;
    assert_int_equal(skald_breaker_allow(breaker, now_us, wanted, &found_ms), allowed);
    assert_int_equal(found_ms, wait_ms);
}

static void test_failures_in_a_row_open_it_and_one_success_between_does_not(void **state)
{
    (void)state;
    skald_breaker breaker = failed(failed(closed, SECOND_US), SECOND_US);
    allow_expect(&breaker, SECOND_US, 8, 8, 0);
    breaker = skald_breaker_ended(&breaker, true, false, SECOND_US);
    breaker = failed(failed(breaker, SECOND_US), SECOND_US);
    assert_int_equal(skald_breaker_look(&breaker, SECOND_US), SKALD_BREAKER_CLOSED);
    breaker = failed(breaker, 2 * SECOND_US);
    assert_int_equal(skald_breaker_look(&breaker, 2 * SECOND_US), SKALD_BREAKER_OPEN);
    allow_expect(&breaker, 2 * SECOND_US, 8, 0, 30000);
    allow_expect(&breaker, 2 * SECOND_US + 1, 8, 0, 30000);
    allow_expect(&breaker, 31 * SECOND_US, 8, 0, 1000);
    allow_expect(&breaker, 31 * SECOND_US, 0, 0, 0);
}

static void test_one_probe_is_let_through_when_the_time_is_over(void **state)
{
    (void)state;
    skald_breaker breaker = opened_at(SECOND_US);
    assert_int_equal(skald_breaker_look(&breaker, 31 * SECOND_US - 1), SKALD_BREAKER_OPEN);
    assert_int_equal(skald_breaker_look(&breaker, 31 * SECOND_US), SKALD_BREAKER_PROBING);
    allow_expect(&breaker, 31 * SECOND_US, 1, 1, 0);
    allow_expect(&breaker, 31 * SECOND_US, 8, 1, 1000);
    allow_expect(&breaker, 31 * SECOND_US, 0, 0, 0);
    breaker.probe = true;
    allow_expect(&breaker, 31 * SECOND_US, 8, 0, 1000);
    allow_expect(&breaker, 9999 * SECOND_US, 8, 0, 1000);
}

static void test_probe_that_succeeds_closes_it(void **state)
{
    (void)state;
    skald_breaker breaker = opened_at(SECOND_US);
    breaker.probe = true;
    breaker = skald_breaker_ended(&breaker, true, true, 40 * SECOND_US);
    allow_expect(&breaker, 40 * SECOND_US, 8, 8, 0);
    assert_int_equal(breaker.failures, 0);
    assert_false(breaker.probe);
}

static void test_probe_that_fails_opens_it_anew(void **state)
{
    (void)state;
    skald_breaker breaker = opened_at(SECOND_US);
    breaker.probe = true;
    breaker = skald_breaker_ended(&breaker, false, true, 40 * SECOND_US);
    allow_expect(&breaker, 40 * SECOND_US, 8, 0, 30000);
    allow_expect(&breaker, 70 * SECOND_US, 8, 1, 1000);
    assert_int_equal(breaker.failures, 4);
}

static void test_jobs_that_began_before_it_opened_change_nothing(void **state)
{
    (void)state;
    const skald_breaker open = opened_at(SECOND_US);
    const skald_breaker late_failure = failed(open, 20 * SECOND_US);
    const skald_breaker late_success = skald_breaker_ended(&open, true, false, 20 * SECOND_US);
    allow_expect(&late_failure, 31 * SECOND_US, 8, 1, 1000);
    allow_expect(&late_success, 30 * SECOND_US, 8, 0, 1000);
    assert_int_equal(late_success.failures, 3);
}

static void test_without_a_bound_of_failures_there_is_no_breaker(void **state)
{
    (void)state;
    skald_breaker none = {.open_ms = 30000};
    for (int i = 0; i < 100; i++)
        none = failed(none, i);
    allow_expect(&none, 100, 8, 8, 0);
    /* One that was switched off while it was open. */
    skald_breaker off = opened_at(SECOND_US);
    off.failures_max = 0;
    allow_expect(&off, SECOND_US, 8, 8, 0);
}

static void test_clock_put_back_by_hours_keeps_nothing_open(void **state)
{
    (void)state;
    const skald_breaker breaker = opened_at(7200 * SECOND_US);
    allow_expect(&breaker, 7190 * SECOND_US, 8, 0, 30000);
    allow_expect(&breaker, 3600 * SECOND_US, 8, 1, 1000);
}

static void test_ends_of_the_scales_do_not_overflow(void **state)
{
    (void)state;
    skald_breaker breaker = {.failures_max = UINT32_MAX, .failures = UINT32_MAX};
    breaker.open_ms = UINT64_MAX;
    breaker = failed(breaker, 0);
    assert_int_equal(skald_breaker_look(&breaker, 0), SKALD_BREAKER_OPEN);
    assert_int_equal(breaker.failures, UINT32_MAX);
    allow_expect(&breaker, INT64_MAX, 1, 0, UINT32_MAX);
    allow_expect(&breaker, INT64_MIN, 1, 0, UINT32_MAX);
}

/* ---- a million steps of workers, against a breaker that is told in other words ---- */

enum { WORKERS = 8, STEPS = 1000000 };

typedef struct model {
    enum { RUNS, WAITS, TESTS } phase;
    uint32_t row;     /* failures in a row */
    int64_t until_us; /* WAITS: when a test may begin */
    int tester;       /* TESTS: who; -1: nobody yet */
} model;

typedef struct world {
    test_random random;
    skald_breaker breaker;
    model model;
    bool busy[WORKERS];
    int64_t now_us;
    int64_t long_us;
    uint32_t failure_percent;
    uint64_t openings;
    uint64_t tests;
} world;

static void model_time(world *w)
{
    if (w->model.phase == WAITS && w->now_us >= w->model.until_us) {
        w->model.phase = TESTS;
        w->model.tester = -1;
    }
}

static void model_open(world *w)
{
    w->model.phase = WAITS;
    w->model.until_us = w->now_us + w->long_us;
    w->openings++;
}

static void model_ended(world *w, int worker, bool succeeded)
{
    if (w->model.phase == RUNS) {
        w->model.row = succeeded ? 0 : w->model.row + 1;
        if (w->model.row >= w->breaker.failures_max)
            model_open(w);
    } else if (w->model.phase == TESTS && w->model.tester == worker) {
        if (succeeded) {
            w->model.phase = RUNS;
            w->model.row = 0;
        } else {
            model_open(w);
        }
    }
}

static void worker_begin(world *w, int worker)
{
    uint32_t wait_ms;
    const uint32_t allowed = skald_breaker_allow(&w->breaker, w->now_us, 1, &wait_ms);
    const bool may = w->model.phase == RUNS || (w->model.phase == TESTS && w->model.tester == -1);
    assert_int_equal(allowed, may ? 1 : 0);
    if (w->model.phase == WAITS) {
        assert_true(w->now_us + wait_ms * INT64_C(1000) >= w->model.until_us);
        assert_true(w->now_us + (wait_ms - INT64_C(1)) * 1000 < w->model.until_us);
    }
    w->busy[worker] = may;
    if (may && w->model.phase == TESTS) {
        w->breaker.probe = true;
        w->model.tester = worker;
        w->tests++;
    }
}

static void worker_end(world *w, int worker)
{
    const bool probe = w->model.phase == TESTS && w->model.tester == worker;
    w->busy[worker] = false;
    if (probe && random_chance(&w->random, 10)) {
        /* Its process is gone; nobody knows how it ended. */
        w->breaker.probe = false;
        w->model.tester = -1;
        return;
    }
    const bool succeeded = !random_chance(&w->random, w->failure_percent);
    w->breaker = skald_breaker_ended(&w->breaker, succeeded, probe, w->now_us);
    model_ended(w, worker, succeeded);
}

static void test_a_million_steps_follow_the_model(void **state)
{
    (void)state;
    world w = {.random = random_begin(), .now_us = SECOND_US, .long_us = 30 * SECOND_US};
    w.breaker = closed;
    for (int i = 0; i < STEPS; i++) {
        if (i % 1000 == 0)
            w.failure_percent = random_below(&w.random, 101);
        w.now_us += random_below(&w.random, 3 * SECOND_US);
        model_time(&w);
        const int worker = (int)random_below(&w.random, WORKERS);
        if (w.busy[worker])
            worker_end(&w, worker);
        else
            worker_begin(&w, worker);
    }
    assert_true(w.openings > 1000);
    assert_true(w.tests > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_in_a_row_open_it_and_one_success_between_does_not),
        cmocka_unit_test(test_one_probe_is_let_through_when_the_time_is_over),
        cmocka_unit_test(test_probe_that_succeeds_closes_it),
        cmocka_unit_test(test_probe_that_fails_opens_it_anew),
        cmocka_unit_test(test_jobs_that_began_before_it_opened_change_nothing),
        cmocka_unit_test(test_without_a_bound_of_failures_there_is_no_breaker),
        cmocka_unit_test(test_clock_put_back_by_hours_keeps_nothing_open),
        cmocka_unit_test(test_ends_of_the_scales_do_not_overflow),
        cmocka_unit_test(test_a_million_steps_follow_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
