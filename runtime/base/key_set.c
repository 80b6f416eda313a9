/* Linear probing, at most half full; removal moves later members of the run back. */
#include "base/key_set.h"

#include <stdlib.h>
#include <string.h>

enum { CAPACITY_MIN = 16 };

void skald_key_set_done(skald_key_set *set)
{
    for (size_t i = 0; i < set->capacity; i++)
        free(set->slots[i]);
    free(set->slots);
    *set = (skald_key_set){0};
}

static size_t home_of(const skald_key_set *set, const char *key)
{
    size_t hash = 5381;
    for (; *key != '\0'; key++)
        hash = hash * 33 ^ (unsigned char)*key;
    return (hash ^ hash >> 16) & (set->capacity - 1);
}

/* The slot that holds `key`, or the empty one where it would go. The set has room. */
static size_t slot_of(const skald_key_set *set, const char *key)
{
    size_t at = home_of(set, key);
    while (set->slots[at] != NULL && strcmp(set->slots[at], key) != 0)
        at = (at + 1) & (set->capacity - 1);
    return at;
}

bool skald_key_set_has(const skald_key_set *set, const char *key)
{
    return set->count > 0 && set->slots[slot_of(set, key)] != NULL;
}

static bool grow(skald_key_set *set)
{
    const size_t capacity = set->capacity == 0 ? CAPACITY_MIN : set->capacity * 2;
    skald_key_set larger = {.slots = calloc(capacity, sizeof *larger.slots), .capacity = capacity};
    if (larger.slots == NULL)
        return false;
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i] != NULL)
            larger.slots[slot_of(&larger, set->slots[i])] = set->slots[i];
    }
    larger.count = set->count;
    free(set->slots);
    *set = larger;
    return true;
}

bool skald_key_set_add(skald_key_set *set, const char *key)
{
    if (skald_key_set_has(set, key))
        return true;
    if (set->count * 2 >= set->capacity && !grow(set))
        return false;
    char *copy = strdup(key);
    if (copy == NULL)
        return false;
    set->slots[slot_of(set, copy)] = copy;
    set->count++;
    return true;
}

void skald_key_set_remove(skald_key_set *set, const char *key)
{
    if (!skald_key_set_has(set, key))
        return;
    size_t hole = slot_of(set, key);
    free(set->slots[hole]);
    set->slots[hole] = NULL;
    set->count--;
    for (size_t at = (hole + 1) & (set->capacity - 1); set->slots[at] != NULL;
         at = (at + 1) & (set->capacity - 1)) {
        char *moved = set->slots[at];
        set->slots[at] = NULL;
        set->slots[slot_of(set, moved)] = moved;
    }
}
