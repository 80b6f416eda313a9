/* Running sagas of one plan are looked at with another in mind, and moved there where that is safe
 * (sagas/upgrade.h). */
#ifndef SKALD_DEFINITIONS_MOVING_H
#define SKALD_DEFINITIONS_MOVING_H

#include "pg/connection.h"
#include "upgrade.h"

enum { SKALD_MOVE_BATCH = 100 }; /* sagas of one transaction, whose rows are locked meanwhile */

/* Told of each saga that was looked at; `why` is "" for one that is safe. */
typedef void skald_move_told(void *user, const char *saga, skald_upgrade_kind kind,
                             const char *why);

typedef struct skald_move {
    const char *definition;
    uint32_t from_version;
    const skald_plan *from;
    uint32_t to_version;
    const skald_plan *to;
    const char *state_type; /* of the new definition */
    skald_renames renames;
    const char *actor; /* who moves them; NULL: they are only looked at */
    skald_move_told *told;
    void *user;
} skald_move;

/* Looks at all open sagas on `from`, and with an actor moves those that are safe, a batch in a
 * transaction: version, fingerprint, the machine's bytes, what is kept by steps, a line in the
 * history. The engine looks at each at once. The caller has no transaction open. */
skald_status skald_move_sagas(const skald_move *move, skald_pg *pg, skald_error *error);

#endif
