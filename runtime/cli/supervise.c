/* One loop over signals, for the command, the servers and our own parent. */
#include "cli/supervise.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* How soon the end of our parent is noticed; of the rest signals tell at once. PR_SET_PDEATHSIG
 * would fire too early when the parent started us from a thread that ends. */
#define LOOK_MS 200

/* How long a command that was told to stop may take once nobody waits for it any more. */
#define ORPHAN_MS 10000u
#define LEFTOVER_MS 2000u

static const int handled[] = {SIGINT, SIGTERM, SIGHUP, SIGCHLD};

static void signal_set(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++)
        sigaddset(set, handled[i]);
}

skald_status skald_supervisor_init(skald_supervisor *supervisor, skald_error *error)
{
    sigset_t set;
    *supervisor = (skald_supervisor){.parent = getppid()};
    signal_set(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    supervisor->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (supervisor->signals < 0)
        return skald_error_set(error, SKALD_UNAVAILABLE, "signalfd: %s", strerror(errno));
    /* What a command leaves behind becomes our child, so that we can end it. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    return SKALD_OK;
}

static bool is_server(const skald_supervisor *supervisor, pid_t pid)
{
    return supervisor->servers != NULL &&
           (pid == skald_servers_pid(supervisor->servers, SKALD_SERVER_POSTGRES) ||
            pid == skald_servers_pid(supervisor->servers, SKALD_SERVER_NATS));
}

/* The servers' ends are taken by their own code. */
static void check_servers(skald_supervisor *supervisor)
{
    char reason[400];
    if (supervisor->servers == NULL || supervisor->broken ||
        skald_servers_running(supervisor->servers, reason, sizeof reason))
        return;
    fprintf(stderr, "skald dev: %s\n", reason);
    supervisor->broken = true;
}

static void reap(skald_supervisor *supervisor)
{
    siginfo_t ended = {0};
    check_servers(supervisor);
    while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
        const pid_t pid = ended.si_pid;
        int status = 0;
        if (is_server(supervisor, pid)) {
            check_servers(supervisor);
            if (is_server(supervisor, pid))
                return; /* the other server's end was said; this one's waits for the stop */
        } else if (waitpid(pid, &status, WNOHANG) == pid && pid == supervisor->command) {
            supervisor->command = 0;
            supervisor->status = status;
        }
        ended.si_pid = 0;
    }
}

/* A signal from the terminal has reached the command too; a second SIGINT could mean something else
 * to it. One that was sent to us alone is handed on. */
static void obey(skald_supervisor *supervisor, const struct signalfd_siginfo *info)
{
    supervisor->stopping = true;
    if (supervisor->command != 0 && info->ssi_code != SI_KERNEL)
        kill(supervisor->command, (int)info->ssi_signo);
}

static void read_signals(skald_supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (read(supervisor->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo != SIGCHLD)
            obey(supervisor, &info);
    }
    reap(supervisor);
}

static bool orphaned(const skald_supervisor *supervisor)
{
    return getppid() != supervisor->parent;
}

/* Waits for a signal or a moment. */
static void turn(skald_supervisor *supervisor)
{
    struct pollfd wait = {.fd = supervisor->signals, .events = POLLIN};
    poll(&wait, 1, LOOK_MS);
    read_signals(supervisor);
}

void skald_supervisor_wait(skald_supervisor *supervisor)
{
    while (!supervisor->stopping && !supervisor->broken && !orphaned(supervisor))
        turn(supervisor);
}

static _Noreturn void become(char **argv, pid_t parent)
{
    sigset_t set;
    signal_set(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    /* Should we be killed, the command ends too. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() == parent)
        execvp(argv[0], argv);
    const int reason = errno;
    fprintf(stderr, "skald dev: %s cannot be started: %s\n", argv[0], strerror(reason));
    _exit(reason == ENOENT ? 127 : 126);
}

/* Nobody waits for the command any more: ask it, then end it. */
static void end_command(skald_supervisor *supervisor)
{
    const uint64_t begun = skald_clock_ms();
    kill(supervisor->command, SIGTERM);
    while (supervisor->command != 0) {
        if (skald_clock_ms() - begun > ORPHAN_MS)
            kill(supervisor->command, SIGKILL);
        turn(supervisor);
    }
}

/* Our children but the servers get the signal; how many there are. The list of children holds only
 * those of our one thread. */
static size_t signal_leftovers(const skald_supervisor *supervisor, int signal)
{
    char path[64];
    long pid = 0;
    size_t count = 0;
    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    FILE *children = fopen(path, "re");
    while (children != NULL && fscanf(children, "%ld", &pid) == 1) {
        if (is_server(supervisor, (pid_t)pid))
            continue;
        kill((pid_t)pid, signal);
        count++;
    }
    if (children != NULL)
        fclose(children);
    return count;
}

static void end_leftovers(skald_supervisor *supervisor)
{
    const uint64_t begun = skald_clock_ms();
    size_t left = signal_leftovers(supervisor, SIGTERM);
    while (left > 0) {
        turn(supervisor);
        /* Those whose parents have just ended have come to us and need asking too. */
        left = signal_leftovers(supervisor,
                                skald_clock_ms() - begun > LEFTOVER_MS ? SIGKILL : SIGTERM);
    }
}

int skald_supervisor_run(skald_supervisor *supervisor, char **argv)
{
    const pid_t self = getpid();
    fflush(NULL);
    supervisor->command = fork();
    if (supervisor->command == 0)
        become(argv, self);
    if (supervisor->command < 0) {
        fprintf(stderr, "skald dev: no process for %s: %s\n", argv[0], strerror(errno));
        supervisor->command = 0;
        return 71; /* EX_OSERR */
    }
    while (supervisor->command != 0 && !supervisor->broken && !orphaned(supervisor))
        turn(supervisor);
    if (supervisor->command != 0)
        end_command(supervisor);
    end_leftovers(supervisor);
    return WIFSIGNALED(supervisor->status) ? 128 + WTERMSIG(supervisor->status)
                                           : WEXITSTATUS(supervisor->status);
}

void skald_supervisor_wait_alone(skald_supervisor *supervisor, int lock)
{
    bool said = false;
    while (!supervisor->stopping && !supervisor->broken && !orphaned(supervisor) &&
           flock(lock, LOCK_EX | LOCK_NB) != 0) {
        if (!said)
            fprintf(stderr, "skald dev: other commands still use these servers; waiting for them "
                            "(Ctrl-C stops all)\n");
        said = true;
        turn(supervisor);
    }
}
