/* Starting and telling sagas, from anywhere: what is checked, and the statements. */
#ifndef SKALD_ENGINE_START_H
#define SKALD_ENGINE_START_H

#include "base/arena.h"
#include "engine/kinds.h"

/* A saga on its way; borrows from the arguments and the arena. */
typedef struct skald_new_saga {
    const skald_saga_kind *kind;
    const char *id;
    uint32_t partition;
    skald_bytes state;
} skald_new_saga;

/* Checks and encodes. The newest version of the definition's name is taken. SKALD_INVALID,
 * SKALD_FULL, SKALD_NO_MEMORY. */
skald_status skald_new_saga_compose(skald_new_saga *out, const skald_sagas *sagas,
                                    uint32_t partitions, const skald_definition *definition,
                                    const char *id, const ProtobufCMessage *state,
                                    skald_arena *arena, skald_error *error);

/* Is this an id? SKALD_INVALID says why not. */
skald_status skald_saga_id_check(const char *id, skald_error *error);

/* Its parameters are service, id, partition, definition, version, fingerprint, state_type, state,
 * correlation id, causation id, traceparent, tracestate; it answers whether the saga is new. */
#define SKALD_SAGA_START_SQL                                                                       \
    "SELECT skald.saga_start($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
enum { SKALD_SAGA_START_PARAMS = 12 };

/* `parent` (NULL: none): the message that led to it. */
void skald_new_saga_params(const skald_new_saga *saga, const char *service,
                           const skald_message *parent,
                           skald_param params[SKALD_SAGA_START_PARAMS]);

/* Tells a saga something: service, partition, id, event, name, type, body, reason, actor, message
 * id. Nothing happens in another service's database. */
#define SKALD_SAGA_TELL_SQL                                                                        \
    "INSERT INTO skald.saga_input (partition, saga, event, name, type, body, reason, actor,"       \
    " message_id) SELECT $2, $3, $4, $5, $6, $7, $8, $9, $10 FROM skald.service WHERE name = $1"
enum { SKALD_SAGA_TELL_PARAMS = 10 };

typedef struct skald_saga_telling {
    const char *id;
    const char *event; /* "signal", "cancel" */
    const char *name;
    const char *type; /* NULL: without a message */
    skald_bytes body;
    const char *reason;
    const char *message_id;
} skald_saga_telling;

void skald_saga_telling_params(const skald_saga_telling *telling, const char *service,
                               uint32_t partitions, skald_param params[SKALD_SAGA_TELL_PARAMS]);

/* Encodes the message of a signal (NULL: none) and checks id and name. */
skald_status skald_saga_signal_compose(skald_saga_telling *out, const char *id, const char *name,
                                       const ProtobufCMessage *message, skald_arena *arena,
                                       skald_error *error);

/* The handler of events that are signals (skald_saga_follow). */
skald_status skald_saga_event_handle(skald_context *context, const ProtobufCMessage *message);

#endif
