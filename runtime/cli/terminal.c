/* Terminal sequences. */
#include "cli/terminal.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool fancy(FILE *out)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return isatty(fileno(out)) == 1 && (no_color == NULL || *no_color == '\0') &&
           terminal != NULL && strcmp(terminal, "dumb") != 0;
}

const char *skald_terminal_bold(FILE *out)
{
    return fancy(out) ? "\033[1m" : "";
}

const char *skald_terminal_plain(FILE *out)
{
    return fancy(out) ? "\033[0m" : "";
}
