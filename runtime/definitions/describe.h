/* A saga's definition as bytes, and a definition made of such bytes: how a program that was not
 * built with it can still show, draw and compare it. */
#ifndef SKALD_DEFINITIONS_DESCRIBE_H
#define SKALD_DEFINITIONS_DESCRIBE_H

#include "base/arena.h"

#include <skald/message.h>
#include <skald/saga.h>

enum { SKALD_DESCRIBE_DEFINITIONS_MAX = 256 }; /* with children and theirs */

/* Describes `definition` and all it starts as children as a skald.v1.SagaDescription in `arena`.
 * The definition has no mistakes (skald_definition_check); `state_type` is the full name of the
 * message that is its state. Two calls give the same bytes. SKALD_FULL when there are too many
 * children or bytes, SKALD_NO_MEMORY. Any thread. */
skald_status skald_definition_describe(const skald_definition *definition, const char *state_type,
                                       skald_arena *arena, skald_bytes *out, skald_error *error);

/* What was described; all of it lives in the arena it was rebuilt in. */
typedef struct skald_described {
    const skald_definition *definition;
    const char *state_type;
    uint64_t fingerprint;
} skald_described;

/* The other way: a definition without mistakes whose fingerprint is the one that was described, and
 * whose code is placeholders that refuse. The bytes may come from anybody: SKALD_MALFORMED with
 * what is wrong in them, SKALD_FULL, SKALD_NO_MEMORY. Any thread. */
skald_status skald_definition_rebuild(skald_described *out, skald_bytes description,
                                      skald_arena *arena, skald_error *error);

#endif
