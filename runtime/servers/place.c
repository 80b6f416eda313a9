/* Directories and their locks. */
#include "servers/place.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Marks a directory as ours to delete. */
#define MARKER "skald-dev"

/* 107 bytes, less "/.s.PGSQL.65535" and room for PostgreSQL's ".lock" beside it. */
#define SOCKET_FOLDER_MAX 86

#define UID_OF_PEOPLE 1000u
#define UID_OF_NOBODY 65534u
/* Who only looks whether a place is owned holds its lock for an instant. */
#define OWNER_MS 100u

/* /dev/shm is taken for ephemeral servers only where so much is free. */
#define MEMORY_ROOM (2048ull << 20)

static bool name_valid(const char *name)
{
    const size_t size = strlen(name);
    return size > 0 && size <= 32 && strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static const char *own_variable(const skald_account *account, const char *variable)
{
    const char *value = account->change ? NULL : getenv(variable);
    return value != NULL && *value == '/' ? value : NULL;
}

/* The user that root borrows from the system has a home that is not for us. */
static bool borrowed(const skald_account *account)
{
    return account->change && (account->uid < UID_OF_PEOPLE || account->uid == UID_OF_NOBODY);
}

static void state_folder(const skald_account *account, char *out)
{
    const char *state = own_variable(account, "XDG_STATE_HOME");
    if (borrowed(account))
        skald_path_set(out, "/var/lib/skald/dev");
    else if (state != NULL)
        skald_path_set(out, "%.400s/skald/dev", state);
    else
        skald_path_set(out, "%s/.local/state/skald/dev", account->home);
}

bool skald_place_cache(const skald_account *account, char *out)
{
    const char *cache = own_variable(account, "XDG_CACHE_HOME");
    if (borrowed(account))
        skald_path_set(out, "/var/cache/skald/%s", account->name);
    else if (cache != NULL)
        skald_path_set(out, "%.400s/skald", cache);
    else
        skald_path_set(out, "%s/.cache/skald", account->home);
    return skald_folder_make(out, account, NULL) == SKALD_OK;
}

/* The same directory always has the same place for its sockets. */
static void choose_sockets(skald_place *place)
{
    unsigned long long hash = 14695981039346656037u;
    for (const char *at = place->directory; *at != '\0'; at++)
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    skald_path_set(place->sockets, "%s/run", place->directory);
    if (strlen(place->sockets) > SOCKET_FOLDER_MAX)
        skald_path_set(place->sockets, "/tmp/skald-run-%u-%llx", (unsigned)place->account.uid,
                       hash);
}

static skald_status take_directory(skald_place *place, const char *directory, skald_error *error)
{
    char *whole = NULL;
    if (*directory != '/') {
        char *here = getcwd(NULL, 0);
        if (here == NULL || asprintf(&whole, "%s/%s", here, directory) < 0)
            whole = NULL;
        free(here);
    } else {
        whole = strdup(directory);
    }
    const bool fits = whole != NULL && strlen(whole) <= SKALD_DIRECTORY_MAX;
    /* These would need quoting in the servers' configuration files. */
    const bool plain = fits && strpbrk(whole, "'\"\\\n") == NULL;
    if (plain)
        skald_path_set(place->directory, "%s", whole);
    free(whole);
    if (!plain)
        return skald_error_set(error, SKALD_INVALID,
                               "directory %.200s: the path is longer than %d bytes or has quotes",
                               directory, SKALD_DIRECTORY_MAX);
    return SKALD_OK;
}

skald_status skald_place_find(skald_place *out, const char *name, const char *directory,
                              skald_error *error)
{
    *out = (skald_place){.lock = -1};
    char parent[SKALD_PATH_SIZE];
    char path[SKALD_PATH_SIZE];
    if (!name_valid(name))
        return skald_error_set(error, SKALD_INVALID,
                               "name \"%.40s\": 1 to 32 lower-case letters, digits and \"-\"",
                               name);
    skald_status status = skald_account_choose(&out->account, error);
    if (status != SKALD_OK)
        return status;
    state_folder(&out->account, parent);
    skald_path_set(path, "%s/%s", parent, name);
    status = take_directory(out, directory != NULL ? directory : path, error);
    choose_sockets(out);
    return status;
}

static void name_file(const skald_place *place, const char *name, char *out)
{
    skald_path_set(out, "%s/%s", place->directory, name);
}

static bool has_marker(const skald_place *place)
{
    char marker[SKALD_PATH_SIZE];
    name_file(place, MARKER, marker);
    return access(marker, F_OK) == 0;
}

static bool is_empty(const char *directory)
{
    DIR *folder = opendir(directory);
    size_t count = 0;
    if (folder == NULL)
        return false;
    while (readdir(folder) != NULL)
        count++;
    closedir(folder);
    return count <= 2; /* "." and ".." */
}

static skald_status lock(skald_place *place, skald_error *error)
{
    char path[SKALD_PATH_SIZE];
    name_file(place, "lock", path);
    place->lock = skald_file_lock(path, &place->account, OWNER_MS);
    if (place->lock < 0)
        return skald_error_set(error, SKALD_CONFLICT, "another process owns %s", place->directory);
    return SKALD_OK;
}

static skald_status mark(skald_place *place, skald_error *error)
{
    char path[SKALD_PATH_SIZE];
    name_file(place, MARKER, path);
    return skald_file_write(path,
                            place->ephemeral ? "ephemeral: deleted when its owner is gone\n"
                                             : "kept: `skald dev reset` deletes this directory\n",
                            &place->account, error);
}

skald_status skald_place_take(skald_place *place, skald_error *error)
{
    skald_status status = skald_folder_make(place->directory, &place->account, error);
    if (status == SKALD_OK && !has_marker(place) && !is_empty(place->directory))
        status = skald_error_set(error, SKALD_INVALID,
                                 "directory %s holds something that is not Skald's: choose another",
                                 place->directory);
    if (status == SKALD_OK && !has_marker(place))
        status = mark(place, error);
    if (status == SKALD_OK)
        status = lock(place, error);
    if (status == SKALD_OK)
        status = skald_folder_make(place->sockets, &place->account, error);
    return status;
}

static bool unlocked(const skald_place *place, const char *name)
{
    char path[SKALD_PATH_SIZE];
    name_file(place, name, path);
    if (access(path, F_OK) != 0)
        return true;
    const int file = skald_file_lock(path, &place->account, 0);
    if (file >= 0)
        close(file);
    return file >= 0;
}

bool skald_place_owned(const skald_place *place)
{
    return !unlocked(place, "lock");
}

/* What an owner that was killed has left; its servers may still be stopping, then it stays. */
static void sweep_one(const skald_account *account, const char *directory)
{
    struct stat about;
    skald_place place = {.account = *account, .lock = -1, .ephemeral = true};
    skald_path_set(place.directory, "%s", directory);
    if (lstat(directory, &about) != 0 || !S_ISDIR(about.st_mode) || about.st_uid != account->uid)
        return;
    if (has_marker(&place) && unlocked(&place, "lock") && unlocked(&place, "nats.lock") &&
        unlocked(&place, "postgres.lock"))
        skald_folder_remove(directory, account, NULL);
}

static void sweep(const skald_account *account, const char *pattern)
{
    glob_t found = {0};
    if (glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        found.gl_pathc = 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        if (strlen(found.gl_pathv[i]) <= SKALD_DIRECTORY_MAX)
            sweep_one(account, found.gl_pathv[i]);
    globfree(&found);
}

static bool is_roomy(const char *folder)
{
    struct statvfs about;
    return access(folder, W_OK) == 0 && statvfs(folder, &about) == 0 &&
           about.f_bavail * about.f_frsize >= MEMORY_ROOM;
}

/* Who gives up fsync need not wait for a disk at all: making a cluster in memory takes 0.05 s
 * instead of 0.5 s. Longer paths of TMPDIR leave no room for the sockets. */
static const char *temporary_folder(const skald_account *account, bool in_memory)
{
    const char *folder = own_variable(account, "TMPDIR");
    if (folder != NULL && strlen(folder) < 40)
        return folder;
    return in_memory && is_roomy("/dev/shm") ? "/dev/shm" : "/tmp";
}

static void sweep_folder(const skald_account *account, const char *folder)
{
    char pattern[SKALD_PATH_SIZE];
    skald_path_set(pattern, "%s/skald-dev-??????", folder);
    sweep(account, pattern);
}

static skald_status make_temporary(skald_place *place, const char *folder, skald_error *error)
{
    skald_path_set(place->directory, "%s/skald-dev-XXXXXX", folder);
    if (mkdtemp(place->directory) == NULL ||
        (place->account.change &&
         chown(place->directory, place->account.uid, place->account.gid) != 0))
        return skald_error_set(error, SKALD_UNAVAILABLE, "%s cannot be made: %s", place->directory,
                               strerror(errno));
    choose_sockets(place);
    return SKALD_OK;
}

skald_status skald_place_take_ephemeral(skald_place *out, bool in_memory, skald_error *error)
{
    *out = (skald_place){.lock = -1, .ephemeral = true};
    skald_status status = skald_account_choose(&out->account, error);
    if (status != SKALD_OK)
        return status;
    sweep_folder(&out->account, temporary_folder(&out->account, false));
    sweep_folder(&out->account, temporary_folder(&out->account, true));
    status = make_temporary(out, temporary_folder(&out->account, in_memory), error);
    /* The lock comes before the marker, so that nobody sweeps what is being made. */
    if (status == SKALD_OK)
        status = lock(out, error);
    if (status == SKALD_OK)
        status = mark(out, error);
    return status == SKALD_OK ? skald_folder_make(out->sockets, &out->account, error) : status;
}

void skald_place_leave(skald_place *place)
{
    if (place->lock < 0)
        return;
    if (place->ephemeral)
        skald_folder_remove(place->directory, &place->account, NULL);
    if (strncmp(place->sockets, place->directory, strlen(place->directory)) != 0)
        skald_folder_remove(place->sockets, &place->account, NULL);
    close(place->lock);
    place->lock = -1;
}

skald_status skald_place_reset(skald_place *place, skald_error *error)
{
    if (access(place->directory, F_OK) != 0)
        return SKALD_OK;
    if (!has_marker(place))
        return skald_error_set(error, SKALD_INVALID, "directory %s is not Skald's",
                               place->directory);
    const skald_status status = lock(place, error);
    if (status != SKALD_OK)
        return status;
    const skald_status removed = skald_folder_remove(place->directory, &place->account, error);
    close(place->lock);
    place->lock = -1;
    return removed;
}
