/* Which user the servers run as. PostgreSQL refuses to run as root. */
#ifndef SKALD_SERVERS_ACCOUNT_H
#define SKALD_SERVERS_ACCOUNT_H

#include <skald/status.h>
#include <stdbool.h>
#include <sys/types.h>

#define SKALD_ACCOUNT_GROUPS_MAX 64

typedef struct skald_account {
    uid_t uid;
    gid_t gid;
    gid_t groups[SKALD_ACCOUNT_GROUPS_MAX];
    int group_count;
    bool change; /* we are root and the servers shall not be */
    char name[64];
    char home[256];
} skald_account;

/* Not root: ourselves. Root: who called sudo, else "postgres", else "nobody". SKALD_UNAVAILABLE
 * when that user has no entry in /etc/passwd, which initdb needs. */
skald_status skald_account_choose(skald_account *out, skald_error *error);

/* Becomes the account for good; for a child between fork and exec, where nothing may allocate.
 * False when it failed or could be undone. */
bool skald_account_enter(const skald_account *account);

#endif
