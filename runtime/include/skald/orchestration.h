/* Sagas that run: definitions (<skald/saga.h>) are registered with a service, started by id in any
 * transaction, and stepped by whichever process owns the partition of the id.
 *
 *     skald_saga_options options = SKALD_SAGA_OPTIONS_INIT;
 *     options.state = &shop__v1__checkout__descriptor;
 *     options.id_field = "order_id";
 *     skald_orchestrate(service, &checkout, &options);
 *
 * A saga carries a protobuf message, its state. Local steps see and change it in the saga's own
 * transaction; activities see it; commands and children are composed from it; `accept` takes what
 * came back into it. Everything a turn of a saga does commits together with the saga's row. */
#ifndef SKALD_ORCHESTRATION_H
#define SKALD_ORCHESTRATION_H

#include <protobuf-c/protobuf-c.h>
#include <skald/context.h>
#include <skald/saga.h>
#include <skald/service.h>

#ifdef __cplusplus
extern "C" {
#endif

struct pg_conn; /* libpq's PGconn */

/* What becomes of open sagas whose version of a definition no program knows any more. */
typedef enum skald_gone {
    SKALD_GONE_REFUSES = 0, /* the service refuses to start, and names them */
    SKALD_GONE_PARKS,       /* it starts, and they wait, blocked, for a program that knows them */
} skald_gone;

typedef struct skald_saga_options {
    size_t size;                             /* sizeof(skald_saga_options) */
    const ProtobufCMessageDescriptor *state; /* the type of its state; required */
    const char *id_field; /* path of the state's field that is the id where none is given:
                             "order_id", "order.id"; NULL: the id is always given */
    bool commit_each;     /* each local step commits by itself; default: those in a row together */
    skald_gone gone;
    uint32_t
        threads; /* that step sagas, in each process; of all registrations the most counts; 2 */
    uint64_t keep_ms; /* how long an ended saga can be looked at, taken back by its parent and moved
                         by late answers, and not be started anew; 0: 30 days */
    uint32_t activity_threads; /* that run activities of sagas; the most counts; 4 */
} skald_saga_options;

#define SKALD_SAGA_OPTIONS_INIT                                                                    \
    {                                                                                              \
        .size = sizeof(skald_saga_options)                                                         \
    }

#define SKALD_SAGA_ID_SIZE_MAX 160u

/* This service runs sagas of `definition`, which it borrows. Once per definition and version, and
 * for the definitions of children too; before the start. Several versions of one name may be
 * registered: new sagas take the highest, running ones stay with theirs. What is wrong is
 * remembered and answered by skald_service_start too, in a sentence for each mistake. */
SKALD_API skald_status skald_orchestrate(skald_service *service, const skald_definition *definition,
                                         const skald_saga_options *options);

/* Events of this type in `stream` are signals, named by their type, for the saga whose id stands in
 * `field` ("order_id", "order.id"): a step with .wait_for = "shop.v1.PaymentCompleted" takes them.
 * `definition` names whose sagas are meant, for people. Before the start. */
SKALD_API skald_status skald_saga_follow(skald_service *service, const char *stream,
                                         const ProtobufCMessageDescriptor *type,
                                         const char *definition, const char *field);

/* --- in a handler, an activity or a step ------------------------------------------------------ */

/* Starts a saga in the transaction in hand; nothing happens when there is one with this id. `id`
 * (NULL: from options.id_field) is UTF-8 without control characters, at most SKALD_SAGA_ID_SIZE_MAX
 * bytes. SKALD_INVALID for a definition that is not registered or a state of another type. */
SKALD_API skald_status skald_saga_start(skald_context *context, const skald_definition *definition,
                                        const char *id, const ProtobufCMessage *state);

/* Tells a saga of something by name; a step with .wait_for = `name` takes it. Kept when it comes
 * before the step, and for a week when it comes before the saga. `message` may be NULL. */
SKALD_API skald_status skald_saga_signal(skald_context *context, const char *id, const char *name,
                                         const ProtobufCMessage *message);

/* Asks a saga to turn back; it refuses once its pivot is done. */
SKALD_API skald_status skald_saga_cancel(skald_context *context, const char *id,
                                         const char *reason);

/* --- on the caller's own libpq connection ----------------------------------------------------- */

/* The same, in whatever transaction is open there; statuses as skald_publish_on. `started` (NULL:
 * not wanted): false when there was one with this id. After the COMMIT, call skald_ring. */
SKALD_API skald_status skald_saga_start_on(skald_service *service, struct pg_conn *connection,
                                           const skald_definition *definition, const char *id,
                                           const ProtobufCMessage *state, bool *started,
                                           skald_error *error);
SKALD_API skald_status skald_saga_signal_on(skald_service *service, struct pg_conn *connection,
                                            const char *id, const char *name,
                                            const ProtobufCMessage *message, skald_error *error);
SKALD_API skald_status skald_saga_cancel_on(skald_service *service, struct pg_conn *connection,
                                            const char *id, const char *reason, skald_error *error);

typedef struct skald_saga_view {
    char definition[SKALD_NAME_SIZE_MAX + 1];
    uint32_t version;
    char phase[16];      /* new running compensating completed compensated */
    char future[16];     /* what can move it: start time message child person lock blocked ended */
    char waits_for[256]; /* the same in words */
    char reason[256];    /* of the last refusal or failure */
    bool ended;
    uint32_t turns;
    char state_type[256];
    size_t state_size; /* of the encoded state, which may be larger than the room given */
} skald_saga_view;

/* Looks at a saga. Its encoded state is copied to `state` up to `room` bytes (NULL and 0: not
 * wanted). SKALD_NOT_FOUND: there is none with this id. */
SKALD_API skald_status skald_saga_look_on(skald_service *service, struct pg_conn *connection,
                                          const char *id, skald_saga_view *out, void *state,
                                          size_t room, skald_error *error);

/* --- inside a step ---------------------------------------------------------------------------- */

/* The state, decoded. What a local step or an `accept` changes in it is kept when it returns
 * SKALD_OK; in all others it is a copy. NULL outside of steps. */
SKALD_API ProtobufCMessage *skald_saga_state(skald_context *context);

/* The saga's id; "" outside of steps. */
SKALD_API const char *skald_saga_id(const skald_context *context);

/* In an undo: the operation key of the run that it undoes; "" otherwise. The key of the step itself
 * is skald_idempotency_key. */
SKALD_API const char *skald_saga_undoes(const skald_context *context);

/* In `accept`: the reply, result, event or child's state in hand, decoded. NULL when there is none,
 * or it is of another type. */
SKALD_API const ProtobufCMessage *skald_saga_answer(skald_context *context,
                                                    const ProtobufCMessageDescriptor *descriptor);

/* In `compose`: the command, or the state that the child begins with; encoded during the call. A
 * command without `compose` sends the state, whose type must then be the command's. */
SKALD_API skald_status skald_command(skald_context *context, const ProtobufCMessage *message);

/* In a local step: takes a lock against other sagas, held until this one ends. SKALD_OK: held.
 * SKALD_NOT_YET: another saga holds it: return that; what the step did is rolled back, and it runs
 * again when it is this saga's turn. One round trip. */
SKALD_API skald_status skald_lock(skald_context *context, const char *name);

/* Lets go of it earlier, when this turn commits. */
SKALD_API skald_status skald_unlock(skald_context *context, const char *name);

#ifdef __cplusplus
}
#endif

#endif
