/* The demo as a person runs it, with everything it starts; only its build is spared. */
#include "support/child.h"
#include "support/test.h"
#include "support/wait.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

static const char *program(char out[512])
{
    snprintf(out, 512, "%s/examples/checkout/checkout-demo", test_variable("SKALD_BINARY_DIR"));
    return out;
}

/* A small and hurried demo: `more` is one more option and its value, or NULL twice. */
static test_child *start_demo(const char *orders, const char *more, const char *value)
{
    char script[512];
    char build[512];
    snprintf(script, sizeof(script), "%s/examples/checkout/demo",
             test_variable("SKALD_SOURCE_DIR"));
    snprintf(build, sizeof(build), "SKALD_BUILD_DIR=%s", test_variable("SKALD_BINARY_DIR"));
    const char *const argv[] = {
        script, "--no-build",         "--json", "--orders",       orders, "--rate", "60",  "--seed",
        "7",    "--provider-latency", "5",      "--mail-latency", "2",    more,     value, NULL};
    const char *const environment[] = {build, NULL};
    return child_start(argv, environment);
}

/* The last line of what it wrote; to be freed with json_decref. */
static json_t *read_figures(test_child *child)
{
    const char *text = child_out(child);
    const char *line = text;
    for (const char *next = text; (next = strchr(next, '\n')) != NULL && next[1] != '\0';)
        line = ++next;
    json_t *figures = json_loads(line, 0, NULL);
    if (figures == NULL)
        fail_msg("the last line is no JSON: %s\nstderr: %s", text, child_err(child));
    return figures;
}

static int64_t number(const json_t *figures, const char *name)
{
    const json_t *value = json_object_get(figures, name);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static bool holds(const json_t *figures, const char *name)
{
    const json_t *value = json_object_get(figures, name);
    assert_true(json_is_boolean(value));
    return json_is_true(value);
}

static double real(const json_t *figures, const char *name)
{
    const json_t *value = json_object_get(figures, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

/* While the e-mail service is away orders are confirmed all the same, and its mails are sent later.
 */
static void check_outage(const json_t *figures)
{
    const json_t *email = json_object_get(figures, "email");
    assert_true(number(email, "confirmed_meanwhile") > 0);
    assert_true(number(email, "backlog_max") > 0);
    assert_true(holds(figures, "mail_ok"));
}

static void test_all_orders_end_and_all_books_agree(void **state)
{
    (void)state;
    test_child *demo = start_demo("60", NULL, NULL);

    const int code = child_wait(demo);

    if (code != 0)
        print_error("%s\n", child_err(demo));
    assert_int_equal(code, 0);
    json_t *figures = read_figures(demo);
    assert_int_equal(number(figures, "orders"), 60);
    assert_int_equal(number(figures, "confirmed") + number(figures, "cancelled") +
                         number(figures, "payment_failed"),
                     60);
    assert_true(number(figures, "cancelled") > 0);
    assert_true(number(figures, "payment_failed") > 0);
    assert_int_equal(number(figures, "lost"), 0);
    assert_int_equal(number(figures, "doubled"), 0);
    assert_true(holds(figures, "money_ok"));
    assert_true(holds(figures, "stock_ok"));
    assert_true(holds(figures, "analytics_ok"));
    check_outage(figures);
    assert_true(real(figures, "p50_ms") > 0);
    assert_true(real(figures, "p99_ms") >= real(figures, "p50_ms"));
    assert_string_equal(json_string_value(json_object_get(figures, "seed")), "7");
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

    json_t *figures = read_figures(ledger);
    assert_false(holds(figures, "money_ok"));
    assert_true(holds(figures, "stock_ok"));
    json_decref(figures);
    figures = read_figures(stock);
    assert_true(holds(figures, "money_ok"));
    assert_false(holds(figures, "stock_ok"));
    json_decref(figures);
    child_free(ledger);
    child_free(stock);
}

/* Descendants whose parents have ended become ours (PR_SET_CHILD_SUBREAPER), so none can hide. */
static bool nothing_runs(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0)
        continue;
    return waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD;
}

static void test_an_interrupted_demo_leaves_nothing_running(void **state)
{
    (void)state;
    assert_true(nothing_runs());
    test_child *demo = start_demo("90", NULL, NULL);
    WAIT_UNTIL(!child_running(demo) || strstr(child_err(demo), "e-mail service is stopped"));

    child_signal(demo, SIGINT);

    assert_int_equal(child_wait(demo), 130);
    child_free(demo);
    WAIT_UNTIL(nothing_runs());
}

static void test_a_killed_demo_leaves_nothing_running(void **state)
{
    (void)state;
    assert_true(nothing_runs());
    test_child *demo = start_demo("90", NULL, NULL);
    WAIT_UNTIL(!child_running(demo) || strstr(child_err(demo), "e-mail service is stopped"));

    child_signal(demo, SIGKILL);

    assert_int_equal(child_wait(demo), 128 + SIGKILL);
    child_free(demo);
    WAIT_UNTIL(nothing_runs());
}

static void test_wrong_options_are_refused_by_name(void **state)
{
    (void)state;
    char path[512];
    test_child *demo = child_run(program(path), "--orders", "many", NULL);
    assert_int_equal(child_wait(demo), 64);
    assert_contains(child_err(demo), "--orders many");
    child_free(demo);

    demo = child_run(program(path), "--spoil", "dinner", NULL);
    assert_int_equal(child_wait(demo), 64);
    assert_contains(child_err(demo), "--spoil dinner");
    child_free(demo);
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    static const char *const names[] = {"--orders",       "--rate",  "--seed", "--provider-latency",
                                        "--mail-latency", "--spoil", "--json", "--help"};
    char path[512];
    char script[512];
    snprintf(script, sizeof(script), "%s/examples/checkout/demo",
             test_variable("SKALD_SOURCE_DIR"));

    test_child *demo = child_run(program(path), "--help", NULL);
    test_child *unbuilt = child_run(script, "--help", NULL);

    assert_int_equal(child_wait(demo), 0);
    assert_int_equal(child_wait(unbuilt), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_contains(child_out(demo), names[i]);
    assert_string_equal(child_out(unbuilt), child_out(demo));
    child_free(demo);
    child_free(unbuilt);
}

static int adopt_orphans(void **state)
{
    (void)state;
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_names_every_option),
        cmocka_unit_test(test_wrong_options_are_refused_by_name),
        cmocka_unit_test(test_all_orders_end_and_all_books_agree),
        cmocka_unit_test(test_falsified_books_are_found_by_two_demos_side_by_side),
        cmocka_unit_test(test_an_interrupted_demo_leaves_nothing_running),
        cmocka_unit_test(test_a_killed_demo_leaves_nothing_running),
    };
    return cmocka_run_group_tests(tests, adopt_orphans, NULL);
}
