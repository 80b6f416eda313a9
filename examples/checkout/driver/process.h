/* Child processes of the demo. They end with it, whatever happens to it. Start them from the thread
 * that main() runs on: a child is killed when the thread that made it ends. */
#ifndef DRIVER_PROCESS_H
#define DRIVER_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct demo_process {
    pid_t pid; /* 0: not running */
    const char *name;
    char log[512]; /* what it says on stdout and stderr is appended here */
} demo_process;

/* One more line of the child's environment: "NAME=value". The list ends with NULL. */
typedef const char *const process_environment[];

/* Starts `program` (a path, or a name to be found in PATH). process->name and ->log must be set. */
bool process_start(demo_process *process, const char *const argv[],
                   const char *const environment[]);

/* True while it runs; when it has ended, `*code` is its exit code, 128 + n for signal n. */
bool process_runs(demo_process *process, int *code);

/* Sends the signal, waits, and kills it after `wait_ms`. Returns the exit code. Nothing to do, and
 * 0, for a process that does not run. */
int process_stop(demo_process *process, int signal, long wait_ms);

/* Writes the last lines of its log to stderr. */
void process_show_log(const demo_process *process);

#endif
