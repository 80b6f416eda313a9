/* Tells the origin of a stream how far a follower is, so that nothing is trimmed that it needs. */
#ifndef SKALD_FOLLOWERS_REPORT_H
#define SKALD_FOLLOWERS_REPORT_H

#include "followers/follower.h"
#include "leases/rows.h"

/* Sends a ReachedReport; it may be lost, the next one comes soon. Nothing without NATS, for a
 * direct follower, whose positions the relay sees itself, and for a foreign stream. */
void skald_report_reached(const skald_follower *follower, const skald_positions *positions);

#endif
