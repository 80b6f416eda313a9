/* fork, exec, wait. */
#include "common/process.h"

#include "common/clock.h"

#include <errno.h> /* program_invocation_short_name */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 5
#define TAIL_SIZE 2000

extern char **environ;

static bool same_name(const char *left, const char *right)
{
    const size_t size = strcspn(left, "=");
    return strncmp(left, right, size) == 0 && right[size] == '=';
}

static bool is_replaced(const char *line, const char *const environment[])
{
    for (size_t i = 0; environment[i] != NULL; i++)
        if (same_name(environment[i], line))
            return true;
    return false;
}

/* Our own environment with these lines in it. The lines are borrowed. */
static const char **merge_environment(const char *const environment[])
{
    size_t count = 1;
    for (size_t i = 0; environ[i] != NULL; i++)
        count++;
    for (size_t i = 0; environment[i] != NULL; i++)
        count++;
    const char **merged = calloc(count, sizeof(*merged));
    size_t used = 0;
    for (size_t i = 0; merged != NULL && environ[i] != NULL; i++)
        if (!is_replaced(environ[i], environment))
            merged[used++] = environ[i];
    for (size_t i = 0; merged != NULL && environment[i] != NULL; i++)
        merged[used++] = environment[i];
    return merged;
}

/* In the child: only calls that are safe after a fork in a program with threads. Its own process
 * group keeps the terminal's Ctrl-C to us, who stop the children in order. */
static void become(const demo_process *process, pid_t parent, const char *const argv[],
                   const char *const environment[])
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int log = open(process->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (getppid() == parent && log >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
        dup2(log, STDERR_FILENO) >= 0)
        execvpe(argv[0], (char *const *)argv, (char *const *)environment);
    _exit(127);
}

bool process_start(demo_process *process, const char *const argv[], const char *const environment[])
{
    const char **merged = merge_environment(environment);
    if (merged == NULL)
        return false;
    const pid_t parent = getpid();
    const pid_t pid = fork();
    if (pid == 0)
        become(process, parent, argv, merged);
    free(merged);
    if (pid > 0)
        process->pid = pid;
    return pid > 0;
}

bool process_runs(demo_process *process, int *code)
{
    int status = 0;
    if (process->pid == 0)
        return false;
    if (waitpid(process->pid, &status, WNOHANG) != process->pid)
        return true;
    process->pid = 0;
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return false;
}

int process_stop(demo_process *process, int signal, long wait_ms)
{
    int code = 0;
    if (process->pid > 0)
        kill(process->pid, signal);
    for (long waited = 0; process_runs(process, &code); waited += LOOK_MS) {
        if (waited > wait_ms)
            kill(process->pid, SIGKILL);
        clock_sleep_ms(LOOK_MS);
    }
    return code;
}

bool process_stop_well(demo_process *process, long wait_ms)
{
    const int code = process_stop(process, SIGTERM, wait_ms);
    if (code != 0) {
        fprintf(stderr, "%s: %s was stopped and ended with exit code %d\n",
                program_invocation_short_name, process->name, code);
        process_show_log(process);
    }
    return code == 0;
}

void process_say_ended(const demo_process *process, int code)
{
    fprintf(stderr, "%s: %s ended by itself with exit code %d\n", program_invocation_short_name,
            process->name, code);
    process_show_log(process);
}

bool process_is_well(demo_process *process)
{
    int code = 0;
    const bool ran = process->pid != 0;
    if (!ran || process_runs(process, &code))
        return true;
    process_say_ended(process, code);
    return false;
}

void process_freeze(const demo_process *process, bool frozen)
{
    if (process->pid > 0)
        kill(-process->pid, frozen ? SIGSTOP : SIGCONT);
}

void process_kill(demo_process *process)
{
    if (process->pid == 0)
        return;
    kill(-process->pid, SIGKILL); /* its group: whatever it started too */
    process_stop(process, SIGKILL, 0);
}

void process_show_log(const demo_process *process)
{
    FILE *file = fopen(process->log, "r");
    if (file == NULL)
        return;
    char tail[TAIL_SIZE + 1];
    if (fseek(file, -TAIL_SIZE, SEEK_END) != 0)
        rewind(file);
    tail[fread(tail, 1, TAIL_SIZE, file)] = '\0';
    fprintf(stderr, "---- the end of %s\n%s----\n", process->log, tail);
    fclose(file);
}
