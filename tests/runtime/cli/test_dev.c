/* skald dev, as people and scripts use it. Each test runs the real command. */
#include "support/child.h"
#include "support/test.h"
#include "support/wait.h"

#include "servers/files.h"
#include "servers/place.h"

#include <errno.h>
#include <pty.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A folder for one test, in which the servers' user may make others. */
typedef struct dev_fixture {
    char folder[64];
    char kept[80]; /* for --dir */
    char flag[80]; /* a file that a command waits for */
} dev_fixture;

static const char *cli(void)
{
    return test_variable("SKALD_CLI");
}

static int setup(void **state)
{
    dev_fixture *fixture = calloc(1, sizeof *fixture);
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/skald-test-XXXXXX");
    if (fixture == NULL || mkdtemp(fixture->folder) == NULL || chmod(fixture->folder, 0777) != 0)
        return -1;
    snprintf(fixture->kept, sizeof fixture->kept, "%s/kept", fixture->folder);
    snprintf(fixture->flag, sizeof fixture->flag, "%s/flag", fixture->folder);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    dev_fixture *fixture = *state;
    child_free(child_run("rm", "-rf", fixture->folder, NULL));
    free(fixture);
    return 0;
}

static void assert_ends(test_child *child, int exit_code)
{
    const int found = child_wait(child);
    if (found != exit_code)
        print_error("it said: %s%s\n", child_out(child), child_err(child));
    assert_int_equal(found, exit_code);
}

/* skald dev --ephemeral -- sh -c SCRIPT; $FLAG is the fixture's file. */
static test_child *start_ephemeral(const dev_fixture *fixture, const char *script)
{
    char flag[100];
    snprintf(flag, sizeof flag, "FLAG=%s", fixture->flag);
    const char *const argv[] = {cli(), "dev", "--ephemeral", "--", "sh", "-c", script, NULL};
    const char *const environment[] = {flag, NULL};
    return child_start(argv, environment);
}

static test_child *start_kept(const dev_fixture *fixture, const char *script)
{
    char flag[100];
    snprintf(flag, sizeof flag, "FLAG=%s", fixture->flag);
    const char *const argv[] = {cli(), "dev", "--dir", fixture->kept, "--",
                                "sh",  "-c",  script,  NULL};
    const char *const environment[] = {flag, NULL};
    return child_start(argv, environment);
}

static test_child *run_on_kept(const dev_fixture *fixture, const char *word)
{
    return child_run(cli(), "dev", word, "--dir", fixture->kept, NULL);
}

static void raise_flag(const dev_fixture *fixture)
{
    FILE *flag = fopen(fixture->flag, "w");
    assert_non_null(flag);
    fclose(flag);
}

#define UNTIL_FLAG "while [ ! -e $FLAG ]; do sleep 0.02; done;"

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool gone(pid_t pid)
{
    return kill(pid, 0) != 0 && errno == ESRCH;
}

static bool lines(const char *text, size_t count)
{
    for (; *text != '\0'; text++)
        count -= *text == '\n' && count > 0;
    return count == 0;
}

/* The nth line (from 0) that the command has printed. */
static void take_line(test_child *child, size_t number, char *line, size_t size)
{
    const char *text = child_out(child);
    for (; number > 0; number--)
        text = strchr(text, '\n') + 1;
    snprintf(line, size, "%.*s", (int)strcspn(text, "\n"), text);
}

/* No process of these servers is left: each of them would hold a lock. */
static bool servers_gone(const char *directory)
{
    char path[SKALD_PATH_SIZE];
    skald_account account;
    static const char *const locks[] = {"lock", "nats.lock", "postgres.lock"};
    assert_int_equal(skald_account_choose(&account, NULL), SKALD_OK);
    for (size_t i = 0; i < 3; i++) {
        skald_path_set(path, "%s/%s", directory, locks[i]);
        const int file = exists(path) ? skald_file_lock(path, &account, 0) : 0;
        if (file < 0)
            return false;
        if (file > 0)
            close(file);
    }
    return true;
}

