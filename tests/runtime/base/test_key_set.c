/* The set of texts against a model: one flag per possible key. */
#include "support/random.h"
#include "support/test.h"

#include "base/key_set.h"

enum { KEYS = 300, OPERATIONS = 200000 };

static void test_an_empty_set_has_nothing_and_can_be_ended(void **state)
{
    (void)state;
    skald_key_set set = {0};
    assert_false(skald_key_set_has(&set, ""));
    skald_key_set_remove(&set, "never added");
    skald_key_set_done(&set);
    skald_key_set_done(&set);
}

static void test_adding_twice_is_adding_once(void **state)
{
    (void)state;
    skald_key_set set = {0};
    assert_true(skald_key_set_add(&set, "order-1"));
    assert_true(skald_key_set_add(&set, "order-1"));
    assert_int_equal(set.count, 1);
    skald_key_set_remove(&set, "order-1");
    assert_int_equal(set.count, 0);
    assert_false(skald_key_set_has(&set, "order-1"));
    skald_key_set_done(&set);
}

static void test_the_set_keeps_copies_of_its_keys(void **state)
{
    (void)state;
    skald_key_set set = {0};
    char key[] = "order-1";
    assert_true(skald_key_set_add(&set, key));
    key[6] = '2';
    assert_true(skald_key_set_has(&set, "order-1"));
    assert_false(skald_key_set_has(&set, "order-2"));
    skald_key_set_done(&set);
}

static void test_the_empty_key_is_a_key(void **state)
{
    (void)state;
    skald_key_set set = {0};
    assert_true(skald_key_set_add(&set, ""));
    assert_true(skald_key_set_has(&set, ""));
    assert_false(skald_key_set_has(&set, "a"));
    skald_key_set_remove(&set, "");
    assert_false(skald_key_set_has(&set, ""));
    skald_key_set_done(&set);
}

static void expect_same(const skald_key_set *set, const bool *model, size_t count)
{
    assert_int_equal(set->count, count);
    for (int i = 0; i < KEYS; i++) {
        char key[16];
        snprintf(key, sizeof key, "k%d", i);
        if (skald_key_set_has(set, key) != model[i])
            fail_msg("%s: the set says %d, the model %d", key, !model[i], model[i]);
    }
}

/* Removal moves members about, so runs that touch each other, wrap around the end and shrink again
 * must keep every other key reachable. */
static void test_any_sequence_of_additions_and_removals_does_what_the_model_does(void **state)
{
    (void)state;
    test_random random = random_begin();
    skald_key_set set = {0};
    bool model[KEYS] = {false};
    size_t count = 0;
    uint32_t wanted_percent = 50;
    for (int i = 0; i < OPERATIONS; i++) {
        /* The set swells and shrinks in turn. */
        if (i % 1000 == 0)
            wanted_percent = random_below(&random, 101);
        const uint32_t number = random_below(&random, KEYS);
        const bool add = random_chance(&random, wanted_percent);
        char key[16];
        snprintf(key, sizeof key, "k%u", number);
        if (add)
            assert_true(skald_key_set_add(&set, key));
        else
            skald_key_set_remove(&set, key);
        count = count + (add && !model[number]) - (!add && model[number]);
        model[number] = add;
        if (i % 50 == 0)
            expect_same(&set, model, count);
    }
    expect_same(&set, model, count);
    skald_key_set_done(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_empty_set_has_nothing_and_can_be_ended),
        cmocka_unit_test(test_adding_twice_is_adding_once),
        cmocka_unit_test(test_the_set_keeps_copies_of_its_keys),
        cmocka_unit_test(test_the_empty_key_is_a_key),
        cmocka_unit_test(test_any_sequence_of_additions_and_removals_does_what_the_model_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
