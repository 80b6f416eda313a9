/* Which rows of the outbox may be read now? Pure.
 *
 * A position is drawn from a sequence before its transaction commits, so a row with a smaller
 * position can appear after one with a larger. A reader must never pass a missing position (a gap)
 * until it is certain that no open transaction can still fill it. A transaction that will fill it
 * holds RowExclusiveLock on skald.outbox since before it drew the number; so:
 *
 *   1. read rows behind the last position; deliver up to the first gap;
 *   2. after seeing the gap, note who holds the lock (the suspects);
 *   3. read again, until the gap is filled or none of the suspects holds the lock any more;
 *   4. read once more: what is still missing belongs to transactions that ended without it, and is
 *      dead: pass it.
 *
 * The order matters: suspects are noted after the gap is seen, and the last reading is made after
 * the suspects are seen gone. This machine keeps the order; the reader only brings what it saw. */
#ifndef SKALD_SAGAS_GAP_H
#define SKALD_SAGAS_GAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SKALD_GAP_SUSPECTS_MAX = 1024 };

/* A lock holder: a transaction's virtual id, as two numbers ("3/1042"). */
typedef struct skald_gap_suspect {
    int32_t backend;
    uint32_t transaction;
} skald_gap_suspect;

typedef enum skald_gap_phase {
    SKALD_GAP_NONE,      /* no gap is open */
    SKALD_GAP_SEEN,      /* a gap is seen, suspects not yet noted */
    SKALD_GAP_SUSPECTED, /* waiting for the suspects to end */
    SKALD_GAP_CLEARED,   /* they have ended; readings from now on decide, up to the horizon */
} skald_gap_phase;

typedef struct skald_gap {
    skald_gap_phase phase;
    int64_t position; /* everything up to here is delivered or dead */
    int64_t horizon;  /* largest position seen when the suspects were noted: all smaller ones were
                         drawn by then, so these suspects decide every gap below it */
    bool overflow;    /* more holders than fit: none is noted, the next lookup tries again */
    size_t suspect_count;
    skald_gap_suspect suspects[SKALD_GAP_SUSPECTS_MAX];
} skald_gap;

/* Begins behind `position`. */
void skald_gap_init(skald_gap *gap, int64_t position);

/* Brings a reading: the positions found behind gap->position, ascending, without any limit between
 * them having cut rows out. Returns how many of them may be delivered, from the front;
 * gap->position moves to the last of them (over dead positions, where the phase was CLEARED). When
 * fewer than `count` may be delivered, a gap is open and the caller goes on with
 * skald_gap_suspects. */
size_t skald_gap_read(skald_gap *gap, const int64_t *positions, size_t count);

/* Brings who holds the lock, looked up after the last reading. In phase SEEN notes them as
 * suspects; in phase SUSPECTED checks who of them is left. Afterwards the phase is SUSPECTED or
 * CLEARED; in both cases read again (in SUSPECTED after a short pause). */
void skald_gap_suspects(skald_gap *gap, const skald_gap_suspect *holders, size_t count);

#endif
