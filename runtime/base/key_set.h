/* A set of texts. Not thread-safe. */
#ifndef SKALD_BASE_KEY_SET_H
#define SKALD_BASE_KEY_SET_H

#include <stdbool.h>
#include <stddef.h>

/* Zero-initialised is an empty set. */
typedef struct skald_key_set {
    char **slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
} skald_key_set;

void skald_key_set_done(skald_key_set *set);

bool skald_key_set_has(const skald_key_set *set, const char *key);

/* False without memory. Adding twice is adding once. */
bool skald_key_set_add(skald_key_set *set, const char *key);

void skald_key_set_remove(skald_key_set *set, const char *key);

#endif