/* ---- Commands ---- */

static void test_a_command_finds_both_servers_and_a_schema(void **state)
{
    test_child *child = start_ephemeral(
        *state, "psql -Atc 'SELECT count(*) FROM skald.outbox' && skald version && echo $NATS_URL");
    assert_ends(child, 0);
    assert_contains(child_out(child), "0\nskald " SKALD_VERSION "\nnats://");
    assert_contains(child_err(child), "ready in");
    child_free(child);
}

static void test_the_callers_settings_lead_nowhere_else(void **state)
{
    (void)state;
    const char *const argv[] = {cli(),  "dev",  "--ephemeral", "--",
                                "psql", "-Atc", "SELECT 1",    NULL};
    const char *const environment[] = {"PGHOSTADDR=192.0.2.1", "PGSERVICE=nowhere",
                                       "PGSSLMODE=verify-full", "PGOPTIONS=-c nonsense=1", NULL};
    test_child *child = child_start(argv, environment);
    assert_ends(child, 0);
    assert_string_equal(child_out(child), "1\n");
    child_free(child);
}

static void test_exit_codes_are_passed_on(void **state)
{
    test_child *code = start_ephemeral(*state, "exit 7");
    assert_ends(code, 7);
    test_child *signal = start_ephemeral(*state, "kill -TERM $$");
    assert_ends(signal, 143);
    test_child *missing =
        child_run(cli(), "dev", "--ephemeral", "--", "/nonexistent/program", NULL);
    assert_ends(missing, 127);
    assert_contains(child_err(missing), "/nonexistent/program cannot be started");
    child_free(code);
    child_free(signal);
    child_free(missing);
}

static void test_a_signal_is_handed_on_once(void **state)
{
    test_child *child = start_ephemeral(
        *state, "trap 'echo told; sleep 0.1; exit 9' TERM; echo ready; " UNTIL_FLAG);
    WAIT_UNTIL(strstr(child_out(child), "ready") != NULL);
    child_signal(child, SIGTERM);
    assert_ends(child, 9);
    assert_string_equal(child_out(child), "ready\ntold\n");
    child_free(child);
}

/* This program as a command: one line per SIGINT, until SIGTERM. */
#define COUNT_INTERRUPTS "count-interrupts"

static void say_told(int number)
{
    (void)number;
    if (write(STDOUT_FILENO, "told\n", 5) != 5)
        _exit(1);
}

static void leave(int number)
{
    (void)number;
    _exit(5);
}

static _Noreturn void count_interrupts(void)
{
    signal(SIGINT, say_told);
    signal(SIGTERM, leave);
    say_told(0); /* that it is ready */
    for (;;)
        pause();
}

static size_t count_told(const char *text)
{
    size_t count = 0;
    while ((text = strstr(text, "told\r\n")) != NULL) {
        count++;
        text++;
    }
    return count;
}

/* Reads what the terminal shows until it holds so many lines, or is gone. */
static size_t read_told(int terminal, char *said, size_t size, size_t count)
{
    while (count_told(said) < count) {
        const size_t filled = strlen(said);
        const ssize_t got = read(terminal, said + filled, size - 1 - filled);
        if (got <= 0)
            break;
        said[filled + (size_t)got] = '\0';
    }
    return count_told(said);
}

