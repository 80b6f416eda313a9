/* A scenario is a file that is both script and transcript: lines that begin with "> " tell what
 * happens, the lines below each are what the machine makes of it.
 *
 *     # Words about what is to be seen.
 *     > use checkout
 *     > 12:00:00 started
 *     12:00:00.000 (saga)            new -> running              started: the saga begins
 *     > 12:00:01 done reserve-items
 *
 * A command is an event with the name of a step or signal: `done charge-card`, `done
 * undo:charge-card`, `done charge-card 2` for its second round, `signal Approved`, `tick`, `retry
 * charge-card`; or `future`, which says what can move the saga; or `rounds charge-card 255`, as if
 * so many lay behind. A time without a day is on the day before it; "+3d" counts days from the
 * first. */
#ifndef TEST_SCENARIO_SCENARIO_H
#define TEST_SCENARIO_SCENARIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Runs what `script` says and writes it with its transcript. A command that cannot be read is
 * written with a line that says so. */
void scenario_run(const char *script, FILE *out);

/* How often each row of both tables was taken by all scenarios so far. */
extern uint32_t scenario_rows[256];
extern uint32_t scenario_saga_rows[256];

#endif
