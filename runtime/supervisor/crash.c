/* What processes before this one left to be written down. */
#include "supervisor/shared.h"

#include <string.h>

bool skald_crash_next(skald_crash *out)
{
    skald_shared_worker *shared = skald_hand_shared();
    if (shared == NULL || shared->crash_next >= shared->crash_count)
        return false;
    *out = shared->crashes[shared->crash_next++];
    return true;
}

static bool same(const skald_crash *a, const skald_crash *b)
{
    return strcmp(a->process_id, b->process_id) == 0 && a->started_us == b->started_us &&
           memcmp(&a->work, &b->work, sizeof a->work) == 0;
}

void skald_crash_noted(const skald_crash *crash)
{
    skald_shared_worker *shared = skald_hand_shared();
    for (uint32_t i = 0; shared != NULL && i < shared->crash_count; i++) {
        if (!same(&shared->crashes[i], crash))
            continue;
        shared->crash_count--;
        memmove(&shared->crashes[i], &shared->crashes[i + 1],
                (shared->crash_count - i) * sizeof *crash);
        shared->crash_next -= i < shared->crash_next;
        return;
    }
}
