/* One turn of sagas: up to 64 of them take what has happened to them, in one transaction if all
 * goes well, in several if something fails. */
#ifndef SKALD_ENGINE_TURN_H
#define SKALD_ENGINE_TURN_H

#include "followers/hub.h"
#include "pg/connection.h"
#include "pg/pipeline.h"
#include "supervisor/hand.h"

typedef struct skald_turn skald_turn;

/* A partition that is ours, as the leases said. */
typedef struct skald_turn_partition {
    uint32_t number;
    int64_t epoch;
    int64_t position;
} skald_turn_partition;

/* `pg` is borrowed; when it is lost the turn is closed with it. `hand` is that of the thread. */
skald_status skald_turn_open(skald_turn **out, skald_hub *hub, skald_pg *pg, skald_hand *hand,
                             skald_error *error);
void skald_turn_close(skald_turn *turn);

/* Takes what is due in these partitions. `*stepped` is how many sagas there were; when there
 * were any there may be more to do at once. SKALD_FENCED: a partition is no longer ours;
 * SKALD_UNAVAILABLE: the connection is lost. What was not committed is still to be done. */
skald_status skald_turn_run(skald_turn *turn, const skald_turn_partition *partitions, size_t count,
                            size_t *stepped, skald_error *error);

/* Sagas that were blocked because no program knew their definition go on, where this one does: to
 * be called when partitions were taken. */
skald_status skald_turn_released(skald_turn *turn, const skald_turn_partition *partitions,
                                 size_t count, skald_error *error);

/* In how many milliseconds the next saga of these partitions is due by itself, if that is less than
 * `*wait_ms`. */
skald_status skald_turn_next_due(skald_turn *turn, const skald_turn_partition *partitions,
                                 size_t count, int64_t *wait_ms, skald_error *error);

/* One turn of one saga that is looked at and never kept (whatif/). */
typedef struct skald_rehearsal {
    const char *saga;
    /* In the transaction, before the saga is loaded: may write what is to be assumed. */
    skald_status (*begin)(void *user, skald_pipeline *pipeline, skald_error *error);
    /* All rows are written, and the transaction is open on the turn's connection. Ends it. */
    skald_status (*look)(void *user, const skald_turn *turn, skald_error *error);
    void *user;
    int64_t now_ms; /* it is at least so late; set by `begin` */
} skald_rehearsal;

/* As often as failures of user code ask for it, `begin` runs again in a new transaction; `look`
 * runs at most once. What either of them fails with, and SKALD_TIMEOUT and SKALD_CONFLICT of any
 * statement, ends the rehearsal. */
skald_status skald_turn_rehearse(skald_turn *turn, skald_rehearsal *rehearsal, skald_error *error);

#endif
