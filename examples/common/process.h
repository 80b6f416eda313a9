/* Child processes of the demo. They end with it, whatever happens to it. Start them from the thread
 * that main() runs on: a child is killed when the thread that made it ends. */
#ifndef EXAMPLES_PROCESS_H
#define EXAMPLES_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct demo_process {
    pid_t pid; /* 0: not running */
    const char *name;
    char log[512]; /* what it says on stdout and stderr is appended here */
} demo_process;

/* A line of a child's environment: "NAME=value". */
typedef char process_setting[600];

/* Starts argv[0] (a path, or a name to be found in PATH) with our own environment and these lines
 * of it. process->name and ->log must be set. */
bool process_start(demo_process *process, const char *const argv[],
                   const char *const environment[]);

/* True while it runs; when it has ended, `*code` is its exit code, 128 + n for signal n. */
bool process_runs(demo_process *process, int *code);

/* Sends the signal, waits, and kills it after `wait_ms`. Returns the exit code. Nothing to do, and
 * 0, for a process that does not run. */
int process_stop(demo_process *process, int signal, long wait_ms);

/* The same, and says on stderr if it did not end with exit code 0. */
bool process_stop_well(demo_process *process, long wait_ms);

/* False, with what it said on stderr, when it was started and ended by itself. */
bool process_is_well(demo_process *process);
void process_say_ended(const demo_process *process, int code);

/* Freezes it and what it started, or lets it go on. */
void process_freeze(const demo_process *process, bool frozen);

/* Ends it and what it started at once, as a power cut does. */
void process_kill(demo_process *process);

/* Writes the last lines of its log to stderr. */
void process_show_log(const demo_process *process);

#endif
