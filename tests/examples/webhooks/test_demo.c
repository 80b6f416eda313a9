/* The demo of the webhooks. */
#include "examples/demo.h"

/* A small and hurried one: `more` is one more option and its value, or NULL twice. */
static test_child *start_demo(const char *more, const char *value)
{
    const char *const options[] = {"--events", "24", "--rate", "50", "--hour",
                                   "50",       more, value,    NULL};
    return demo_start("webhooks", options);
}

static void test_every_endpoint_is_told_once_and_in_order(void **state)
{
    (void)state;
    test_child *demo = start_demo(NULL, NULL);

    demo_ends(demo, 0);

    json_t *figures = demo_figures(demo);
    const json_t *outage = json_object_get(figures, "outage");
    assert_int_equal(demo_number(figures, "events"), 24);
    assert_int_equal(demo_number(figures, "delivered"), 96);
    assert_int_equal(demo_number(figures, "lost"), 0);
    assert_int_equal(demo_number(figures, "doubled"), 0);
    assert_int_equal(demo_number(figures, "dead"), 1);
    assert_int_equal(demo_number(figures, "behind"), 23);
    assert_true(demo_holds(figures, "order_ok"));
    assert_true(demo_holds(figures, "rate_ok"));
    assert_true(demo_holds(outage, "circuit_opened"));
    assert_true(demo_holds(outage, "circuit_closed"));
    assert_true(demo_number(outage, "attempts") > 0);
    json_decref(figures);
    child_free(demo);
}

static void test_falsified_books_are_found_by_two_demos_side_by_side(void **state)
{
    (void)state;
    test_child *ledger = start_demo("--spoil", "ledger");
    test_child *order = start_demo("--spoil", "order");

    demo_ends(ledger, 1);
    demo_ends(order, 1);

    json_t *figures = demo_figures(ledger);
    assert_int_equal(demo_number(figures, "doubled"), 1);
    assert_int_equal(demo_number(figures, "lost"), 0);
    json_decref(figures);
    figures = demo_figures(order);
    assert_int_equal(demo_number(figures, "doubled"), 0);
    assert_false(demo_holds(figures, "order_ok"));
    json_decref(figures);
    child_free(ledger);
    child_free(order);
}

static void test_an_interrupted_demo_leaves_nothing_running(void **state)
{
    (void)state;
    assert_true(demo_nothing_runs());
    test_child *demo = start_demo(NULL, NULL);
    WAIT_UNTIL(!child_running(demo) || strstr(child_err(demo), "are killed"));

    child_signal(demo, SIGINT);

    assert_int_equal(child_wait(demo), 130);
    child_free(demo);
    WAIT_UNTIL(demo_nothing_runs());
}

static void test_wrong_options_are_refused_by_name(void **state)
{
    (void)state;
    demo_refuses("webhooks", "--hour", "1");
    demo_refuses("webhooks", "--spoil", "dinner");
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    static const char *const names[] = {"--events", "--rate",     "--hour", "--spoil",
                                        "--json",   "--no-build", "--help", NULL};
    demo_helps("webhooks", names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_names_every_option),
        cmocka_unit_test(test_wrong_options_are_refused_by_name),
        cmocka_unit_test(test_every_endpoint_is_told_once_and_in_order),
        cmocka_unit_test(test_falsified_books_are_found_by_two_demos_side_by_side),
        cmocka_unit_test(test_an_interrupted_demo_leaves_nothing_running),
    };
    return cmocka_run_group_tests(tests, demo_adopt_orphans, NULL);
}
