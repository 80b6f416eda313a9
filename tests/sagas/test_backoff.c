/* The delay before the next attempt. */
#include "support/random.h"
#include "support/test.h"

#include <skald/backoff.h>

static void test_ceiling_doubles_up_to_the_maximum(void **state)
{
    (void)state;
    const skald_backoff policy = {.delay_ms_min = 100, .delay_ms_max = 1000};
    const uint32_t ceilings[] = {100, 200, 400, 800, 1000, 1000};
    for (uint32_t i = 0; i < 6; i++)
        assert_int_equal(skald_backoff_delay_ms(&policy, i + 1, UINT64_MAX), ceilings[i]);
    assert_int_equal(skald_backoff_delay_ms(&policy, UINT32_MAX, UINT64_MAX), 1000);
}

static void test_smallest_random_number_means_no_delay(void **state)
{
    (void)state;
    for (uint32_t attempt = 1; attempt < 70; attempt++)
        assert_int_equal(skald_backoff_delay_ms(NULL, attempt, 0), 0);
}

static void test_zero_fields_and_no_policy_mean_defaults(void **state)
{
    (void)state;
    const skald_backoff nothing = {0};
    const skald_backoff only_min = {.delay_ms_min = 60000};
    assert_int_equal(skald_backoff_delay_ms(NULL, 1, UINT64_MAX), 50);
    assert_int_equal(skald_backoff_delay_ms(&nothing, 1, UINT64_MAX), 50);
    assert_int_equal(skald_backoff_delay_ms(&nothing, 99, UINT64_MAX), 30000);
    assert_int_equal(skald_backoff_delay_ms(&only_min, 1, UINT64_MAX), 60000);
}

static void test_minimum_above_the_maximum_is_cut(void **state)
{
    (void)state;
    const skald_backoff policy = {.delay_ms_min = 500, .delay_ms_max = 20};
    assert_int_equal(skald_backoff_delay_ms(&policy, 1, UINT64_MAX), 20);
}

static void test_largest_policy_does_not_overflow(void **state)
{
    (void)state;
    const skald_backoff policy = {.delay_ms_min = UINT32_MAX, .delay_ms_max = UINT32_MAX};
    assert_int_equal(skald_backoff_delay_ms(&policy, UINT32_MAX, UINT64_MAX), UINT32_MAX);
    assert_int_equal(skald_backoff_delay_ms(&policy, 33, UINT64_MAX), UINT32_MAX);
}

static void test_delays_spread_evenly_below_the_ceiling(void **state)
{
    (void)state;
    enum { DRAWS = 1000000, SLOTS = 10 };
    const skald_backoff policy = {.delay_ms_min = 999, .delay_ms_max = 999};
    test_random random = random_begin();
    int counts[SLOTS] = {0};
    for (int i = 0; i < DRAWS; i++) {
        const uint32_t delay = skald_backoff_delay_ms(&policy, 1, random_next(&random));
        assert_true(delay <= 999);
        counts[delay / 100]++;
    }
    for (int i = 0; i < SLOTS; i++)
        assert_in_range(counts[i], DRAWS / SLOTS * 95 / 100, DRAWS / SLOTS * 105 / 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ceiling_doubles_up_to_the_maximum),
        cmocka_unit_test(test_smallest_random_number_means_no_delay),
        cmocka_unit_test(test_zero_fields_and_no_policy_mean_defaults),
        cmocka_unit_test(test_minimum_above_the_maximum_is_cut),
        cmocka_unit_test(test_largest_policy_does_not_overflow),
        cmocka_unit_test(test_delays_spread_evenly_below_the_ceiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