/* As people type it: the terminal sends SIGINT to the whole foreground group. */
static void test_ctrl_c_reaches_the_command_once(void **state)
{
    (void)state;
    enum { PRESSES = 60 }; /* a second signal may arrive before the first is handled, and be lost */
    char said[16384] = "";
    int terminal = -1;
    int status = 0;
    char self[512] = "";
    const char *program = cli();
    assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
    const pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
    if (pid < 0) {
        print_message("no terminals here: %s\n", strerror(errno));
        skip();
    }
    if (pid == 0) {
        execl(program, program, "dev", "--ephemeral", "--", self, COUNT_INTERRUPTS, (char *)NULL);
        _exit(127);
    }
    for (size_t pressed = 0; pressed < PRESSES; pressed++) {
        assert_int_equal(read_told(terminal, said, sizeof said, pressed + 1), pressed + 1);
        assert_int_equal(write(terminal, "\003", 1), 1);
    }
    assert_int_equal(read_told(terminal, said, sizeof said, PRESSES + 1), PRESSES + 1);
    kill(pid, SIGTERM);
    assert_int_equal(read_told(terminal, said, sizeof said, SIZE_MAX), PRESSES + 1);
    close(terminal);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), 5);
}

static void test_postgres_over_tcp_when_asked(void **state)
{
    (void)state;
    const char *const argv[] = {cli(),
                                "dev",
                                "--ephemeral",
                                "--pg-tcp",
                                "--",
                                "sh",
                                "-c",
                                "psql \"$SKALD_DEV_TCP\" -Atc 'SELECT inet_client_addr()';"
                                "PGPASSWORD=wrong psql -h 127.0.0.1 -c 'SELECT 1' 2>&1",
                                NULL};
    test_child *child = child_start(argv, NULL);
    assert_ends(child, 2);
    assert_contains(child_out(child), "127.0.0.1\n");
    assert_contains(child_out(child), "password authentication failed");
    child_free(child);
}

static void test_without_a_command_it_serves_until_told_to_stop(void **state)
{
    (void)state;
    const char *const argv[] = {cli(), "dev", "--ephemeral", NULL};
    test_child *child = child_start(argv, NULL);
    WAIT_UNTIL(strstr(child_out(child), "Ctrl-C stops all") != NULL);
    assert_contains(child_out(child), "Skald " SKALD_VERSION " dev, ephemeral");
    assert_contains(child_out(child), "deleted at exit");
    child_signal(child, SIGINT);
    assert_ends(child, 0);
    child_free(child);
}

static void test_two_at_once_share_nothing(void **state)
{
    const dev_fixture *fixture = *state;
    char first_line[512];
    char second_line[512];
    test_child *first = start_ephemeral(fixture, "echo $PGHOST $NATS_URL;" UNTIL_FLAG);
    test_child *second = start_ephemeral(fixture, "echo $PGHOST $NATS_URL;" UNTIL_FLAG);
    WAIT_UNTIL(lines(child_out(first), 1) && lines(child_out(second), 1));
    take_line(first, 0, first_line, sizeof first_line);
    take_line(second, 0, second_line, sizeof second_line);
    assert_string_not_equal(first_line, second_line);
    raise_flag(fixture);
    assert_ends(first, 0);
    assert_ends(second, 0);
    child_free(first);
    child_free(second);
}

/* ---- Ends ---- */

static void test_ephemeral_servers_and_their_directory_are_gone_at_the_end(void **state)
{
    char directory[512];
    test_child *child = start_ephemeral(*state, "echo $SKALD_DEV_DIRECTORY");
    assert_ends(child, 0);
    take_line(child, 0, directory, sizeof directory);
    assert_true(strlen(directory) > 5);
    assert_false(exists(directory));
    child_free(child);
}

static void test_what_a_command_leaves_running_is_ended(void **state)
{
    test_child *child = start_ephemeral(
        *state, "(trap '' TERM; sleep 1000) >/dev/null 2>&1 & setsid sleep 1000 & echo $!");
    assert_ends(child, 0);
    assert_true(gone((pid_t)atol(child_out(child))));
    child_free(child);
}

