/* A supervised program that needs no server: its workers do what a test tells them, and say so. */
#ifndef TEST_SUPPORT_SUPERVISED_H
#define TEST_SUPPORT_SUPERVISED_H

#include "support/child.h"

/* First thing in main(): becomes that program when it was started as one, and does not return then.
 */
void supervised_become(int argc, char **argv);

/* Starts it with so many workers. `what` the first worker does:
 *
 *     serve              says "runs as <pid>" and waits for a stop
 *     <name of a crime>  says "offends as <pid>" and commits it with something in hand
 *     both <crime>       the same while another thread has something in hand
 *     other <crime>      that other thread has, and the one that commits it has not
 *     crash idle, end, refuse, hang in drain
 *
 * A later worker says what it was told of crashes and serves. The code of "serve" is
 * the setting TEST_CODE. */
test_child *supervised_start(const char *what, const char *processes);

/* The same with settings, as of child_start. */
test_child *supervised_start_in(const char *what, const char *processes,
                                const char *const *environment);

/* How often it has said this. */
int supervised_says(test_child *child, const char *what);

/* The process of the n-th worker that said so, such as "runs as "; 0: none has. */
pid_t supervised_pid(test_child *child, const char *word, int n);

#endif
