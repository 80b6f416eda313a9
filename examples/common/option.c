/* getopt_long, with one sentence for what is wrong. */
#include "common/option.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

bool option_number(const char *text, double min, double max, double *out)
{
    char *end = NULL;
    errno = 0;
    const double number = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(number >= min && number <= max))
        return false;
    *out = number;
    return true;
}

bool option_unsigned(const char *text, unsigned min, unsigned max, unsigned *out)
{
    double number = 0;
    if (!option_number(text, min, max, &number))
        return false;
    *out = (unsigned)number;
    return true;
}

bool option_milliseconds(const char *text, long max, long *out)
{
    double number = 0;
    if (!option_number(text, 0, (double)max, &number))
        return false;
    *out = (long)number;
    return true;
}

bool option_seed(const char *text, uint64_t *out)
{
    char *end = NULL;
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && end != text && *end == '\0';
}

uint64_t option_random_seed(void)
{
    uint32_t random = 1;
    (void)!getrandom(&random, sizeof(random), 0);
    return random;
}

static bool refuse(const char *name, const char *value, int *code)
{
    fprintf(stderr, "%s: --%s %s: not a possible value; see --help\n",
            program_invocation_short_name, name, value);
    *code = OPTION_EXIT_USAGE;
    return false;
}

bool options_parse(int argc, char **argv, const struct option *known, const char *help,
                   option_read *read, void *out, int *code)
{
    int option = 0;
    int index = 0;
    while ((option = getopt_long(argc, argv, "", known, &index)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            *code = 0;
            return false;
        }
        if (option == '?') {
            *code = OPTION_EXIT_USAGE;
            return false;
        }
        if (!read(out, option, optarg))
            return refuse(known[index].name, optarg, code);
    }
    if (optind < argc) {
        fprintf(stderr, "%s: \"%s\": no such argument; see --help\n", program_invocation_short_name,
                argv[optind]);
        *code = OPTION_EXIT_USAGE;
        return false;
    }
    return true;
}
