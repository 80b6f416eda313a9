/* Which crash point is armed, and how many passes are left. */
#include "base/crash_point.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_STATUS_KILLED = 137 };

static const char *const names[] = {
#define NAME(name, text) text,
    SKALD_CRASH_POINT_LIST(NAME)
#undef NAME
};

_Atomic skald_crash_point skald_crash_point_armed = SKALD_CRASH_POINT_COUNT;
static atomic_long passes_left;

bool skald_crash_point_arm(void)
{
    atomic_store(&skald_crash_point_armed, SKALD_CRASH_POINT_COUNT);
    const char *setting = getenv("SKALD_CRASH");
    if (setting == NULL || setting[0] == '\0')
        return true;
    const char *colon = strchr(setting, ':');
    const size_t name_size = colon == NULL ? strlen(setting) : (size_t)(colon - setting);
    char *end = NULL;
    const long passes = colon == NULL ? 1 : strtol(colon + 1, &end, 10);
    if (passes < 1 || (end != NULL && *end != '\0'))
        return false;
    for (int i = 0; i < SKALD_CRASH_POINT_COUNT; i++) {
        if (strlen(names[i]) == name_size && memcmp(names[i], setting, name_size) == 0) {
            atomic_store(&passes_left, passes);
            atomic_store(&skald_crash_point_armed, (skald_crash_point)i);
            return true;
        }
    }
    return false;
}

void skald_crash_point_hit(void)
{
    if (atomic_fetch_sub(&passes_left, 1) == 1)
        _exit(EXIT_STATUS_KILLED);
}

const char *skald_crash_point_name(skald_crash_point point)
{
    return names[point];
}
