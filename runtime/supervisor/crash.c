/* What processes before this one left to be written down, as the worker after them sees it. */
#include "supervisor/shared.h"
#include "supervisor/supervised.h"

#include <string.h>

bool skald_crash_next(skald_crash *out)
{
    skald_shared_worker *shared = skald_hand_shared();
    if (shared == NULL || shared->crash_next >= shared->crash_count)
        return false;
    *out = shared->crashes[shared->crash_next++];
    return true;
}

static bool is_same(const skald_crash *a, const skald_crash *b)
{
    return strcmp(a->process_id, b->process_id) == 0 && a->started_us == b->started_us &&
           memcmp(&a->work, &b->work, sizeof a->work) == 0;
}

void skald_crash_noted(const skald_crash *crash)
{
    skald_shared_worker *shared = skald_hand_shared();
    for (uint32_t i = 0; shared != NULL && i < shared->crash_count; i++) {
        if (!is_same(&shared->crashes[i], crash))
            continue;
        shared->crash_count--;
        memmove(&shared->crashes[i], &shared->crashes[i + 1],
                (shared->crash_count - i) * sizeof *crash);
        shared->crash_next -= i < shared->crash_next;
        return;
    }
}

bool skald_dead_next(char out[SKALD_PROCESS_ID])
{
    const skald_shared_worker *shared = skald_hand_shared();
    if (shared == NULL || shared->dead_count == 0)
        return false;
    memcpy(out, shared->dead[shared->dead_count - 1], SKALD_PROCESS_ID);
    return true;
}

void skald_dead_noted(void)
{
    skald_shared_worker *shared = skald_hand_shared();
    if (shared != NULL && shared->dead_count > 0)
        shared->dead_count--;
}
