/* What systemd hears of a supervised program. */
#include "support/notified.h"
#include "support/supervised.h"
#include "support/test.h"
#include "support/wait.h"

#include "supervisor/notify.h"

#include <signal.h>
#include <unistd.h>

/* Given a socket of this kind, a program of two workers says what the protocol wants, when it is
 * so. */
static void expect_conversation(notified_kind kind)
{
    const char *socket = notified_open(kind);
    test_child *child = supervised_start_in(
        "serve", "2", (const char *const[]){socket, "WATCHDOG_USEC=200000", "WATCHDOG_PID", NULL});
    WAIT_UNTIL(notified_count("READY=1\nSTATUS=2 of 2 worker processes run\n") == 1);
    WAIT_UNTIL(notified_count("WATCHDOG=1\n") > 2);
    kill(supervised_pid(child, "runs as ", 1), SIGKILL);
    WAIT_UNTIL(notified_count("STATUS=1 of 2 worker processes run\n") == 1);
    WAIT_UNTIL(notified_count("STATUS=2 of 2 worker processes run\n") == 2);
    assert_int_equal(notified_count("STOPPING=1"), 0);

    child_signal(child, SIGTERM);
    assert_int_equal(child_wait(child), 0);
    assert_int_equal(notified_count("STOPPING=1\nSTATUS=drains\n"), 1);
    assert_int_equal(notified_count("READY=1"), 1);
    assert_int_equal(supervised_says(child, "sees what is its supervisor's"), 0);
    child_free(child);
    notified_close();
}

static void test_a_program_says_when_it_runs_and_lives_and_stops(void **state)
{
    (void)state;
    expect_conversation(NOTIFIED_ABSTRACT);
    expect_conversation(NOTIFIED_FILE);
}

static void test_the_watchdog_is_not_fed_while_a_worker_stands_still(void **state)
{
    (void)state;
    const char *socket = notified_open(NOTIFIED_ABSTRACT);
    test_child *child = supervised_start_in(
        "serve", "2", (const char *const[]){socket, "WATCHDOG_USEC=100000", "WATCHDOG_PID", NULL});
    WAIT_UNTIL(notified_count("WATCHDOG=1\n") > 2);
    const pid_t frozen = supervised_pid(child, "runs as ", 1);
    kill(frozen, SIGSTOP);
    WAIT_UNTIL(strstr(child_err(child), "WORKER-SILENT") != NULL);

    /* The supervisor itself goes on: it replaces the other worker several times, which takes it
     * longer than it has between two signs of life. */
    notified_forget();
    for (int n = 2; n < 5; n++) {
        kill(supervised_pid(child, "runs as ", n), SIGKILL);
        WAIT_UNTIL(notified_count("STATUS=2 of 2 worker processes run\n") == n - 1);
    }
    assert_int_equal(notified_count("WATCHDOG=1"), 0);

    kill(frozen, SIGCONT);
    WAIT_UNTIL(notified_count("WATCHDOG=1\n") > 2);
    child_signal(child, SIGTERM);
    assert_int_equal(child_wait(child), 0);
    child_free(child);
    notified_close();
}

/* --- settings ------------------------------------------------------------------------------- */

static skald_notify notify_with(const char *socket, const char *microseconds, const char *pid)
{
    skald_notify_hide();
    if (socket != NULL)
        setenv("NOTIFY_SOCKET", socket, 1);
    if (microseconds != NULL)
        setenv("WATCHDOG_USEC", microseconds, 1);
    if (pid != NULL)
        setenv("WATCHDOG_PID", pid, 1);
    skald_notify notify;
    skald_notify_open(&notify);
    skald_notify_hide();
    return notify;
}

static void test_without_a_usable_socket_nothing_is_said(void **state)
{
    (void)state;
    const char *const names[] = {NULL, "", "/", "@", "relative", "vsock:2:1234", "/nowhere/at/all"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        skald_notify notify = notify_with(names[i], "1000000", NULL);
        assert_int_equal(notify.socket, -1);
        assert_false(skald_notify_hungry(&notify, 1000000));
        skald_notify_say(&notify, "READY=1");
        skald_notify_close(&notify);
    }
    char longer[300];
    memset(longer, 'x', sizeof longer - 1);
    longer[0] = '/';
    longer[sizeof longer - 1] = '\0';
    assert_int_equal(notify_with(longer, NULL, NULL).socket, -1);
}

static void test_a_watchdog_is_fed_twice_in_its_time_and_only_by_whom_it_is_for(void **state)
{
    (void)state;
    char self[16];
    const char *name = strchr(notified_open(NOTIFIED_FILE), '=') + 1;
    snprintf(self, sizeof self, "%d", (int)getpid());
    skald_notify notify = notify_with(name, "3000000", self);
    assert_int_equal(notify.watchdog_ms, 1500);
    assert_false(skald_notify_hungry(&notify, 1499));
    assert_true(skald_notify_hungry(&notify, 1500));
    skald_notify_feed(&notify, 1500);
    assert_int_equal(notified_count("WATCHDOG=1"), 1);
    assert_false(skald_notify_hungry(&notify, 2999));
    assert_true(skald_notify_hungry(&notify, 3000));
    assert_int_equal(skald_notify_silence_ms(&notify), 15000);
    skald_notify_close(&notify);

    notify = notify_with(name, "60000000", NULL);
    assert_int_equal(skald_notify_silence_ms(&notify), 30000);
    skald_notify_close(&notify);
    notify = notify_with(name, "3000000", "1");
    assert_int_equal(notify.watchdog_ms, 0);
    skald_notify_close(&notify);
    notified_close();
}

int main(int argc, char **argv)
{
    supervised_become(argc, argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_program_says_when_it_runs_and_lives_and_stops),
        cmocka_unit_test(test_the_watchdog_is_not_fed_while_a_worker_stands_still),
        cmocka_unit_test(test_without_a_usable_socket_nothing_is_said),
        cmocka_unit_test(test_a_watchdog_is_fed_twice_in_its_time_and_only_by_whom_it_is_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
