/* The feeder: one thread per follower that brings the stream's messages to the lanes, in order,
 * from the lowest position any of them needs. What may be read twice is read twice: lanes know what
 * they have. */
#ifndef SKALD_FOLLOWERS_FEEDER_H
#define SKALD_FOLLOWERS_FEEDER_H

#include "followers/follower.h"

typedef struct skald_feeder skald_feeder;

/* Starts the thread. It first makes sure that the follower's rows exist (waiting for the stream if
 * it must), then tells leases about it. */
skald_status skald_feeder_open(skald_follower *follower, skald_error *error);

/* A lane was taken or is to be read again: begin anew from the lowest position. Any thread. */
void skald_feeder_rewind(skald_feeder *feeder);

/* A lane has found a loss in the mirror: have it mended. Any thread. */
void skald_feeder_repair(skald_feeder *feeder);

/* There may be something to read. Any thread. */
void skald_feeder_wake(skald_feeder *feeder);

/* Ends the thread: nothing more is fed afterwards. */
void skald_feeder_stop(skald_feeder *feeder);

/* Frees. NULL is accepted. */
void skald_feeder_close(skald_feeder *feeder);

#endif
