/* The supervisor without a database: workers that do nothing but what a test tells them. */
#include "support/child.h"
#include "support/crime.h"
#include "support/supervised.h"
#include "support/test.h"
#include "support/wait.h"

#include <signal.h>
#include <unistd.h>

static void expect_code(test_child *child, int code)
{
    const int ended = child_wait(child);
    if (ended != code)
        fail_msg("exit code %d instead of %d: %s%s", ended, code, child_out(child),
                 child_err(child));
    child_free(child);
}

static void expect_drain(test_child *child)
{
    child_signal(child, SIGTERM);
    expect_code(child, 0);
}

/* Another worker was told of the one before it, and runs. */
#define AFTERWARDS "is gone\nruns as "

/* --- crimes --------------------------------------------------------------------------------- */

static bool is_sanitized(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return true;
#else
    return false;
#endif
}

/* Given a worker that commits it with something in hand, another one comes and is told what it was.
 */
static void expect_crime(const crime *of)
{
    char expected[256];
    test_child *child = supervised_start(of->name, "1");
    if (of->from_outside) {
        WAIT_UNTIL(supervised_says(child, "offends as"));
        kill(supervised_pid(child, "offends as ", 1), SIGKILL);
    }
    WAIT_UNTIL(supervised_says(child, AFTERWARDS));
    if (!(of->of_a_sanitizer && is_sanitized())) {
        snprintf(expected, sizeof expected,
                 "crash of %s: %s%s, sure, position 42 of letters in process-%d, started 1\n",
                 of->name, of->ending, of->timed_out ? ", timed out" : "",
                 (int)supervised_pid(child, "offends as ", 1));
        assert_contains(child_out(child), expected);
        if (of->backtrace) {
            snprintf(expected, sizeof expected, "crime_%s+0x", of->name);
            for (char *at = expected; *at != '\0'; at++)
                *at = *at == '-' ? '_' : *at;
            assert_contains(child_out(child), expected);
        }
        assert_contains(child_err(child), "WORKER-CRASHED");
        assert_contains(child_err(child), of->ending);
    }
    WAIT_UNTIL(strstr(child_err(child), "WORKER-REPLACED") != NULL);
    snprintf(expected, sizeof expected, "process-%d is gone",
             (int)supervised_pid(child, "offends as ", 1));
    assert_contains(child_out(child), expected);
    expect_drain(child);
}

static void test_whatever_ends_a_worker_is_told_to_the_next_one(void **state)
{
    (void)state;
    for (int i = 0; i < crime_count; i++) {
        print_message("crime %s\n", crimes[i].name);
        expect_crime(&crimes[i]);
    }
}

static void test_what_another_thread_has_in_hand_is_not_blamed(void **state)
{
    (void)state;
    test_child *child = supervised_start("both segv", "1");
    WAIT_UNTIL(supervised_says(child, AFTERWARDS));
    assert_contains(child_out(child), "crash of segv: SIGSEGV, sure");
    assert_false(supervised_says(child, "crash of innocent"));
    expect_drain(child);
}

static void test_all_in_hand_are_suspects_of_a_kill_from_outside(void **state)
{
    (void)state;
    test_child *child = supervised_start("both victim", "1");
    WAIT_UNTIL(supervised_says(child, "offends as"));
    kill(supervised_pid(child, "offends as ", 1), SIGKILL);
    WAIT_UNTIL(supervised_says(child, AFTERWARDS));
    assert_contains(child_out(child), "crash of victim: SIGKILL, position 42");
    assert_contains(child_out(child), "crash of innocent: SIGKILL, position 7");
    expect_drain(child);
}

static void test_the_one_in_hand_is_only_a_suspect_when_another_thread_crashed(void **state)
{
    (void)state;
    test_child *child = supervised_start("other segv", "1");
    WAIT_UNTIL(supervised_says(child, AFTERWARDS));
    assert_contains(child_out(child), "crash of innocent: SIGSEGV, position 7");
    assert_contains(child_out(child), "offend_empty_handed+0x");
    expect_drain(child);
}

/* What handled a signal before us, such as a sanitizer, still says what it has to say. */
static void test_a_sanitizer_reports_as_ever(void **state)
{
    (void)state;
    test_child *child = supervised_start("segv", "1");
    WAIT_UNTIL(supervised_says(child, AFTERWARDS));
    if (is_sanitized())
        assert_contains(child_err(child), "AddressSanitizer: SEGV");
    assert_contains(child_out(child), "crash of segv: SIGSEGV, sure");
    expect_drain(child);
}

/* --- ends ----------------------------------------------------------------------------------- */

