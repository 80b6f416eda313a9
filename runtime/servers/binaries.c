/* Looking for initdb, postgres and nats-server. */
#include "servers/binaries.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INSTALL "apt-get install --no-install-recommends postgresql nats-server"

/* Folders that distributions keep PostgreSQL's server programs in; debian, then red hat. */
static const char *const postgres_folders[] = {"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin"};

static const char sbin_folders[] = "/usr/local/sbin:/usr/sbin:/sbin";

static bool in_folder(const char *folder, const char *program, char *out)
{
    char path[SKALD_PATH_SIZE];
    if (strlen(folder) > SKALD_DIRECTORY_MAX || *folder == '\0')
        return false;
    skald_path_set(path, "%s/%s", folder, program);
    if (access(path, X_OK) != 0)
        return false;
    strcpy(out, path);
    return true;
}

static bool take_postgres(skald_binaries *out, const char *folder)
{
    return in_folder(folder, "initdb", out->initdb) && in_folder(folder, "postgres", out->postgres);
}

static bool take_nats(skald_binaries *out, const char *folder)
{
    return in_folder(folder, "nats-server", out->nats_server);
}

/* Tries each folder of a list like PATH. */
static bool search(skald_binaries *out, const char *folders,
                   bool (*take)(skald_binaries *, const char *))
{
    char *copy = strdup(folders != NULL ? folders : "");
    char *rest = copy;
    bool found = false;
    for (const char *folder; !found && (folder = strsep(&rest, ":")) != NULL;)
        found = take(out, folder);
    free(copy);
    return found;
}

static double version_of(const char *folder)
{
    const char *digits = strpbrk(folder, "0123456789");
    return digits != NULL ? strtod(digits, NULL) : 0;
}

static bool take_newest(skald_binaries *out, const char *pattern)
{
    glob_t found = {0};
    double best = -1;
    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        found.gl_pathc = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const char *folder = found.gl_pathv[i];
        if (version_of(folder) > best && take_postgres(out, folder))
            best = version_of(folder);
    }
    globfree(&found);
    return best >= 0;
}

static bool find_postgres(skald_binaries *out)
{
    const char *given = getenv("SKALD_PGBIN");
    if (given != NULL)
        return take_postgres(out, given);
    return search(out, getenv("PATH"), take_postgres) || take_newest(out, postgres_folders[0]) ||
           take_newest(out, postgres_folders[1]);
}

static bool find_nats(skald_binaries *out)
{
    const char *given = getenv("SKALD_NATS_SERVER");
    if (given != NULL) {
        snprintf(out->nats_server, sizeof out->nats_server, "%s", given);
        return access(out->nats_server, X_OK) == 0;
    }
    return search(out, getenv("PATH"), take_nats) || search(out, sbin_folders, take_nats);
}

skald_status skald_binaries_find(skald_binaries *out, skald_error *error)
{
    const bool postgres = find_postgres(out);
    const bool nats = find_nats(out);
    if (postgres && nats)
        return SKALD_OK;
    const char *missing = postgres ? "nats-server is"
                          : nats   ? "PostgreSQL's initdb and postgres are"
                                   : "PostgreSQL's initdb and postgres, and nats-server, are";
    return skald_error_set(error, SKALD_UNAVAILABLE, "%s not installed: " INSTALL, missing);
}
