/* What follows the end of a worker: cases, and a storm of ends under virtual time. */
#include "support/test.h"

#include "supervisor/restart.h"

#include <signal.h>

static void test_what_was_in_hand_is_never_waited_for(void **state)
{
    (void)state;
    const skald_restart_input input = {
        .by_signal = true, .code = SIGSEGV, .in_hand = true, .lived_ms = 1, .quick_ends = 9};
    const skald_restart next = skald_restart_decide(&input);
    assert_false(next.give_up);
    assert_int_equal(next.delay_ms, 0);
    assert_int_equal(next.quick_ends, 0);
}

static void test_a_start_that_is_refused_ends_all_at_once(void **state)
{
    (void)state;
    const int codes[] = {0, 64, 69, 70, 77, 78};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        const skald_restart next =
            skald_restart_decide(&(skald_restart_input){.code = codes[i], .lived_ms = 60000});
        assert_true(next.give_up);
        assert_int_equal(next.exit_code, codes[i]);
    }
}

/* How many ends of the same kind it takes; 0: a thousand are not enough. */
static uint32_t ends_until_given_up(skald_restart_input input, uint64_t *waited_ms)
{
    *waited_ms = 0;
    for (uint32_t i = 1; i <= 1000; i++) {
        const skald_restart next = skald_restart_decide(&input);
        if (next.give_up)
            return i;
        assert_true(next.delay_ms <= SKALD_RESTART_DELAY_MS_MAX);
        *waited_ms += next.delay_ms;
        input.quick_ends = next.quick_ends;
    }
    return 0;
}

static void test_quick_ends_with_nothing_in_hand_are_waited_for_longer_each_time(void **state)
{
    (void)state;
    uint64_t waited_ms;
    skald_restart_input input = {.by_signal = true, .code = SIGSEGV, .lived_ms = 10};
    assert_int_equal(ends_until_given_up(input, &waited_ms), SKALD_RESTART_QUICK_MAX);
    assert_int_equal(waited_ms, 50 + 100 + 200 + 400 + 800 + 1600 + 3200 + 5000);
    input = (skald_restart_input){.code = 78, .any_ran = true};
    assert_int_equal(ends_until_given_up(input, &waited_ms), SKALD_RESTART_QUICK_MAX);
}

static void test_servers_that_are_away_are_waited_for_without_end(void **state)
{
    (void)state;
    uint64_t waited_ms;
    const skald_restart_input input = {.code = 69, .any_ran = true};
    assert_int_equal(ends_until_given_up(input, &waited_ms), 0);
}

static void test_whoever_lived_for_a_while_is_replaced_at_once(void **state)
{
    (void)state;
    const skald_restart_input input = {.code = 0,
                                       .any_ran = true,
                                       .lived_ms = SKALD_RESTART_QUICK_MS,
                                       .quick_ends = SKALD_RESTART_QUICK_MAX - 1};
    const skald_restart next = skald_restart_decide(&input);
    assert_false(next.give_up);
    assert_int_equal(next.delay_ms, 0);
    assert_int_equal(next.quick_ends, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_in_hand_is_never_waited_for),
        cmocka_unit_test(test_a_start_that_is_refused_ends_all_at_once),
        cmocka_unit_test(test_quick_ends_with_nothing_in_hand_are_waited_for_longer_each_time),
        cmocka_unit_test(test_servers_that_are_away_are_waited_for_without_end),
        cmocka_unit_test(test_whoever_lived_for_a_while_is_replaced_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
