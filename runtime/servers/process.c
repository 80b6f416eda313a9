/* Starting and ending one child process. */
#include "servers/process.h"

#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS 10000u
#define QUIT_MS 5000u
#define POLL_MS 2u
#define ENVIRONMENT_MAX 8

/* What a server sees of our environment: nothing that could redirect it. */
typedef struct surroundings {
    char home[300];
    char path[600];
    const char *items[ENVIRONMENT_MAX];
} surroundings;

static void make_surroundings(surroundings *out, const skald_account *account)
{
    const char *path = getenv("PATH");
    snprintf(out->home, sizeof out->home, "HOME=%s", account->home);
    snprintf(out->path, sizeof out->path, "PATH=%.500s:/usr/sbin:/usr/bin:/sbin:/bin",
             path != NULL ? path : "/usr/local/bin");
    const char *const items[] = {out->home, out->path, "LC_ALL=C.UTF-8", "TZ=UTC", NULL};
    memcpy(out->items, items, sizeof items);
}

/* ---- In the child, between fork and exec: only calls that are safe there. ---- */

static bool redirect(const skald_process_plan *plan)
{
    const char *name = plan->log != NULL ? plan->log : "/dev/null";
    const int in = open("/dev/null", O_RDONLY);
    const int out = open(name, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
    return in >= 0 && out >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2;
}

static void reset_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Everything but the standard three, the inherited one and the report closes at exec. */
static void keep_only(int keep)
{
    close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
    if (keep > 0)
        fcntl(keep, F_SETFD, 0);
}

/* The death signal is cleared by a change of user, so it comes after it; our parent may have died
 * before that, so we look. */
static bool bind_to_parent(const skald_process_plan *plan, pid_t parent)
{
    return prctl(PR_SET_PDEATHSIG, plan->death_signal) == 0 && getppid() == parent;
}

static _Noreturn void become(const skald_process_plan *plan, const surroundings *around,
                             pid_t parent, int report)
{
    reset_signals();
    umask(0077);
    if (setsid() >= 0 && skald_account_enter(plan->account) && bind_to_parent(plan, parent) &&
        redirect(plan) && chdir("/") == 0) {
        keep_only(plan->keep);
        execvpe(plan->argv[0], (char *const *)plan->argv, (char *const *)around->items);
    }
    const int reason = errno;
    const ssize_t written = write(report, &reason, sizeof reason);
    _exit(written == (ssize_t)sizeof reason ? 126 : 127);
}

/* ---- In the parent ---- */

/* The pipe closes when the program is running; before that it brings the errno of what failed. */
static int await_exec(int report)
{
    int reason = 0;
    ssize_t got;
    do
        got = read(report, &reason, sizeof reason);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)sizeof reason ? reason : 0;
}

skald_status skald_process_start(skald_process *process, const skald_process_plan *plan,
                                 skald_error *error)
{
    surroundings around;
    int report[2];
    assert(process->pid == 0);
    make_surroundings(&around, plan->account);
    if (pipe2(report, O_CLOEXEC) != 0)
        return skald_error_set(error, SKALD_UNAVAILABLE, "no pipe: %s", strerror(errno));
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0)
        become(plan, &around, parent, report[1]);
    close(report[1]);
    const int reason = pid > 0 ? await_exec(report[0]) : errno;
    close(report[0]);
    if (pid > 0 && reason != 0)
        waitpid(pid, NULL, 0);
    if (pid < 0 || reason != 0)
        return skald_error_set(error, SKALD_UNAVAILABLE, "%s cannot be started as user %s: %s",
                               plan->argv[0], plan->account->name, strerror(reason));
    *process = (skald_process){.pid = pid};
    return SKALD_OK;
}

skald_status skald_process_run(const skald_process_plan *plan, skald_error *error)
{
    skald_process process = {0};
    const skald_status status = skald_process_start(&process, plan, error);
    if (status != SKALD_OK)
        return status;
    while (!skald_process_wait(&process, UINT64_MAX))
        continue;
    if (WIFEXITED(process.status) && WEXITSTATUS(process.status) == 0)
        return SKALD_OK;
    char how[32];
    skald_process_describe(process.status, how, sizeof how);
    return skald_error_set(error, SKALD_FAILED, "%s ended with %s", plan->argv[0], how);
}

bool skald_process_running(skald_process *process)
{
    if (process->pid == 0)
        return false;
    pid_t answer;
    do
        answer = waitpid(process->pid, &process->status, WNOHANG);
    while (answer < 0 && errno == EINTR);
    /* ECHILD: somebody else has reaped it; that it has ended is all we can know. */
    if (answer != 0)
        process->pid = 0;
    return answer == 0;
}

bool skald_process_wait(skald_process *process, uint64_t ms)
{
    const uint64_t begun = skald_clock_ms();
    while (skald_process_running(process)) {
        if (skald_clock_ms() - begun >= ms)
            return false;
        skald_clock_sleep_ms(POLL_MS);
    }
    return true;
}

void skald_process_stop(skald_process *process, int signal)
{
    if (!skald_process_running(process))
        return;
    kill(process->pid, signal);
    kill(process->pid, SIGCONT); /* a paused one could not act on it */
    if (skald_process_wait(process, STOP_MS))
        return;
    kill(process->pid, SIGQUIT);
    if (!skald_process_wait(process, QUIT_MS))
        skald_process_kill(process);
}

void skald_process_kill(skald_process *process)
{
    if (!skald_process_running(process))
        return;
    kill(process->pid, SIGKILL);
    while (!skald_process_wait(process, UINT64_MAX))
        continue;
}

void skald_process_describe(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "signal %d", WTERMSIG(status));
    else
        snprintf(text, size, "exit code %d", WEXITSTATUS(status));
}
