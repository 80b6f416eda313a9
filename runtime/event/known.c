/* Names and numbers of the headers we understand. */
#include "event/known.h"

#include <assert.h>
#include <stdbool.h>
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

/* Names of the same size mostly differ at their end, and only others spell them in another case. */
static bool names_equal(const char *left, const char *right, size_t size)
{
    if (((left[size - 1] ^ right[size - 1]) | 0x20) != 0x20)
        return false;
    return memcmp(left, right, size) == 0 || strncasecmp(left, right, size) == 0;
}

skald_known skald_known_find(const char *name)
{
    const size_t size = strlen(name);
    for (int i = 0; i < SKALD_KNOWN_COUNT; i++) {
        if (known_headers[i].size == size && names_equal(known_headers[i].name, name, size))
            return (skald_known)i;
    }
    return SKALD_KNOWN_COUNT;
}
