/* A follower's first start: its rows in the database, and where it begins. */
#ifndef SKALD_FOLLOWERS_REGISTER_H
#define SKALD_FOLLOWERS_REGISTER_H

#include "followers/follower.h"
#include "pg/connection.h"

/* Makes sure that the follower has its rows in skald.follower and skald.position, and answers into
 * how many partitions its stream is divided. SKALD_NOT_FOUND when the stream does not exist yet:
 * try again; SKALD_INVALID when the follower's name was used for another stream, or the partitions
 * differ from those of its first start; SKALD_UNAVAILABLE. */
skald_status skald_follower_register(skald_follower *follower, skald_pg *pg, uint32_t *partitions,
                                     skald_error *error);

#endif
