/* What the files of a turn share. A turn is one transaction for up to SKALD_TURN_SAGAS_MAX sagas:
 *
 *     load.c    reads and locks them, with what happened to them
 *     step.c    brings that to the machine, one event after another
 *     act.c     carries out what the machine decides
 *     call.c    runs user code
 *     write.c   collects rows, and sends them in a handful of statements
 *     turn.c    the transaction, and what happens when something in it fails
 */
#ifndef SKALD_ENGINE_INSIDE_H
#define SKALD_ENGINE_INSIDE_H

#include "base/arena.h"
#include "engine/call.h"
#include "engine/table.h"
#include "engine/turn.h"
#include "saga_code.h"

enum {
    SKALD_TURN_SAGAS_MAX = 64,
    SKALD_TURN_INPUTS_MAX = 32, /* of one saga in one turn */
    SKALD_TURN_PENDING_MAX = 2 * SKALD_SAGA_ACTIONS_MAX,
    SKALD_TURN_CALLS_MAX = 255, /* of one saga in one turn */
    SKALD_TURN_REASON_SIZE = SKALD_ERROR_TEXT_SIZE,
    SKALD_TURN_LINES_MAX = 64 * 1024, /* of one row of the history */
};

/* Something that happened; borrowed from the rows that were loaded. */
typedef struct skald_turn_input {
    int64_t id;
    skald_saga_event_kind event;
    const char *operation;
    const char *step;
    const char *name;
    const char *type;
    skald_bytes body;
    bool has_body;
    const char *reason;
    const char *actor;
    const char *message_id;
} skald_turn_input;

/* What is carried out in the transaction: a local step, a condition, or the answer to something
 * that could not even be sent. */
typedef struct skald_turn_pending {
    skald_saga_action_kind kind; /* RUN_LOCAL, ASK; anything else: `event` answers it */
    skald_operation operation;
    skald_operation undoes;
    uint16_t attempt;
    skald_saga_event_kind event;
    char *reason;
} skald_turn_pending;

/* A call of user code, to know it by its number when a statement of it fails. */
typedef struct skald_turn_call {
    skald_operation operation;
    uint16_t attempt;
    bool answers; /* a failure of it answers its operation; else it blocks the saga */
} skald_turn_call;

typedef struct skald_turn_saga {
    /* As loaded. */
    const char *id;
    uint32_t partition;
    const char *definition;
    uint32_t version;
    uint64_t fingerprint;
    skald_saga_phase phase;
    skald_bytes code; /* the machine's saga; data NULL: not begun */
    skald_bytes state;
    const char *state_type;
    bool due;
    bool locked; /* it waits for a lock */
    const char *blocked;
    const char *waits_for;
    const char *parent;
    const char *parent_operation;
    const char *root;
    uint32_t crashes;
    uint32_t turns;
    const char *correlation_id;
    const char *causation_id;
    const char *traceparent;
    const char *tracestate;
    size_t input_first;
    size_t input_count;

    /* As it becomes. */
    const skald_saga_kind *kind;
    skald_saga machine;
    bool changed;  /* a new row of the history is due */
    bool code_new; /* machine differs */
    bool state_new;
    bool more;   /* it goes on at once, in another transaction */
    bool called; /* a local step ran */
    uint32_t stale;
    uint32_t input_begun; /* of these, what comes before a beginning was brought */
    const char *lock;     /* that it waits for from now on */
    const char *block;    /* why it is blocked from now on */
    bool unblock;
    const char *reason;         /* of the last refusal or failure */
    skald_saga_event_kind said; /* which of the two */
    const char *denied;         /* why a request was refused */
    const char *actor;
    char *lines;
    size_t lines_size, lines_capacity;
    skald_turn_pending *pending; /* a ring */
    size_t pending_first, pending_count;
    skald_turn_call calls[SKALD_TURN_CALLS_MAX + 1];
    uint32_t call_count;
} skald_turn_saga;

/* What is known from an attempt that was rolled back: how a call ended whose effects must not
 * stay. */
typedef enum skald_turn_verdict_kind {
    SKALD_VERDICT_ANSWER, /* the operation is answered by `event` */
    SKALD_VERDICT_LOCK,   /* the local step waits for the lock */
    SKALD_VERDICT_BLOCK,  /* the saga is blocked */
} skald_turn_verdict_kind;

typedef struct skald_turn_verdict {
    skald_turn_verdict_kind kind;
    char saga[SKALD_SAGA_ID_SIZE_MAX + 1];
    skald_operation operation;
    uint16_t attempt;
    skald_saga_event_kind event;
    char text[SKALD_TURN_REASON_SIZE]; /* reason, or the lock's name */
} skald_turn_verdict;

struct skald_turn {
    skald_hub *hub;
    skald_pg *pg;
    skald_pipeline *pipeline;
    skald_hand *hand;
    skald_context context;
    skald_saga_call call;
    skald_item item;    /* stands for the operation in hand, for the context */
    skald_arena memory; /* of one transaction */

    /* The run in hand. */
    const skald_turn_partition *partitions;
    size_t partition_count;
    size_t round; /* which of them comes first */
    skald_rows *rows;
    int64_t now_ms;
    skald_turn_saga sagas[SKALD_TURN_SAGAS_MAX];
    size_t saga_count;
    skald_turn_input inputs[SKALD_TURN_SAGAS_MAX * SKALD_TURN_INPUTS_MAX];
    size_t input_count;
    bool strangers; /* inputs for sagas that are not there */
    char ids[SKALD_TURN_SAGAS_MAX][SKALD_SAGA_ID_SIZE_MAX + 1]; /* of those picked */
    bool alone[SKALD_TURN_SAGAS_MAX];
    size_t id_count;
    skald_saga_decision decision;
    skald_turn_verdict *verdicts;
    size_t verdict_count, verdict_capacity;
    uint32_t conflicts;
    skald_rehearsal *rehearsal; /* NULL: what is done is kept */
    bool rehearsed;             /* its `begin` or `look` has ended it */

