/* Children write into files without a name, so that they never wait for a reader. */
#include "support/child.h"

#include "support/test.h"
#include "support/wait.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 32

typedef struct captured {
    int file;
    char *text;
} captured;

struct test_child {
    pid_t pid;
    bool ended;
    int status;
    captured out;
    captured err;
};

static void set_environment(const char *const *environment)
{
    for (size_t i = 0; environment != NULL && environment[i] != NULL; i++) {
        if (strchr(environment[i], '=') != NULL)
            putenv((char *)(uintptr_t)environment[i]);
        else
            unsetenv(environment[i]);
    }
}

static _Noreturn void become(const test_child *child, const char *const *argv,
                             const char *const *environment, pid_t parent)
{
    const int in = open("/dev/null", O_RDONLY);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    set_environment(environment);
    if (getppid() == parent && dup2(in, 0) == 0 && dup2(child->out.file, 1) == 1 &&
        dup2(child->err.file, 2) == 2)
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    dprintf(2, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

test_child *child_start(const char *const *argv, const char *const *environment)
{
    test_child *child = calloc(1, sizeof *child);
    assert_non_null(child);
    child->out.file = memfd_create("out", MFD_CLOEXEC);
    child->err.file = memfd_create("err", MFD_CLOEXEC);
    assert_true(child->out.file >= 0 && child->err.file >= 0);
    /* Its lines are appended, so that a reader's position and several writers do not matter. */
    fcntl(child->out.file, F_SETFL, O_APPEND);
    fcntl(child->err.file, F_SETFL, O_APPEND);
    const pid_t parent = getpid();
    child->pid = fork();
    assert_true(child->pid >= 0);
    if (child->pid == 0)
        become(child, argv, environment, parent);
    return child;
}

test_child *child_run(const char *program, ...)
{
    const char *argv[ARGUMENTS_MAX + 1] = {program};
    va_list arguments;
    va_start(arguments, program);
    for (size_t i = 1; i < ARGUMENTS_MAX; i++)
        if ((argv[i] = va_arg(arguments, const char *)) == NULL)
            break;
    va_end(arguments);
    test_child *child = child_start(argv, NULL);
    child_wait(child);
    return child;
}

pid_t child_pid(const test_child *child)
{
    return child->pid;
}

bool child_running(test_child *child)
{
    if (!child->ended && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
        child->ended = true;
    return !child->ended;
}

void child_signal(test_child *child, int signal)
{
    if (child_running(child))
        kill(child->pid, signal);
}

void child_pause(test_child *child)
{
    assert_int_equal(kill(child->pid, SIGSTOP), 0);
    int status;
    assert_int_equal(waitpid(child->pid, &status, WUNTRACED), child->pid);
    assert_true(WIFSTOPPED(status));
}

void child_resume(test_child *child)
{
    assert_int_equal(kill(child->pid, SIGCONT), 0);
}

int child_wait(test_child *child)
{
    const uint64_t begun = wait_begin();
    while (child_running(child)) {
        if (skald_clock_ms() - begun > WAIT_MS)
            print_error("it said: %s%s\n", child_out(child), child_err(child));
        wait_more(begun, "the child's end", __FILE__, __LINE__);
    }
    return WIFSIGNALED(child->status) ? 128 + WTERMSIG(child->status) : WEXITSTATUS(child->status);
}

void child_await(test_child *child, const char *text)
{
    WAIT_UNTIL(strstr(child_err(child), text) != NULL || !child_running(child));
    if (strstr(child_err(child), text) == NULL)
        fail_msg("a process ended without \"%s\": %s", text, child_err(child));
}

static const char *read_capture(captured *capture)
{
    struct stat about;
    assert_int_equal(fstat(capture->file, &about), 0);
    const size_t size = (size_t)about.st_size;
    free(capture->text);
    capture->text = calloc(1, size + 1);
    assert_non_null(capture->text);
    assert_true(pread(capture->file, capture->text, size, 0) >= 0);
    return capture->text;
}

const char *child_out(test_child *child)
{
    return read_capture(&child->out);
}

const char *child_err(test_child *child)
{
    return read_capture(&child->err);
}

void child_free(test_child *child)
{
    if (child == NULL)
        return;
    if (child_running(child)) {
        kill(child->pid, SIGKILL);
        waitpid(child->pid, NULL, 0);
    }
    close(child->out.file);
    close(child->err.file);
    free(child->out.text);
    free(child->err.text);
    free(child);
}
