/* What a program of an example is told through its environment. A wrong value ends the program with
 * one sentence: nothing is guessed. */
#ifndef EXAMPLES_SETTINGS_H
#define EXAMPLES_SETTINGS_H

/* The variable's value; `otherwise` (which may be NULL) when it is not set. */
const char *setting_text(const char *name, const char *otherwise);

/* The same for a number in min..max. */
long setting_number(const char *name, long otherwise, long min, long max);

/* Which of the `count` words it is; 0, the first of them, when it is not set. */
unsigned setting_choice(const char *name, const char *const choices[], unsigned count);

/* Writes `port` into the file that this variable names, at once and whole, so that whoever started
 * us can read where we listen. Nothing to do when it is not set. */
void setting_announce_port(const char *name, unsigned port);

#endif
