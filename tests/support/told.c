/* Shell scripts in a folder of the test, and what they have written there. */
#include "support/told.h"

#include "support/servers.h"
#include "support/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];

const char *told_command(const char *name, const char *body)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    const int file = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0700);
    assert_true(file >= 0);
    dprintf(file, "#!/bin/sh\ncd '%s' || exit 1\n%s", folder, body);
    close(file);
    return path;
}

const char *told_file(const char *name)
{
    static char text[8192];
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    const size_t size = file == NULL ? 0 : fread(text, 1, sizeof text - 1, file);
    if (file != NULL)
        fclose(file);
    text[size] = '\0';
    return text;
}

unsigned told_lines(const char *text)
{
    unsigned count = 0;
    for (; *text != '\0'; text++)
        count += *text == '\n';
    return count;
}

int told_setup(void **state)
{
    snprintf(folder, sizeof folder, "/tmp/skald-told-XXXXXX");
    return mkdtemp(folder) == NULL ? -1 : servers_setup(state);
}

int told_teardown(void **state)
{
    char line[128];
    snprintf(line, sizeof line, "rm -rf '%s'", folder);
    const int removed = system(line);
    const int ended = servers_teardown(state);
    return removed == 0 ? ended : -1;
}
