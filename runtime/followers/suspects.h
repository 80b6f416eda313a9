/* Suspects: messages that were in hand when a process crashed. Until it is known better, each runs
 * alone, and that it begins is committed before.
 *
 * A fresh one has a row in skald.suspect; after a crash that was surely its own it is parked like a
 * message that failed. A job's crashes are attempts of it. */
#ifndef SKALD_FOLLOWERS_SUSPECTS_H
#define SKALD_FOLLOWERS_SUSPECTS_H

#include "followers/hub.h"
#include "followers/lane.h"
#include "pg/connection.h"
#include "pg/pipeline.h"
#include "supervisor/hand.h"

/* Writes down what a process before this one had in hand when it crashed: a message of a follower
 * (crash->work.position is not 0). A message that is done by now, or was given up, is left alone. A
 * crash counts when it was surely the message's own, or when it ran as the only suspect of its
 * process; it counts once, also when the next owner of the partition has noticed it before.
 * SKALD_UNAVAILABLE: try again. Any thread that owns the connection. */
skald_status skald_suspects_note(skald_pg *pg, const skald_crash *crash, skald_error *error);

/* Everything that process had in hand when it ended is noted: what it had begun beside that was not
 * the cause, and is not counted. */
skald_status skald_suspects_acquit(skald_pg *pg, const char *process_id, skald_error *error);

/* Reads the suspects of a lane that was just taken. An attempt that was begun by a process that is
 * no more counts as a crash, "lost", when nobody has noted what became of it. */
skald_status skald_suspects_load(skald_pg *pg, skald_lane *lane, skald_error *error);

/* The suspect at this position; NULL: there is none. */
const skald_suspect *skald_suspects_find(const skald_lane *lane, int64_t position);

/* Forgets what was loaded. */
void skald_suspects_forget(skald_lane *lane);

/* Commits that an attempt of this message begins. SKALD_FENCED when the lane is not ours under
 * `epoch` any more, or its row was taken away. */
skald_status skald_suspects_begin(skald_pg *pg, skald_item *item, int64_t epoch,
                                  skald_error *error);

/* Queues a statement in the transaction in hand: a fresh suspect is passed. Its row goes; when it
 * has become a job, that gets the crash as its first attempt. */
skald_status skald_suspects_pass(skald_pipeline *pipeline, const skald_item *item,
                                 skald_error *error);

#endif
