/* The demo of the thumbnails. */
#include "examples/demo.h"

/* A small one: `more` is one more option and its value, or NULL twice. */
static test_child *start_demo(const char *more, const char *value)
{
    const char *const options[] = {"--pictures", "40", "--threads", "1",   "--delay", "60",
                                   "--seed",     "7",  more,        value, NULL};
    return demo_start("thumbnails", options);
}

static void test_every_thumbnail_is_made_once_though_a_worker_is_killed(void **state)
{
    (void)state;
    test_child *demo = start_demo(NULL, NULL);

    demo_ends(demo, 0);

    json_t *figures = demo_figures(demo);
    assert_int_equal(demo_number(figures, "pictures"), 40);
    assert_int_equal(demo_number(figures, "made"), 39);
    assert_int_equal(demo_number(figures, "cancelled"), 1);
    assert_int_equal(demo_number(figures, "lost"), 0);
    assert_int_equal(demo_number(figures, "doubled"), 0);
    assert_int_equal(demo_number(figures, "wrong"), 0);
    assert_int_equal(demo_number(figures, "jobs"), 40);
    assert_true(demo_number(figures, "uploaded_twice") > 0);
    assert_true(demo_number(figures, "in_hand_when_killed") > 0);
    assert_true(demo_number(figures, "placeholders") > 0);
    assert_true(demo_real(figures, "three_workers_per_second") > 0);
    json_decref(figures);
    child_free(demo);
}

static void test_falsified_tables_are_found_by_two_demos_side_by_side(void **state)
{
    (void)state;
    test_child *pixels = start_demo("--spoil", "pixels");
    test_child *twice = start_demo("--spoil", "twice");

    demo_ends(pixels, 1);
    demo_ends(twice, 1);

    json_t *figures = demo_figures(pixels);
    assert_int_equal(demo_number(figures, "wrong"), 1);
    assert_int_equal(demo_number(figures, "doubled"), 0);
    json_decref(figures);
    figures = demo_figures(twice);
    assert_int_equal(demo_number(figures, "wrong"), 0);
    assert_int_equal(demo_number(figures, "doubled"), 1);
    json_decref(figures);
    child_free(pixels);
    child_free(twice);
}

static void test_an_interrupted_demo_leaves_nothing_running(void **state)
{
    (void)state;
    assert_true(demo_nothing_runs());
    test_child *demo = start_demo(NULL, NULL);
    WAIT_UNTIL(!child_running(demo) || strstr(child_err(demo), "two more workers"));

    child_signal(demo, SIGINT);

    assert_int_equal(child_wait(demo), 130);
    child_free(demo);
    WAIT_UNTIL(demo_nothing_runs());
}

static void test_wrong_options_are_refused_by_name(void **state)
{
    (void)state;
    demo_refuses("thumbnails", "--pictures", "3");
    demo_refuses("thumbnails", "--spoil", "dinner");
}

static void test_help_names_every_option(void **state)
{
    (void)state;
    static const char *const names[] = {"--pictures", "--rate", "--threads",  "--delay", "--seed",
                                        "--spoil",    "--json", "--no-build", "--help",  NULL};
    demo_helps("thumbnails", names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_help_names_every_option),
        cmocka_unit_test(test_wrong_options_are_refused_by_name),
        cmocka_unit_test(test_every_thumbnail_is_made_once_though_a_worker_is_killed),
        cmocka_unit_test(test_falsified_tables_are_found_by_two_demos_side_by_side),
        cmocka_unit_test(test_an_interrupted_demo_leaves_nothing_running),
    };
    return cmocka_run_group_tests(tests, demo_adopt_orphans, NULL);
}
