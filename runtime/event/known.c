/* Names and numbers of the headers we understand. */
#include "event/known.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name;
    size_t size;
} known_headers[SKALD_KNOWN_COUNT] = {
#define KNOWN_ENTRY(name, text) [SKALD_KNOWN_##name] = {text, sizeof text - 1},
    SKALD_KNOWN_LIST(KNOWN_ENTRY)
#undef KNOWN_ENTRY
};

const char *skald_known_name(skald_known header)
{
    assert(header < SKALD_KNOWN_COUNT);
    return known_headers[header].name;
}

skald_known skald_known_find(const char *name)
{
    const size_t size = strlen(name);
    for (int i = 0; i < SKALD_KNOWN_COUNT; i++) {
        if (known_headers[i].size == size && strcasecmp(known_headers[i].name, name) == 0)
            return (skald_known)i;
    }
    return SKALD_KNOWN_COUNT;
}