static void test_killing_it_leaves_nothing_running_and_the_next_one_sweeps(void **state)
{
    const dev_fixture *fixture = *state;
    char directory[512];
    char command[32];
    test_child *child = start_ephemeral(fixture, "echo $SKALD_DEV_DIRECTORY; echo $$;" UNTIL_FLAG);
    WAIT_UNTIL(lines(child_out(child), 2));
    take_line(child, 0, directory, sizeof directory);
    take_line(child, 1, command, sizeof command);
    assert_false(servers_gone(directory));
    child_signal(child, SIGKILL);
    assert_ends(child, 128 + SIGKILL);
    WAIT_UNTIL(servers_gone(directory));
    WAIT_UNTIL(gone((pid_t)atol(command)));
    test_child *next = start_ephemeral(fixture, "exit 0");
    assert_ends(next, 0);
    assert_false(exists(directory));
    child_free(child);
    child_free(next);
}

static void test_it_ends_with_the_process_that_started_it(void **state)
{
    const dev_fixture *fixture = *state;
    char script[1024];
    char directory[512];
    snprintf(script, sizeof script,
             "%s dev --ephemeral -- sh -c 'echo $SKALD_DEV_DIRECTORY; sleep 1000' & wait", cli());
    const char *const argv[] = {"sh", "-c", script, NULL};
    test_child *parent = child_start(argv, NULL);
    WAIT_UNTIL(lines(child_out(parent), 1));
    take_line(parent, 0, directory, sizeof directory);
    child_signal(parent, SIGKILL);
    assert_ends(parent, 128 + SIGKILL);
    WAIT_UNTIL(!exists(directory));
    child_free(parent);
    (void)fixture;
}

static void test_a_server_that_ends_by_itself_ends_the_command(void **state)
{
    test_child *child = start_ephemeral(
        *state, "kill -9 $(head -n 1 $SKALD_DEV_DIRECTORY/postgres/postmaster.pid);" UNTIL_FLAG);
    assert_ends(child, 69);
    assert_contains(child_err(child), "skald dev: PostgreSQL ended with signal 9");
    child_free(child);
}

/* ---- Kept state ---- */

static void test_state_is_kept_from_one_run_to_the_next(void **state)
{
    test_child *first = start_kept(*state, "psql -qc 'CREATE TABLE kept AS SELECT 42 AS n'");
    assert_ends(first, 0);
    test_child *second = start_kept(*state, "psql -Atc 'SELECT n FROM kept; SHOW fsync';"
                                            "echo \"${SKALD_ALLOW-safe}\"");
    assert_ends(second, 0);
    assert_string_equal(child_out(second), "42\non\nsafe\n");
    child_free(first);
    child_free(second);
}

static void test_killed_kept_servers_start_again_at_once(void **state)
{
    const dev_fixture *fixture = *state;
    test_child *first =
        start_kept(fixture, "psql -qc 'CREATE TABLE kept (n int)'; echo made;" UNTIL_FLAG);
    WAIT_UNTIL(lines(child_out(first), 1));
    child_signal(first, SIGKILL);
    assert_ends(first, 128 + SIGKILL);
    test_child *second = start_kept(fixture, "psql -Atc 'SELECT count(*) FROM kept'");
    assert_ends(second, 0);
    assert_string_equal(child_out(second), "0\n");
    child_free(first);
    child_free(second);
}

static void test_a_second_one_joins_the_first_and_is_waited_for(void **state)
{
    const dev_fixture *fixture = *state;
    test_child *first = start_kept(fixture, "echo $PGHOST $NATS_URL; " UNTIL_FLAG);
    WAIT_UNTIL(lines(child_out(first), 1));
    test_child *second =
        start_kept(fixture, "echo $PGHOST $NATS_URL; until [ -e $FLAG.2 ]; do sleep 0.02; done;"
                            "psql -Atc 'SELECT 1'");
    WAIT_UNTIL(lines(child_out(second), 1));
    assert_string_equal(child_out(first), child_out(second));
    assert_contains(child_err(second), "already running, process");
    raise_flag(fixture);
    WAIT_UNTIL(strstr(child_err(first), "other commands still use these servers") != NULL);
    char flag[100];
    snprintf(flag, sizeof flag, "%s.2", fixture->flag);
    child_free(child_run("touch", flag, NULL));
    assert_ends(second, 0);
    assert_ends(first, 0);
    child_free(first);
    child_free(second);
}

