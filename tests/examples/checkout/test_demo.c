/* The checkout's demo. */
#include "examples/checkout/figures.h"
#include "examples/demo.h"

/* A small and hurried one: `more` is one more option and its value, or NULL twice. */
static test_child *start_demo(const char *orders, const char *more, const char *value)
{
    const char *const options[] = {
        "--orders", orders,           "--rate", "60", "--seed", "7", "--provider-latency",
        "5",        "--mail-latency", "2",      more, value,    NULL};
    return demo_start("checkout", options);
}

/* While the e-mail service is away orders are confirmed all the same, and its mails are sent later.
 */
static void check_outage(const json_t *figures)
{
    const json_t *email = json_object_get(figures, "email");
    assert_true(demo_number(email, "confirmed_meanwhile") > 0);
    assert_true(demo_number(email, "backlog_max") > 0);
}

static void test_all_orders_end_and_all_books_agree(void **state)
{
    (void)state;
    test_child *demo = start_demo("60", NULL, NULL);

    demo_ends(demo, 0);

    json_t *figures = demo_figures(demo);
    check_books(figures, 60, "choreographed");
    check_outage(figures);
    assert_true(demo_real(figures, "p50_ms") > 0);
    assert_true(demo_real(figures, "p99_ms") >= demo_real(figures, "p50_ms"));
    assert_string_equal(json_string_value(json_object_get(figures, "seed")), "7");
    json_decref(figures);
    child_free(demo);
}

static void test_all_orders_end_and_all_books_agree_when_sagas_lead(void **state)
{
    (void)state;
    test_child *demo = start_demo("60", "--mode", "orchestrated");

    demo_ends(demo, 0);

    json_t *figures = demo_figures(demo);
    check_books(figures, 60, "orchestrated");
    check_outage(figures);
    json_decref(figures);
    child_free(demo);
}

static void test_falsified_books_are_found_by_two_demos_side_by_side(void **state)
{
    (void)state;
    test_child *ledger = start_demo("12", "--spoil", "ledger");
    test_child *stock = start_demo("12", "--spoil", "stock");

    assert_int_equal(child_wait(ledger), 1);
    assert_int_equal(child_wait(stock), 1);

    json_t *figures = demo_figures(ledger);
    assert_false(demo_holds(figures, "money_ok"));
    assert_true(demo_holds(figures, "stock_ok"));
    json_decref(figures);
    figures = demo_figures(stock);
    assert_true(demo_holds(figures, "money_ok"));
    assert_false(demo_holds(figures, "stock_ok"));
    json_decref(figures);
    child_free(ledger);
    child_free(stock);
}

static void test_an_interrupted_demo_leaves_nothing_running(void **state)
{
    (void)state;
    assert_true(demo_nothing_runs());
    test_child *demo = start_demo("90", NULL, NULL);
    WAIT_UNTIL(!child_running(demo) || strstr(child_err(demo), "e-mail service is stopped"));

    child_signal(demo, SIGINT);

    assert_int_equal(child_wait(demo), 130);
    child_free(demo);
    WAIT_UNTIL(demo_nothing_runs());
}

static void test_a_killed_demo_leaves_nothing_running(void **state)
{
    (void)state;
    assert_true(demo_nothing_runs());
    test_child *demo = start_demo("90", NULL, NULL);
    WAIT_UNTIL(!child_running(demo) || strstr(child_err(demo), "e-mail service is stopped"));

    child_signal(demo, SIGKILL);

    assert_int_equal(child_wait(demo), 128 + SIGKILL);
    child_free(demo);
    WAIT_UNTIL(demo_nothing_runs());
}

static void test_wrong_options_are_refused_by_name(void **state)
{
    (void)state;
    demo_refuses("checkout", "--orders", "many");
    demo_refuses("checkout", "--spoil", "dinner");
    demo_refuses("checkout", "--mode", "improvised");
    demo_refuses("checkout", "--chaos", "some");
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    static const char *const names[] = {
        "--orders",           "--rate",         "--mode",  "--chaos", "--timeline", "--seed",
        "--provider-latency", "--mail-latency", "--spoil", "--json",  "--help",     NULL};
    demo_helps("checkout", names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_names_every_option),
        cmocka_unit_test(test_wrong_options_are_refused_by_name),
        cmocka_unit_test(test_all_orders_end_and_all_books_agree),
        cmocka_unit_test(test_all_orders_end_and_all_books_agree_when_sagas_lead),
        cmocka_unit_test(test_falsified_books_are_found_by_two_demos_side_by_side),
        cmocka_unit_test(test_an_interrupted_demo_leaves_nothing_running),
        cmocka_unit_test(test_a_killed_demo_leaves_nothing_running),
    };
    return cmocka_run_group_tests(tests, demo_adopt_orphans, NULL);
}