    /* Rows on their way (write.c). */
    skald_outbox_writer events;
    skald_job_writer jobs;
    skald_table updates, histories, children, told, activities, abandoned, kept, waits;
    skald_array used;     /* inputs */
    skald_array parked;   /* inputs that wait: their saga is blocked */
    skald_array ended;    /* sagas */
    skald_array recalled; /* sagas whose waiting inputs are to be brought */
    skald_array unlocked; /* sagas that wait for no lock any more */
    skald_table moved;
};

/* Begins the reason of a saga whose definition no program knows. */
#define SKALD_TURN_GONE "definition "

/* --- load.c --------------------------------------------------------------------------------- */

/* Reads and locks sagas with their inputs: those of `ids`, or (count 0) what is due or was told
 * something, SKALD_TURN_SAGAS_MAX at most. */
skald_status skald_turn_load(skald_turn *turn, const size_t *ids, size_t count, skald_error *error);

/* Signals for sagas that are not there wait for them; anything else is forgotten, with a line in
 * the log. */
skald_status skald_turn_strangers(skald_turn *turn, skald_error *error);

/* --- step.c --------------------------------------------------------------------------------- */

/* Everything that is to happen to a saga now. */
skald_status skald_turn_step(skald_turn *turn, size_t index, skald_error *error);

/* Appends to its history. */
void skald_turn_line(skald_turn_saga *saga, const char *format, ...) SKALD_PRINTF(2, 3);

/* Remembers what is carried out next. */
skald_status skald_turn_pend(skald_turn_saga *saga, skald_turn_pending pending, skald_error *error);

/* --- act.c ---------------------------------------------------------------------------------- */

/* Carries out the decision in turn->decision. `input` is the one in hand, or NULL. */
skald_status skald_turn_act(skald_turn *turn, size_t index, const skald_turn_input *input,
                            skald_error *error);

/* --- call.c --------------------------------------------------------------------------------- */

/* How a call of user code ended: SKALD_OK; or the transaction is in trouble; or *said is what it
 * said, with the reason, and `rolls_back` whether it left anything behind that must go. */
typedef struct skald_turn_said {
    bool ok;
    skald_saga_event_kind event; /* REFUSED, FAILED */
    bool waits_for_lock;
    bool left_behind;
    char reason[SKALD_TURN_REASON_SIZE];
} skald_turn_said;

skald_status skald_turn_local(skald_turn *turn, size_t index, const skald_turn_pending *pending,
                              skald_turn_said *said, skald_error *error);
skald_status skald_turn_accept(skald_turn *turn, size_t index, const skald_saga_action *action,
                               const char *type, skald_bytes body, skald_turn_said *said,
                               skald_error *error);

/* Fills turn->call.command and command_type, in turn->memory. */
skald_status skald_turn_compose(skald_turn *turn, size_t index, const skald_saga_action *action,
                                skald_turn_said *said, skald_error *error);
skald_status skald_turn_condition(skald_turn *turn, size_t index, skald_operation operation,
                                  bool *needed, skald_error *error);

/* The work of an operation, and its key in turn->memory; NULL without memory. */
const skald_work *skald_turn_work(const skald_turn_saga *saga, skald_operation operation);
const char *skald_turn_key(skald_turn *turn, const skald_turn_saga *saga,
                           skald_operation operation);
/* The same as user code, participants and providers see it, with the service before it, because
 * sagas of two services may have the same id. */
const char *skald_turn_public_key(skald_turn *turn, const skald_turn_saga *saga,
                                  skald_operation operation);

/* Signals that came too early, as turn->kept holds them. */
#define SKALD_TURN_KEEP                                                                            \
    "INSERT INTO skald.saga_kept (saga, step, direction, type, body)"                              \
    " SELECT * FROM unnest($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"

/* --- write.c -------------------------------------------------------------------------------- */

void skald_turn_rows_init(skald_turn *turn);
void skald_turn_rows_done(skald_turn *turn);
void skald_turn_rows_clear(skald_turn *turn);

/* What has become of the saga, as rows. */
skald_status skald_turn_write(skald_turn *turn, skald_turn_saga *saga, skald_error *error);

/* Tells another saga of this service something. */
void skald_turn_tell(skald_turn *turn, const char *saga_id, const char *event,
                     const char *operation, const char *type, skald_bytes body, bool has_body,
                     const char *reason);

/* Sends all of it, and moves the positions. */
skald_status skald_turn_send(skald_turn *turn, skald_error *error);

/* --- turn.c --------------------------------------------------------------------------------- */

/* One transaction for these of turn->ids, or (count 0) for whatever is to be done. On failure
 * nothing of it happened, and *culprit is the number of the saga that caused it, or SIZE_MAX. */
skald_status skald_turn_try(skald_turn *turn, const size_t *ids, size_t count, size_t *culprit,
                            skald_error *error);

/* The verdict on a saga that fails alone for a reason that no statement of a call has. */
void skald_turn_verdict_of_trouble(skald_turn *turn, const char *id, const skald_error *failure);

/* What an earlier attempt of this turn has found out; NULL: nothing. */
const skald_turn_verdict *skald_turn_verdict_find(const skald_turn *turn,
                                                  const skald_turn_saga *saga,
                                                  skald_operation operation, uint16_t attempt);
const skald_turn_verdict *skald_turn_verdict_block(const skald_turn *turn,
                                                   const skald_turn_saga *saga);
skald_status skald_turn_verdict_add(skald_turn *turn, const skald_turn_verdict *verdict,
                                    skald_error *error);

#endif
