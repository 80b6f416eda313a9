/* The keys by which participants and providers know an operation, and replies find their step. */
#include "support/test.h"

#include "operation.h"
#include "scenario/definitions.h"

static skald_plan plan;

static void assert_key(skald_operation operation, const char *expected)
{
    char key[SKALD_OPERATION_KEY_SIZE_MAX + 1];
    assert_int_equal(skald_operation_key(&plan, "order-42", operation, key, sizeof key),
                     strlen(expected));
    assert_string_equal(key, expected);
    size_t id_size = 0;
    skald_operation read = {0};
    assert_true(skald_operation_parse(&plan, key, &id_size, &read));
    assert_int_equal(id_size, strlen("order-42"));
    assert_memory_equal(&read, &operation, sizeof read);
}

static void test_key_names_saga_step_direction_and_round(void **state)
{
    (void)state;
    assert_key((skald_operation){0, SKALD_RUN, 1}, "order-42/reserve-items/run.1");
    assert_key((skald_operation){1, SKALD_UNDO, 2}, "order-42/charge-card/undo.2");
    assert_key((skald_operation){3, SKALD_RUN, 255}, "order-42/send-mail/run.255");
}

static void test_id_of_a_saga_may_hold_slashes(void **state)
{
    (void)state;
    size_t id_size = 0;
    skald_operation read = {0};
    assert_true(skald_operation_parse(&plan, "eu/shop/42/charge-card/run.3", &id_size, &read));
    assert_int_equal(id_size, strlen("eu/shop/42"));
    assert_int_equal(read.step, 1);
    assert_int_equal(read.round, 3);
}

static void test_what_is_no_key_is_refused(void **state)
{
    (void)state;
    static const char *const strangers[] = {
        "",
        "/",
        "//",
        "order-42",
        "order-42/charge-card",
        "order-42/charge-card/",
        "order-42/nobody/run.1",
        "/charge-card/run.1",
        "order-42/charge-card/run",
        "order-42/charge-card/run.",
        "order-42/charge-card/run.0",
        "order-42/charge-card/run.01",
        "order-42/charge-card/run.256",
        "order-42/charge-card/run.1000",
        "order-42/charge-card/run.1x",
        "order-42/charge-card/undone.1",
        "order-42/charge-card/run.-1",
        "order-42//run.1",
        "order-42/charge-card2/run.1",
        "order-42/charge-car/run.1",
    };
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++) {
        size_t id_size = 4711;
        skald_operation read = {0};
        if (skald_operation_parse(&plan, strangers[i], &id_size, &read))
            fail_msg("%s was taken for a key", strangers[i]);
        assert_int_equal(id_size, 4711);
    }
}

static void test_key_that_does_not_fit_is_cut_and_its_length_is_told(void **state)
{
    (void)state;
    char key[12];
    assert_int_equal(
        skald_operation_key(&plan, "order-42", (skald_operation){0, SKALD_RUN, 1}, key, sizeof key),
        strlen("order-42/reserve-items/run.1"));
    assert_string_equal(key, "order-42/re");
}

static int plan_set(void **state)
{
    (void)state;
    skald_plan_make(&plan, scenario_definition("checkout"));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_key_names_saga_step_direction_and_round),
        cmocka_unit_test(test_id_of_a_saga_may_hold_slashes),
        cmocka_unit_test(test_what_is_no_key_is_refused),
        cmocka_unit_test(test_key_that_does_not_fit_is_cut_and_its_length_is_told),
    };
    return cmocka_run_group_tests(tests, plan_set, NULL);
}
