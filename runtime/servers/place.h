/* Where the servers of one `skald dev` live, and who owns that place now. */
#ifndef SKALD_SERVERS_PLACE_H
#define SKALD_SERVERS_PLACE_H

#include "servers/files.h"

typedef struct skald_place {
    skald_account account;
    bool ephemeral;
    char directory[SKALD_PATH_SIZE];
    char sockets[SKALD_PATH_SIZE]; /* short enough for a Unix socket's 107 bytes */
    int lock;                      /* held while we own the place; -1: not ours */
} skald_place;

/* Where kept state of this name is: below $XDG_STATE_HOME or ~/.local/state of the servers' user,
 * or below /var/lib when that user is a system's own. Nothing is made. `directory` (NULL: none)
 * overrides it. SKALD_INVALID for a name or directory that cannot be used. */
skald_status skald_place_find(skald_place *out, const char *name, const char *directory,
                              skald_error *error);

/* Makes the directory found and takes its lock. SKALD_CONFLICT when another process owns it.
 * Refuses a directory with other people's files in it. */
skald_status skald_place_take(skald_place *place, skald_error *error);

/* Makes a directory that is deleted by skald_place_leave, and deletes those whose owners were
 * killed before they could. It is below $TMPDIR, else with `in_memory` in /dev/shm if there is
 * room, else in /tmp. */
skald_status skald_place_take_ephemeral(skald_place *out, bool in_memory, skald_error *error);

/* Gives the place up; an ephemeral one is deleted. */
void skald_place_leave(skald_place *place);

/* Does somebody own it now? */
bool skald_place_owned(const skald_place *place);

/* Deletes the state of a place that nobody owns. */
skald_status skald_place_reset(skald_place *place, skald_error *error);

/* A folder for things that can be made again, or false. */
bool skald_place_cache(const skald_account *account, char *out);

#endif
