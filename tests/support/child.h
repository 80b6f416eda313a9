/* A program run by a test, with what it says captured. It dies with the test's thread. */
#ifndef TEST_SUPPORT_CHILD_H
#define TEST_SUPPORT_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

typedef struct test_child test_child;

/* Starts argv[0] (looked up in PATH unless it holds a "/"). `environment` (NULL: nothing) lists
 * "NAME=value" to set on top of ours, or "NAME" to unset; both lists end with NULL. */
test_child *child_start(const char *const *argv, const char *const *environment);

/* child_run("skald", "version", NULL) in one line: starts it and waits. */
test_child *child_run(const char *program, ...);

pid_t child_pid(const test_child *child);
bool child_running(test_child *child);
void child_signal(test_child *child, int signal);

/* From the return on all its threads stand still, and nobody is told; they go on. */
void child_pause(test_child *child);
void child_resume(test_child *child);

/* Waits for its end; its exit code, or 128 + the signal that ended it. Fails the test, with what it
 * has said, if it does not end. */
int child_wait(test_child *child);

/* Waits until it has written this to its stderr. Fails the test, with what it has said, if it ends
 * without a word of it. */
void child_await(test_child *child, const char *text);

/* What it has written so far; valid until the next call on this child. */
const char *child_out(test_child *child);
const char *child_err(test_child *child);

/* Kills it if it still runs. NULL is accepted. */
void child_free(test_child *child);

#endif
