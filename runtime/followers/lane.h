/* A lane: one partition of what one follower follows, as far as this process works on it. */
#ifndef SKALD_FOLLOWERS_LANE_H
#define SKALD_FOLLOWERS_LANE_H

#include "base/key_set.h"
#include "followers/item.h"

#include <stdbool.h>
#include <stdint.h>

/* What a lane holds in memory at most. What comes above is dropped and read again later, so that a
 * slow lane does not stop its neighbours. */
enum { SKALD_LANE_ITEMS_MAX = 2048 };

/* A message that was in hand when a process crashed. */
typedef struct skald_suspect {
    int64_t position;
    uint32_t crashes;
    skald_item_crash crash; /* the last one */
    char signal[16];
} skald_suspect;

typedef struct skald_lane {
    struct skald_follower *follower;
    struct skald_worker *worker;
    uint32_t partition;

    /* Guarded by the worker's mutex. */
    bool held;    /* leases say that it is ours */
    bool loading; /* taken, and the worker does not know its parked keys yet */
    bool leaving; /* to be given back as soon as it is not busy */
    bool busy;    /* part of the batch in hand */
    bool dropped; /* messages behind `fed` were dropped, or it was just taken: nothing is taken in
                     until the stream is read anew for it */
    int64_t missing_before; /* a loss was found between `fed` and this position; 0: none */
    int64_t epoch;
    int64_t position; /* committed */
    int64_t fed;      /* everything up to here is committed or in the queue */
    skald_item *first;
    skald_item *last;
    uint32_t count;

    /* The worker's own. */
    skald_key_set parked;    /* keys with a job that is parked or holds them: their messages wait
                                behind    it. Bounded by the follower's cap on rows, above which nothing
                                fresh is    taken */
    skald_suspect *suspects; /* in the order of their positions */
    size_t suspect_count;
} skald_lane;

/* All of these are called with the worker's mutex held. */

/* The lane is ours, from `position` on, under `epoch`. */
void skald_lane_take(skald_lane *lane, int64_t epoch, int64_t position);

/* The lane is no longer ours: forgets the queue. */
void skald_lane_lose(skald_lane *lane);

typedef enum skald_lane_answer {
    SKALD_LANE_QUEUED,
    SKALD_LANE_REPEATED, /* known already */
    SKALD_LANE_REFUSED,  /* not ours, or nothing is taken in until the lane is rewound */
    SKALD_LANE_MISSING,  /* a message before this one is missing: ask for it */
} skald_lane_answer;

/* Offers a message in the order of the stream. The item belongs to the lane when it is QUEUED, and
 * stays the caller's otherwise. `repair`: it comes from a repair and may fill what is missing. */
skald_lane_answer skald_lane_offer(skald_lane *lane, skald_item *item, bool repair);

/* The first `count_max` items, now the caller's, linked by `next`; NULL when there are none. */
skald_item *skald_lane_pop(skald_lane *lane, uint32_t count_max, uint32_t *count);

/* Takes messages in again after they were dropped. */
void skald_lane_rewind(skald_lane *lane);

#endif
