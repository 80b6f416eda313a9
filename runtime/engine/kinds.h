/* The definitions that this program knows, each made flat once. Filled before the service starts,
 * constant afterwards. */
#ifndef SKALD_ENGINE_KINDS_H
#define SKALD_ENGINE_KINDS_H

#include "engine/field.h"
#include "plan.h"

#include <skald/handler.h>
#include <skald/orchestration.h>

enum {
    SKALD_SAGA_THREADS_DEFAULT = 2,
    SKALD_SAGA_THREADS_MAX = 16,
    SKALD_SAGA_ACTIVITY_THREADS_DEFAULT = 4,
    SKALD_SAGA_EVENTS_MAX = 256,
};

/* Activities of sagas are jobs of this queue, and the duty has the same name. */
#define SKALD_SAGAS_NAME "@sagas"

/* One version of one definition. */
typedef struct skald_saga_kind {
    struct skald_saga_kind *next;
    const skald_definition *definition;
    skald_saga_options options;
    skald_field_path id_field; /* options.id_field found in options.state */
    skald_plan plan;
} skald_saga_kind;

/* Events of a type that are signals. */
typedef struct skald_saga_event_row {
    const ProtobufCMessageDescriptor *type;
    char definition[SKALD_NAME_SIZE_MAX + 1];
    char stream[SKALD_NAME_SIZE_MAX + 1];
    skald_field_path field;
    skald_handler handler;
} skald_saga_event_row;

typedef struct skald_sagas {
    skald_saga_kind *kinds;
    skald_saga_event_row events[SKALD_SAGA_EVENTS_MAX];
    uint32_t event_count;
    uint32_t threads;
    uint32_t activity_threads;
} skald_sagas;

/* Adds a definition without mistakes. SKALD_INVALID for a name and version that are there. */
skald_status skald_saga_kind_add(skald_sagas *sagas, const skald_definition *definition,
                                 const skald_saga_options *options, skald_error *error);

/* Frees all. */
void skald_sagas_done(skald_sagas *sagas);

/* NULL: this program does not know it. */
const skald_saga_kind *skald_saga_kind_find(const skald_sagas *sagas, const char *name,
                                            uint32_t version, uint64_t fingerprint);

/* The highest version of a name. */
const skald_saga_kind *skald_saga_kind_newest(const skald_sagas *sagas, const char *name);

/* Of this very definition: a step's child. */
const skald_saga_kind *skald_saga_kind_of(const skald_sagas *sagas,
                                          const skald_definition *definition);

#endif
