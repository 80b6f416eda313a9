/* A turn that is looked at instead of committed. Failures of user code become verdicts as ever, and
 * the turn begins again with them; there is no other saga whose sake it would be split for. */
#include "engine/inside.h"

#include <stdio.h>

enum { REHEARSALS_MAX = 64 }; /* no more calls fail in one turn, unless it goes round in circles */

static bool ends(const skald_turn *turn, skald_status status)
{
    return turn->rehearsed || status == SKALD_TIMEOUT || status == SKALD_CONFLICT ||
           status == SKALD_UNAVAILABLE || status == SKALD_NO_MEMORY;
}

skald_status skald_turn_rehearse(skald_turn *turn, skald_rehearsal *rehearsal, skald_error *error)
{
    const size_t only = 0;
    turn->rehearsal = rehearsal;
    turn->verdict_count = 0;
    turn->id_count = 1;
    snprintf(turn->ids[only], sizeof turn->ids[only], "%s", rehearsal->saga);
    for (int i = 0; i < REHEARSALS_MAX; i++) {
        const size_t verdicts_before = turn->verdict_count;
        size_t culprit;
        turn->rehearsed = false;
        const skald_status status = skald_turn_try(turn, &only, 1, &culprit, error);
        if (status == SKALD_OK || ends(turn, status))
            return status;
        if (turn->verdict_count == verdicts_before)
            skald_turn_verdict_of_trouble(turn, rehearsal->saga, error);
    }
    return error->status;
}