static void test_a_refused_start_ends_all_with_its_code(void **state)
{
    (void)state;
    test_child *child = supervised_start("refuse", "1");
    assert_int_equal(child_wait(child), 78);
    assert_string_equal(child_err(child), "");
    child_free(child);
    expect_code(supervised_start("refuse", "3"), 78);
}

static void test_a_worker_that_always_ends_at_once_ends_all(void **state)
{
    (void)state;
    test_child *child = supervised_start("end", "1");
    assert_int_equal(child_wait(child), 78);
    assert_contains(child_err(child), "WORKER-GIVEN-UP");
    child_free(child);
    child = supervised_start("crash idle", "1");
    const int code = child_wait(child);
    assert_int_equal(code, is_sanitized() ? 1 : 128 + SIGSEGV);
    child_free(child);
}

static void test_a_worker_that_is_killed_is_replaced_and_others_stay(void **state)
{
    (void)state;
    test_child *child = supervised_start("serve", "3");
    WAIT_UNTIL(supervised_says(child, "runs as") == 3);
    kill(supervised_pid(child, "runs as ", 2), SIGKILL);
    WAIT_UNTIL(supervised_says(child, "runs as") == 4);
    assert_int_equal(supervised_says(child, "is gone"), 1);
    expect_drain(child);
}

static void test_the_code_of_the_drain_is_passed_on(void **state)
{
    (void)state;
    test_child *child =
        supervised_start_in("serve", "2", (const char *const[]){"TEST_CODE=75", NULL});
    WAIT_UNTIL(supervised_says(child, "runs as") == 2);
    child_signal(child, SIGINT);
    assert_int_equal(child_wait(child), 75);
    assert_int_equal(supervised_says(child, "drains"), 2);
    child_free(child);
}

static void test_a_second_signal_leaves_at_once(void **state)
{
    (void)state;
    test_child *child = supervised_start("hang in drain", "1");
    WAIT_UNTIL(supervised_says(child, "runs as"));
    const pid_t worker = supervised_pid(child, "runs as ", 1);
    child_signal(child, SIGTERM);
    /* Signals that come together are one: the first must have been taken. */
    while (child_running(child)) {
        usleep(20000);
        child_signal(child, SIGINT);
    }
    const int code = child_wait(child);
    assert_int_equal(code, 128 + SIGINT);
    WAIT_UNTIL(kill(worker, 0) != 0);
    child_free(child);
}

/* A terminal sends Ctrl-C to all of them, and systemd its SIGTERM; each worker gets it once more.
 */
static void test_a_signal_to_the_whole_group_is_one(void **state)
{
    (void)state;
    const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    for (int i = 0; i < 3; i++) {
        test_child *child = supervised_start("serve", "2");
        WAIT_UNTIL(supervised_says(child, "runs as") == 2);
        kill(supervised_pid(child, "runs as ", 1), signals[i]);
        child_signal(child, signals[i]);
        kill(supervised_pid(child, "runs as ", 2), signals[i]);
        assert_int_equal(child_wait(child), 0);
        child_free(child);
    }
}

static void test_a_killed_supervisor_takes_its_workers_along(void **state)
{
    (void)state;
    test_child *child = supervised_start("serve", "2");
    WAIT_UNTIL(supervised_says(child, "runs as") == 2);
    const pid_t first = supervised_pid(child, "runs as ", 1),
                second = supervised_pid(child, "runs as ", 2);
    child_signal(child, SIGKILL);
    WAIT_UNTIL(kill(first, 0) != 0 && kill(second, 0) != 0);
    expect_code(child, 128 + SIGKILL);
}

int main(int argc, char **argv)
{
    supervised_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whatever_ends_a_worker_is_told_to_the_next_one),
        cmocka_unit_test(test_what_another_thread_has_in_hand_is_not_blamed),
        cmocka_unit_test(test_all_in_hand_are_suspects_of_a_kill_from_outside),
        cmocka_unit_test(test_the_one_in_hand_is_only_a_suspect_when_another_thread_crashed),
        cmocka_unit_test(test_a_sanitizer_reports_as_ever),
        cmocka_unit_test(test_a_refused_start_ends_all_with_its_code),
        cmocka_unit_test(test_a_worker_that_always_ends_at_once_ends_all),
        cmocka_unit_test(test_a_worker_that_is_killed_is_replaced_and_others_stay),
        cmocka_unit_test(test_the_code_of_the_drain_is_passed_on),
        cmocka_unit_test(test_a_second_signal_leaves_at_once),
        cmocka_unit_test(test_a_signal_to_the_whole_group_is_one),
        cmocka_unit_test(test_a_killed_supervisor_takes_its_workers_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
