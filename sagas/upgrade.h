/* May a running saga go on with another plan of steps, and how does it look there? A pure decision:
 * who calls stores the saga that comes out, together with the new version and fingerprint, and
 * renumbers what it keeps by steps (`places`).
 *
 * What has begun must be there in the new plan: a step with the same work and the same undo, in the
 * same place, on the same side of the pivot. What has not begun may be changed, moved or removed,
 * and new steps may be added where the saga has not been yet. Tunings (timeouts, retries, deadline)
 * may change anywhere.
 *
 * A step that is called otherwise now is named by a map. Its name is part of the key that others
 * know its operation by, so only one whose key nobody will need again can be renamed. */
#ifndef SKALD_SAGAS_UPGRADE_H
#define SKALD_SAGAS_UPGRADE_H

#include "machine.h"

enum { SKALD_UPGRADE_WHY_SIZE = 320 };

typedef enum skald_upgrade_kind {
    SKALD_UPGRADE_SAFE,      /* `saga` is the saga on the new plan */
    SKALD_UPGRADE_NEEDS_MAP, /* it may be safe once it is said what a step is called now */
    SKALD_UPGRADE_UNSAFE,
} skald_upgrade_kind;

/* A step's name in the old plan and in the new one. */
typedef struct skald_rename {
    const char *from;
    const char *to;
} skald_rename;

typedef struct skald_renames {
    const skald_rename *list;
    size_t count;
} skald_renames;

typedef struct skald_upgrade {
    skald_upgrade_kind kind;
    char why[SKALD_UPGRADE_WHY_SIZE]; /* unless safe: a sentence that names the step */
    skald_saga saga;
    uint8_t places[SKALD_STEPS_MAX]; /* of each old step that has begun: where it stands now; of
                                        the others SKALD_STEP_NONE */
} skald_upgrade;

/* `saga` runs on `from` (same fingerprint). Both plans are of one definition, which `to` has in
 * another version or as it is. */
void skald_upgrade_decide(const skald_plan *from, const skald_plan *to, const skald_saga *saga,
                          skald_renames renames, skald_upgrade *out);

const char *skald_upgrade_words(skald_upgrade_kind kind);

#endif
