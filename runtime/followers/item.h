/* A message in memory between the reader of a stream and the worker that runs its handler: one
 * block, owned by whoever holds it. */
#ifndef SKALD_FOLLOWERS_ITEM_H
#define SKALD_FOLLOWERS_ITEM_H

#include <skald/message.h>
#include <skald/status.h>
#include <stdbool.h>

/* What became of an item in a batch, in the order of increasing trouble. */
typedef enum skald_item_fate {
    SKALD_ITEM_HANDLED,
    SKALD_ITEM_SKIPPED,   /* nobody handles its type, or its handler said so */
    SKALD_ITEM_EXPIRED,   /* older than its follower wants them */
    SKALD_ITEM_REPEATED,  /* was applied before */
    SKALD_ITEM_PARKED,    /* waits behind an earlier failure of its key */
    SKALD_ITEM_DEAD,      /* given up; kept for a person */
    SKALD_ITEM_SET_ASIDE, /* cannot be decoded; kept for a person */
    SKALD_ITEM_FATES
} skald_item_fate;

/* How an attempt that ended its process ended it. */
typedef enum skald_item_crash {
    SKALD_ITEM_NO_CRASH,
    SKALD_ITEM_CRASHED,
    SKALD_ITEM_TIMED_OUT,
    SKALD_ITEM_LOST, /* its process or host is gone, nobody knows why */
} skald_item_crash;

/* How a command is answered whose handler has said all it had to say. */
typedef enum skald_item_told {
    SKALD_ITEM_TOLD_NOTHING,
    SKALD_ITEM_TOLD_REFUSED,
    SKALD_ITEM_TOLD_FAILED,
} skald_item_told;

typedef struct skald_item {
    struct skald_item *next;
    struct skald_lane *lane;
    skald_message message;
    size_t size;         /* of the block, for accounting */
    uint64_t sequence;   /* in the stream; 0 when read from an outbox */
    const char *trouble; /* why its headers cannot be decoded; NULL when they could */
    int64_t job_id;      /* 0: fresh from the stream, otherwise skald.job.id */
    uint32_t attempts;   /* that failed before */
    uint32_t crashes;    /* of them, those that ended their process */
    uint32_t not_yets;   /* in a row before; count for themselves */
    /* On the clock of skald_clock_ms, as far as there were failures or not-yets. */
    uint64_t failing_since_ms;
    uint64_t not_yet_since_ms;
    uint64_t started_ms; /* when its handler was called last */
    bool suspect;        /* fresh, and a row of skald.suspect */
    bool alone;          /* may take its process along: runs in a transaction of its own */
    skald_item_crash
        crash;       /* how its last attempt ended, when nothing was decided about that yet */
    char signal[16]; /* of that one */
    uint32_t begun;  /* number of the attempt that is noted as begun; 0: none */
    bool expired;    /* a job that has waited for too long */
    bool gone;       /* this job was taken away by a person */
    skald_item_fate fate;
    skald_item_told told;    /* a command that is not run any more, but answered like this */
    const char *told_reason; /* borrowed while it is */
    bool key_freed;          /* this job was the last of its key, if the transaction commits */
} skald_item;

/* Copies `message` and `trouble` (NULL: none) into one new block. NULL without memory. */
skald_item *skald_item_new(const skald_message *message, const char *trouble);

void skald_item_free(skald_item *item);

/* Frees a list linked by `next`. */
void skald_item_free_all(skald_item *first);

#endif
