/* posix_spawn, a pipe, and a look now and then. */
#include "keeper/alert_command.h"
#include "base/clock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SETTINGS_MAX = 16 };

extern char **environ;

/* Everything is in the pipe before the program starts, so that we never wait for its reading. */
static skald_status stdin_fill(int *read_end, const char *text, skald_error *error)
{
    int ends[2];
    const size_t size = strlen(text);
    if (size > SKALD_ALERT_TEXT_SIZE_MAX)
        return skald_error_set(error, SKALD_FULL, "an alert of %zu bytes is too long", size);
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
        return skald_error_set(error, SKALD_FAILED, "no pipe for an alert: %s", strerror(errno));
    const bool written =
        write(ends[1], text, size) == (ssize_t)size && write(ends[1], "\n", 1) == 1;
    close(ends[1]);
    /* The program expects a stdin that waits. */
    if (!written || fcntl(ends[0], F_SETFL, 0) != 0) {
        close(ends[0]);
        return skald_error_set(error, SKALD_FAILED, "an alert does not go into a pipe: %s",
                               strerror(errno));
    }
    *read_end = ends[0];
    return SKALD_OK;
}

/* Ours, without the names that `settings` sets. Only the list is allocated. */
static char **environment_new(const char *const *settings)
{
    size_t count = 0;
    while (environ[count] != NULL)
        count++;
    char **list = calloc(count + SETTINGS_MAX + 1, sizeof *list);
    if (list == NULL)
        return NULL;
    size_t used = 0;
    for (; settings[used] != NULL; used++) {
        assert(used < SETTINGS_MAX);
        list[used] = (char *)(uintptr_t)settings[used];
    }
    const size_t own = used;
    for (size_t i = 0; i < count; i++) {
        bool replaced = false;
        for (size_t k = 0; k < own && !replaced; k++)
            replaced = strncmp(environ[i], list[k], strcspn(list[k], "=") + 1) == 0;
        if (!replaced)
            list[used++] = environ[i];
    }
    return list;
}

/* A group of its own, so that what it starts can be ended with it; no signal blocked; none of our
 * files but stdout and stderr, because libraries do not close theirs. */
static int spawn(pid_t *pid, const char *path, int input, char **environment)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    char *const arguments[] = {(char *)(uintptr_t)path, NULL};
    const int failed = posix_spawn(pid, path, &files, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

skald_status skald_alert_command_begin(skald_alert_command *command, const char *path,
                                       const char *text, const char *const *settings,
                                       skald_error *error)
{
    assert(command->pid == 0);
    int input = -1;
    const skald_status status = stdin_fill(&input, text, error);
    if (status != SKALD_OK)
        return status;
    char **environment = environment_new(settings);
    const int failed =
        environment == NULL ? ENOMEM : spawn(&command->pid, path, input, environment);
    free(environment);
    close(input);
    command->deadline_ms = skald_clock_ms() + SKALD_ALERT_COMMAND_MS_MAX;
    if (failed == 0)
        return SKALD_OK;
    command->pid = 0;
    return skald_error_set(error, SKALD_FAILED,
                           "the alert command \"%s\" cannot be started: %s; "
                           "skald_options.alert_command is the path of a program",
                           path, strerror(failed));
}

/* When somebody else has reaped it, or the program ignores SIGCHLD, its exit code is lost: it did
 * run, so it counts as having told. */
static skald_alert_outcome outcome_of(bool known, int code, skald_error *error)
{
    if (!known || (WIFEXITED(code) && WEXITSTATUS(code) == 0))
        return SKALD_ALERT_TOLD;
    if (WIFEXITED(code))
        skald_error_set(error, SKALD_FAILED, "the alert command ended with code %d",
                        WEXITSTATUS(code));
    else
        skald_error_set(error, SKALD_FAILED, "the alert command was ended by signal %d",
                        WTERMSIG(code));
    return SKALD_ALERT_FAILED;
}

skald_alert_outcome skald_alert_command_look(skald_alert_command *command, skald_error *error)
{
    int code = 0;
    const pid_t ended = waitpid(command->pid, &code, WNOHANG);
    if (ended != 0) {
        command->pid = 0;
        return outcome_of(ended > 0, code, error);
    }
    if (skald_clock_ms() < command->deadline_ms)
        return SKALD_ALERT_RUNS;
    skald_alert_command_end(command);
    skald_error_set(error, SKALD_FAILED, "the alert command took longer than %d ms and was killed",
                    SKALD_ALERT_COMMAND_MS_MAX);
    return SKALD_ALERT_FAILED;
}

void skald_alert_command_end(skald_alert_command *command)
{
    if (command->pid == 0)
        return;
    kill(-command->pid, SIGKILL);
    while (waitpid(command->pid, NULL, 0) < 0 && errno == EINTR) {
    }
    command->pid = 0;
}
