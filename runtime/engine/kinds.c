/* A short list; looked through, never changed while sagas run. */
#include "engine/kinds.h"

#include <stdlib.h>
#include <string.h>

static uint32_t most(uint32_t one, uint32_t other)
{
    return one > other ? one : other;
}

static skald_status twin_check(const skald_sagas *sagas, const skald_definition *definition,
                               skald_error *error)
{
    for (const skald_saga_kind *kind = sagas->kinds; kind != NULL; kind = kind->next) {
        if (strcmp(kind->definition->name, definition->name) == 0 &&
            kind->definition->version == definition->version)
            return skald_error_set(error, SKALD_INVALID,
                                   "definition \"%s\" version %u is registered twice: raise the "
                                   "version of the newer one",
                                   definition->name, definition->version);
    }
    return SKALD_OK;
}

skald_status skald_saga_kind_add(skald_sagas *sagas, const skald_definition *definition,
                                 const skald_saga_options *options, skald_error *error)
{
    skald_status status = twin_check(sagas, definition, error);
    if (status != SKALD_OK)
        return status;
    skald_saga_kind *kind = calloc(1, sizeof *kind);
    if (kind == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a definition");
    if (options->id_field != NULL)
        status = skald_field_find(&kind->id_field, options->state, options->id_field, error);
    if (status != SKALD_OK) {
        free(kind);
        return status;
    }
    kind->definition = definition;
    kind->options = *options;
    skald_plan_make(&kind->plan, definition);
    kind->next = sagas->kinds;
    sagas->kinds = kind;
    sagas->threads = most(sagas->threads, options->threads);
    sagas->activity_threads = most(sagas->activity_threads, options->activity_threads);
    return SKALD_OK;
}

void skald_sagas_done(skald_sagas *sagas)
{
    while (sagas->kinds != NULL) {
        skald_saga_kind *next = sagas->kinds->next;
        free(sagas->kinds);
        sagas->kinds = next;
    }
}

const skald_saga_kind *skald_saga_kind_find(const skald_sagas *sagas, const char *name,
                                            uint32_t version, uint64_t fingerprint)
{
    for (const skald_saga_kind *kind = sagas->kinds; kind != NULL; kind = kind->next) {
        if (kind->definition->version == version && kind->plan.fingerprint == fingerprint &&
            strcmp(kind->definition->name, name) == 0)
            return kind;
    }
    return NULL;
}

const skald_saga_kind *skald_saga_kind_newest(const skald_sagas *sagas, const char *name)
{
    const skald_saga_kind *newest = NULL;
    for (const skald_saga_kind *kind = sagas->kinds; kind != NULL; kind = kind->next) {
        const bool same = strcmp(kind->definition->name, name) == 0;
        if (same && (newest == NULL || kind->definition->version > newest->definition->version))
            newest = kind;
    }
    return newest;
}

const skald_saga_kind *skald_saga_kind_of(const skald_sagas *sagas,
                                          const skald_definition *definition)
{
    for (const skald_saga_kind *kind = sagas->kinds; kind != NULL; kind = kind->next) {
        if (kind->definition == definition)
            return kind;
    }
    return NULL;
}
