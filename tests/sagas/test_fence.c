/* The fence: which command is run, and which is answered from memory. */
#include "support/random.h"
#include "support/test.h"

#include "fence.h"

static void test_every_run_is_decided_by_what_is_known_of_it(void **state)
{
    (void)state;
    const struct {
        skald_fence_state own;
        skald_fence_verdict verdict;
    } rules[] = {
        {SKALD_FENCE_UNKNOWN, SKALD_FENCE_VERDICT_RUN},
        {SKALD_FENCE_DONE, SKALD_FENCE_VERDICT_AGAIN},
        {SKALD_FENCE_REFUSED, SKALD_FENCE_VERDICT_AGAIN},
        {SKALD_FENCE_UNDONE, SKALD_FENCE_VERDICT_AGAIN},
        {SKALD_FENCE_BARRED, SKALD_FENCE_VERDICT_AGAIN},
        {SKALD_FENCE_LATER, SKALD_FENCE_VERDICT_SILENT},
        {SKALD_FENCE_FAILED, SKALD_FENCE_VERDICT_RUN},
    };
    assert_int_equal(sizeof rules / sizeof rules[0], SKALD_FENCE_STATES);
    for (size_t i = 0; i < SKALD_FENCE_STATES; i++)
        assert_int_equal(skald_fence_decide_run(rules[i].own), rules[i].verdict);
}

static void test_every_undo_is_decided_by_itself_and_then_by_its_run(void **state)
{
    (void)state;
    const struct {
        skald_fence_state run;
        skald_fence_verdict verdict;
        skald_fence_state after; /* of the run, when the undo is done */
    } rules[] = {
        {SKALD_FENCE_UNKNOWN, SKALD_FENCE_VERDICT_BAR, SKALD_FENCE_BARRED},
        {SKALD_FENCE_DONE, SKALD_FENCE_VERDICT_RUN, SKALD_FENCE_UNDONE},
        {SKALD_FENCE_REFUSED, SKALD_FENCE_VERDICT_EMPTY, SKALD_FENCE_REFUSED},
        {SKALD_FENCE_UNDONE, SKALD_FENCE_VERDICT_EMPTY, SKALD_FENCE_UNDONE},
        {SKALD_FENCE_BARRED, SKALD_FENCE_VERDICT_EMPTY, SKALD_FENCE_BARRED},
        {SKALD_FENCE_LATER, SKALD_FENCE_VERDICT_NOT_YET, SKALD_FENCE_LATER},
        {SKALD_FENCE_FAILED, SKALD_FENCE_VERDICT_RUN, SKALD_FENCE_UNDONE},
    };
    const skald_fence_state fresh[] = {SKALD_FENCE_UNKNOWN, SKALD_FENCE_FAILED};
    for (size_t i = 0; i < SKALD_FENCE_STATES; i++) {
        for (int k = 0; k < 2; k++)
            assert_int_equal(skald_fence_decide_undo(fresh[k], rules[i].run), rules[i].verdict);
        assert_int_equal(skald_fence_decide_undo(SKALD_FENCE_DONE, rules[i].run),
                         SKALD_FENCE_VERDICT_AGAIN);
        assert_int_equal(skald_fence_decide_undo(SKALD_FENCE_REFUSED, rules[i].run),
                         SKALD_FENCE_VERDICT_AGAIN);
        assert_int_equal(skald_fence_decide_undo(SKALD_FENCE_LATER, rules[i].run),
                         SKALD_FENCE_VERDICT_SILENT);
        assert_int_equal(
            skald_fence_run_after(rules[i].run, rules[i].verdict, SKALD_FENCE_OUTCOME_DONE),
            rules[i].after);
    }
    assert_int_equal(skald_fence_run_after(SKALD_FENCE_DONE, SKALD_FENCE_VERDICT_RUN,
                                           SKALD_FENCE_OUTCOME_REFUSED),
                     SKALD_FENCE_DONE);
    assert_int_equal(
        skald_fence_run_after(SKALD_FENCE_DONE, SKALD_FENCE_VERDICT_RUN, SKALD_FENCE_OUTCOME_LATER),
        SKALD_FENCE_DONE);
}

/* Any order of runs and undos of one operation, each as often as they like: whatever comes, the run
 * has its effect once at most, never after its undo, and what was done is undone once at most. */
static void test_in_any_order_an_effect_comes_once_and_is_undone_once(void **state)
{
    (void)state;
    test_random random = random_begin();
    for (int round = 0; round < 200000; round++) {
        skald_fence_state run = SKALD_FENCE_UNKNOWN;
        skald_fence_state undo = SKALD_FENCE_UNKNOWN;
        const skald_fence_outcome said =
            random_chance(&random, 20) ? SKALD_FENCE_OUTCOME_REFUSED : SKALD_FENCE_OUTCOME_DONE;
        int done = 0, undone = 0;
        bool told = false; /* its saga was told that it is undone */
        for (uint32_t left = random_below(&random, 8); left > 0; left--) {
            if (random_chance(&random, 50)) {
                if (skald_fence_decide_run(run) != SKALD_FENCE_VERDICT_RUN)
                    continue;
                assert_false(told);
                done += said == SKALD_FENCE_OUTCOME_DONE;
                run = skald_fence_after(said);
            } else {
                const skald_fence_verdict verdict = skald_fence_decide_undo(undo, run);
                undone += verdict == SKALD_FENCE_VERDICT_RUN;
                run = skald_fence_run_after(run, verdict, SKALD_FENCE_OUTCOME_DONE);
                if (verdict != SKALD_FENCE_VERDICT_AGAIN)
                    undo = SKALD_FENCE_DONE;
                told = true;
            }
        }
        assert_true(done <= 1 && undone <= done);
        assert_true(!told || undone == done);
    }
}

static void test_words_are_those_of_the_table(void **state)
{
    (void)state;
    for (int i = 0; i < SKALD_FENCE_STATES; i++)
        assert_int_equal(skald_fence_state_find(skald_fence_state_words((skald_fence_state)i)), i);
    assert_int_equal(skald_fence_state_find("Done"), SKALD_FENCE_STATES);
    assert_string_equal(skald_fence_verdict_words(SKALD_FENCE_VERDICT_RUN), "run its handler");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_run_is_decided_by_what_is_known_of_it),
        cmocka_unit_test(test_every_undo_is_decided_by_itself_and_then_by_its_run),
        cmocka_unit_test(test_in_any_order_an_effect_comes_once_and_is_undone_once),
        cmocka_unit_test(test_words_are_those_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
