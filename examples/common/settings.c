/* The environment as settings. */
#include "common/settings.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_CONFIG 78 /* sysexits: wrong configuration */

const char *setting_text(const char *name, const char *otherwise)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : otherwise;
}

long setting_number(const char *name, long otherwise, long min, long max)
{
    const char *value = setting_text(name, NULL);
    if (value == NULL)
        return otherwise;
    char *end = NULL;
    errno = 0;
    const long number = strtol(value, &end, 10);
    if (errno != 0 || *end != '\0' || number < min || number > max) {
        fprintf(stderr, "%s=%s: must be a number from %ld to %ld\n", name, value, min, max);
        exit(EXIT_CONFIG);
    }
    return number;
}

unsigned setting_choice(const char *name, const char *const choices[], unsigned count)
{
    const char *value = setting_text(name, choices[0]);
    for (unsigned i = 0; i < count; i++)
        if (strcmp(value, choices[i]) == 0)
            return i;
    fprintf(stderr, "%s=%s: must be one of", name, value);
    for (unsigned i = 0; i < count; i++)
        fprintf(stderr, " %s", choices[i]);
    fputc('\n', stderr);
    exit(EXIT_CONFIG);
}

void setting_announce_port(const char *name, unsigned port)
{
    const char *path = setting_text(name, NULL);
    if (path == NULL)
        return;
    char unfinished[4096];
    snprintf(unfinished, sizeof(unfinished), "%s.new", path);
    FILE *file = fopen(unfinished, "w");
    const int written = file != NULL ? fprintf(file, "%u\n", port) : -1;
    const int closed = file != NULL ? fclose(file) : -1;
    if (written < 0 || closed != 0 || rename(unfinished, path) != 0) {
        fprintf(stderr, "%s=%s: cannot be written\n", name, path);
        exit(EXIT_CONFIG);
    }
}