static void test_other_shells_can_ask_stop_and_reset(void **state)
{
    const dev_fixture *fixture = *state;
    char script[2048];
    const char *const argv[] = {cli(), "dev", "--dir", fixture->kept, NULL};
    test_child *stopped = run_on_kept(fixture, "status");
    assert_ends(stopped, 1);
    assert_contains(child_out(stopped), "not running");
    test_child *dev = child_start(argv, NULL);
    WAIT_UNTIL(strstr(child_out(dev), "Ctrl-C stops all") != NULL);
    test_child *running = run_on_kept(fixture, "status");
    assert_ends(running, 0);
    snprintf(script, sizeof script, "eval \"$(%s dev env --dir %s)\" && psql -Atc 'SELECT 1'",
             cli(), fixture->kept);
    test_child *shell = child_run("sh", "-c", script, NULL);
    assert_ends(shell, 0);
    assert_string_equal(child_out(shell), "1\n");
    snprintf(script, sizeof script,
             "psql=\"%s dev psql --dir %s --\"; status=$(%s dev status --json --dir %s);"
             "$psql -Atc \"SELECT '$status'::jsonb #>> '{environment,PGUSER}'\"",
             cli(), fixture->kept, cli(), fixture->kept);
    test_child *json = child_run("sh", "-c", script, NULL);
    assert_ends(json, 0);
    assert_string_equal(child_out(json), "skald\n");
    test_child *psql = child_run(cli(), "dev", "psql", "--dir", fixture->kept, "--", "-Atc",
                                 "SELECT current_database()", NULL);
    assert_string_equal(child_out(psql), "skald\n");
    test_child *early = child_run(cli(), "dev", "reset", "--yes", "--dir", fixture->kept, NULL);
    assert_ends(early, 75);
    test_child *stop = run_on_kept(fixture, "stop");
    assert_ends(stop, 0);
    assert_ends(dev, 0);
    assert_true(servers_gone(fixture->kept));
    test_child *again = run_on_kept(fixture, "stop");
    assert_ends(again, 1);
    test_child *unasked = run_on_kept(fixture, "reset");
    assert_ends(unasked, 77);
    assert_true(exists(fixture->kept));
    test_child *reset = child_run(cli(), "dev", "reset", "--yes", "--dir", fixture->kept, NULL);
    assert_ends(reset, 0);
    assert_false(exists(fixture->kept));
    test_child *const all[] = {stopped, dev,  json,  running, shell, psql,
                               early,   stop, again, unasked, reset};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        child_free(all[i]);
}

static void test_reset_never_deletes_what_is_not_ours(void **state)
{
    const dev_fixture *fixture = *state;
    raise_flag(fixture);
    test_child *child = child_run(cli(), "dev", "reset", "--yes", "--dir", fixture->folder, NULL);
    assert_ends(child, 64);
    assert_contains(child_err(child), "is not Skald's");
    assert_true(exists(fixture->flag));
    child_free(child);
}

/* ---- Users ---- */

static void test_missing_programs_are_said_with_69(void **state)
{
    (void)state;
    const char *const argv[] = {cli(), "dev", "--ephemeral", NULL};
    const char *const environment[] = {"SKALD_NATS_SERVER=/nonexistent", NULL};
    test_child *child = child_start(argv, environment);
    assert_ends(child, 69);
    assert_string_equal(child_err(child),
                        "skald dev: nats-server is not installed: apt-get install "
                        "--no-install-recommends postgresql nats-server\n");
    child_free(child);
}

