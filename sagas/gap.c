/* Why no committed row is ever skipped.
 *
 * Say the reader stands before position p, which it does not see, and sees position q behind it.
 *
 *   1. q was committed, so it was drawn. The sequence hands out numbers in order (CACHE 1), so p
 * was drawn before the reading too.
 *   2. Who drew p held the lock since before it drew, and holds it until its commit is visible to
 * new snapshots or its rollback is done. PostgreSQL releases locks after that, never before.
 *   3. So at the lookup that comes after the reading, p's transaction is among the holders, or it
 * has ended already. This holds for every missing position below the largest one seen, which is the
 *      horizon; and nobody who starts later can draw a number below it.
 *   4. When a later lookup finds none of those holders, every such transaction has ended, and a
 * reading made after that lookup sees what they committed. What it does not see was rolled back:
 * dead.
 *   5. That verdict never ages. It holds for all later readings, so a verdict can be used over
 * several readings when one of them is cut short.
 *
 * Each phase is one link of this chain, and only the call that proves a link moves on to the next:
 * a reading cannot clear suspects, and a lookup cannot pass a position. Above the horizon nothing
 * is known: a gap there is a new gap and begins anew.
 *
 * Why it never stalls: suspects are noted once per gap, so those who start later do not count,
 * however many keep coming; each suspect is one transaction and ends. Only a holder of the outbox's
 * lock is a suspect, so a long transaction elsewhere delays nothing.
 *
 * A prepared transaction keeps the virtual id of the session that prepared it (PostgreSQL 14.1 and
 * later); after a restart of the server it has another, but then the reader's connection is lost
 * too and a new reader notes the new one. */
#include "gap.h"

#include <assert.h>

void skald_gap_init(skald_gap *gap, int64_t position)
{
    assert(position >= 0);
    gap->phase = SKALD_GAP_NONE;
    gap->position = position;
    gap->horizon = position;
    gap->overflow = false;
    gap->suspect_count = 0;
}

/* Positions up to here need not be there: delivered, or proven dead. */
static int64_t decided_end(const skald_gap *gap)
{
    const bool proven = gap->phase == SKALD_GAP_CLEARED && gap->horizon > gap->position;
    return proven ? gap->horizon : gap->position;
}

static size_t deliver(skald_gap *gap, const int64_t *positions, size_t count)
{
    size_t delivered = 0;
    while (delivered < count && positions[delivered] - 1 <= decided_end(gap)) {
        assert(positions[delivered] > gap->position);
        gap->position = positions[delivered];
        delivered++;
    }
    return delivered;
}

/* A gap is open in front of `seen_last`. One below the horizon belongs to the suspects already
 * noted; any other is new, and everything seen by now lies before the lookup that will come. */
static void gap_open(skald_gap *gap, int64_t seen_last)
{
    if (gap->phase == SKALD_GAP_CLEARED)
        gap->position = decided_end(gap);
    if (gap->phase == SKALD_GAP_SUSPECTED && gap->position < gap->horizon)
        return;
    gap->phase = SKALD_GAP_SEEN;
    gap->horizon = seen_last;
}

size_t skald_gap_read(skald_gap *gap, const int64_t *positions, size_t count)
{
    const size_t delivered = deliver(gap, positions, count);
    if (delivered < count)
        gap_open(gap, positions[count - 1]);
    else if (gap->phase == SKALD_GAP_SEEN || gap->position >= gap->horizon)
        gap->phase = SKALD_GAP_NONE;
    return delivered;
}

static bool contains(const skald_gap_suspect *holders, size_t count, skald_gap_suspect wanted)
{
    for (size_t i = 0; i < count; i++) {
        if (holders[i].backend == wanted.backend && holders[i].transaction == wanted.transaction)
            return true;
    }
    return false;
}

/* Too many to remember: nobody is noted, and the next lookup tries again. */
static void suspects_note(skald_gap *gap, const skald_gap_suspect *holders, size_t count)
{
    gap->overflow = count > SKALD_GAP_SUSPECTS_MAX;
    gap->suspect_count = gap->overflow ? 0 : count;
    for (size_t i = 0; i < gap->suspect_count; i++)
        gap->suspects[i] = holders[i];
}

static void suspects_keep(skald_gap *gap, const skald_gap_suspect *holders, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < gap->suspect_count; i++) {
        if (contains(holders, count, gap->suspects[i]))
            gap->suspects[kept++] = gap->suspects[i];
    }
    gap->suspect_count = kept;
}

void skald_gap_suspects(skald_gap *gap, const skald_gap_suspect *holders, size_t count)
{
    assert(gap->phase == SKALD_GAP_SEEN || gap->phase == SKALD_GAP_SUSPECTED);
    /* Noting later than right after the reading is as safe: whoever of the first holders is left
     * holds the lock still, so it is noted again. */
    if (gap->phase == SKALD_GAP_SEEN || gap->overflow)
        suspects_note(gap, holders, count);
    else
        suspects_keep(gap, holders, count);
    const bool gone = gap->suspect_count == 0 && !gap->overflow;
    gap->phase = gone ? SKALD_GAP_CLEARED : SKALD_GAP_SUSPECTED;
}
