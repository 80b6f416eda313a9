/* Where the servers' programs are. */
#ifndef SKALD_SERVERS_BINARIES_H
#define SKALD_SERVERS_BINARIES_H

#include "servers/files.h"

typedef struct skald_binaries {
    char initdb[SKALD_PATH_SIZE];
    char postgres[SKALD_PATH_SIZE];
    char nats_server[SKALD_PATH_SIZE];
} skald_binaries;

/* PostgreSQL: $SKALD_PGBIN if set; else PATH; else the newest that the distribution keeps off the
 * PATH. NATS: $SKALD_NATS_SERVER if set; else PATH; else the sbin folders. SKALD_UNAVAILABLE, with
 * the command that installs them, when something is missing. */
skald_status skald_binaries_find(skald_binaries *out, skald_error *error);

#endif