/* As root, another user's uid; that user finds a copy of the program and has a home of its own. */
static void test_an_ordinary_user_can_run_it(void **state)
{
    const dev_fixture *fixture = *state;
    char script[1024];
    if (geteuid() != 0)
        skip();
    snprintf(script, sizeof script,
             "cp %s %s/skald && chmod 755 %s/skald && cd %s && "
             "mkdir state cache && chown nobody state cache && "
             "export XDG_STATE_HOME=%s/state XDG_CACHE_HOME=%s/cache && "
             "setpriv --reuid=nobody --regid=nogroup --clear-groups "
             "./skald dev --ephemeral -- sh -c 'id -un; psql -Atc \"SELECT 1\"' && "
             "setpriv --reuid=nobody --regid=nogroup --clear-groups "
             "./skald dev --name mine -- sh -c 'echo $SKALD_DEV_DIRECTORY'",
             cli(), fixture->folder, fixture->folder, fixture->folder, fixture->folder,
             fixture->folder);
    test_child *child = child_run("sh", "-c", script, NULL);
    assert_ends(child, 0);
    snprintf(script, sizeof script, "nobody\n1\n%s/state/skald/dev/mine\n", fixture->folder);
    assert_string_equal(child_out(child), script);
    child_free(child);
}

static void test_root_runs_the_servers_as_somebody_else(void **state)
{
    struct stat about;
    char directory[512];
    if (geteuid() != 0)
        skip();
    test_child *child = start_ephemeral(*state, "echo $SKALD_DEV_DIRECTORY; id -u;" UNTIL_FLAG);
    WAIT_UNTIL(lines(child_out(child), 2));
    take_line(child, 0, directory, sizeof directory);
    assert_int_equal(stat(directory, &about), 0);
    assert_int_not_equal(about.st_uid, 0);
    assert_contains(child_out(child), "\n0\n"); /* the command itself stays root */
    raise_flag(*state);
    assert_ends(child, 0);
    child_free(child);
}

static void test_a_user_without_a_name_is_told_so(void **state)
{
    const dev_fixture *fixture = *state;
    char script[512];
    if (geteuid() != 0)
        skip();
    snprintf(script, sizeof script,
             "cp %s %s/skald && chmod 755 %s/skald && "
             "setpriv --reuid=54321 --regid=54321 --clear-groups %s/skald dev --ephemeral",
             cli(), fixture->folder, fixture->folder, fixture->folder);
    test_child *child = child_run("sh", "-c", script, NULL);
    assert_ends(child, 69);
    assert_contains(child_err(child), "user id 54321 has no entry in /etc/passwd");
    child_free(child);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], COUNT_INTERRUPTS) == 0)
        count_interrupts();
#define DEV_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        DEV_TEST(test_a_command_finds_both_servers_and_a_schema),
        DEV_TEST(test_the_callers_settings_lead_nowhere_else),
        DEV_TEST(test_exit_codes_are_passed_on),
        DEV_TEST(test_a_signal_is_handed_on_once),
        DEV_TEST(test_ctrl_c_reaches_the_command_once),
        DEV_TEST(test_postgres_over_tcp_when_asked),
        DEV_TEST(test_without_a_command_it_serves_until_told_to_stop),
        DEV_TEST(test_two_at_once_share_nothing),
        DEV_TEST(test_ephemeral_servers_and_their_directory_are_gone_at_the_end),
        DEV_TEST(test_what_a_command_leaves_running_is_ended),
        DEV_TEST(test_killing_it_leaves_nothing_running_and_the_next_one_sweeps),
        DEV_TEST(test_it_ends_with_the_process_that_started_it),
        DEV_TEST(test_a_server_that_ends_by_itself_ends_the_command),
        DEV_TEST(test_state_is_kept_from_one_run_to_the_next),
        DEV_TEST(test_killed_kept_servers_start_again_at_once),
        DEV_TEST(test_a_second_one_joins_the_first_and_is_waited_for),
        DEV_TEST(test_other_shells_can_ask_stop_and_reset),
        DEV_TEST(test_reset_never_deletes_what_is_not_ours),
        DEV_TEST(test_missing_programs_are_said_with_69),
        DEV_TEST(test_an_ordinary_user_can_run_it),
        DEV_TEST(test_root_runs_the_servers_as_somebody_else),
        DEV_TEST(test_a_user_without_a_name_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
