/* Choosing the servers' user, and becoming it. */
#include "servers/account.h"

#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct passwd *find_sudo_user(void)
{
    const char *text = getenv("SUDO_UID");
    char *end = NULL;
    const unsigned long uid = text != NULL ? strtoul(text, &end, 10) : 0;
    return uid > 0 && *end == '\0' ? getpwuid((uid_t)uid) : NULL;
}

static const struct passwd *find_user_for_root(void)
{
    const struct passwd *user = find_sudo_user();
    if (user == NULL)
        user = getpwnam("postgres");
    return user != NULL ? user : getpwnam("nobody");
}

static void take(skald_account *out, const struct passwd *user, bool change)
{
    *out = (skald_account){.uid = user->pw_uid, .gid = user->pw_gid, .change = change};
    snprintf(out->name, sizeof out->name, "%s", user->pw_name);
    snprintf(out->home, sizeof out->home, "%s", user->pw_dir);
    out->group_count = SKALD_ACCOUNT_GROUPS_MAX;
    /* Groups beyond the limit are left out; servers need none of them. */
    if (getgrouplist(user->pw_name, user->pw_gid, out->groups, &out->group_count) < 0)
        out->group_count = SKALD_ACCOUNT_GROUPS_MAX;
}

skald_status skald_account_choose(skald_account *out, skald_error *error)
{
    const bool root = geteuid() == 0;
    const struct passwd *user = root ? find_user_for_root() : getpwuid(geteuid());
    if (user == NULL && root)
        return skald_error_set(error, SKALD_UNAVAILABLE,
                               "PostgreSQL does not run as root, and there is neither a user "
                               "\"postgres\" nor \"nobody\" to run it");
    if (user == NULL)
        return skald_error_set(error, SKALD_UNAVAILABLE,
                               "user id %u has no entry in /etc/passwd, which PostgreSQL's initdb "
                               "needs: add one, or run as another user",
                               (unsigned)geteuid());
    take(out, user, root);
    return SKALD_OK;
}

bool skald_account_enter(const skald_account *account)
{
    if (!account->change)
        return true;
    /* In this order: each step needs the rights that the next one gives up. */
    if (setgroups((size_t)account->group_count, account->groups) != 0 ||
        setgid(account->gid) != 0 || setuid(account->uid) != 0)
        return false;
    return setuid(0) != 0 && getuid() == account->uid && geteuid() == account->uid;
}
