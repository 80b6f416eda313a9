/* Command lines of the drivers, read with getopt_long. */
#ifndef EXAMPLES_OPTION_H
#define EXAMPLES_OPTION_H

#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>

#define OPTION_EXIT_USAGE 64

/* Takes the value of the option whose letter is `option`; false when it is not a possible one. */
typedef bool option_read(void *out, int option, const char *value);

/* Reads them all. True when the demo is to run; otherwise it said what there was to say, and
 * `*code` is the program's exit code. The letter 'h' asks for `help`. */
bool options_parse(int argc, char **argv, const struct option *known, const char *help,
                   option_read *read, void *out, int *code);

/* False when the text is not a number in min..max; `*out` is then left alone. */
bool option_number(const char *text, double min, double max, double *out);
bool option_unsigned(const char *text, unsigned min, unsigned max, unsigned *out);
bool option_milliseconds(const char *text, long max, long *out);

bool option_seed(const char *text, uint64_t *out);

/* One that nobody chose. */
uint64_t option_random_seed(void);

#endif
