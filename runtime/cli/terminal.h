/* What may be written to a terminal. */
#ifndef SKALD_CLI_TERMINAL_H
#define SKALD_CLI_TERMINAL_H

#include <stdio.h>

/* The sequences that begin and end bold text; empty unless `out` is a terminal that understands
 * them and NO_COLOR is not set. */
const char *skald_terminal_bold(FILE *out);
const char *skald_terminal_plain(FILE *out);

#endif
