/* Files and folders. What another user could have tampered with is touched as that user. */
#include "servers/files.h"

#include "base/clock.h"
#include "servers/process.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 5u

void skald_path_set(char *out, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    const int size = vsnprintf(out, SKALD_PATH_SIZE, format, values);
    va_end(values);
    assert(size >= 0 && size < SKALD_PATH_SIZE);
}

static bool write_all(int file, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        const ssize_t done = write(file, text, left);
        if (done < 0 && errno != EINTR)
            return false;
        if (done > 0) {
            text += done;
            left -= (size_t)done;
        }
    }
    return true;
}

static bool write_new(const char *path, const char *text, const skald_account *account)
{
    const int file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0)
        return false;
    const bool written = write_all(file, text) &&
                         (!account->change || fchown(file, account->uid, account->gid) == 0);
    return close(file) == 0 && written;
}

skald_status skald_file_write(const char *path, const char *text, const skald_account *account,
                              skald_error *error)
{
    char fresh[SKALD_PATH_SIZE];
    skald_path_set(fresh, "%s.new", path);
    unlink(fresh);
    if (!write_new(fresh, text, account) || rename(fresh, path) != 0)
        return skald_error_set(error, SKALD_UNAVAILABLE, "%s cannot be written: %s", path,
                               strerror(errno));
    return SKALD_OK;
}

bool skald_file_read(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    text[fread(text, 1, size - 1, file)] = '\0';
    fclose(file);
    return true;
}

void skald_file_last_line(const char *path, char *line, size_t size)
{
    char *text = NULL;
    size_t room = 0;
    FILE *file = fopen(path, "re");
    *line = '\0';
    while (file != NULL && getline(&text, &room, file) > 0) {
        text[strcspn(text, "\n")] = '\0';
        if (*text != '\0')
            snprintf(line, size, "%s", text);
    }
    free(text);
    if (file != NULL)
        fclose(file);
}

static skald_status run(const skald_account *account, const char *const *argv, skald_error *error)
{
    const skald_process_plan plan = {.argv = argv, .account = account, .death_signal = SIGTERM};
    return skald_process_run(&plan, error);
}

/* Parents may be looked into by everybody; the last one is private and the account's. */
static bool make_as_root(const char *path, const skald_account *account)
{
    char part[SKALD_PATH_SIZE];
    skald_path_set(part, "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(part, 0755) != 0 && errno != EEXIST)
            return false;
        *slash = '/';
    }
    return mkdir(path, 0700) == 0 && chown(path, account->uid, account->gid) == 0;
}

static bool is_folder_of(const char *path, const skald_account *account)
{
    struct stat about;
    return lstat(path, &about) == 0 && S_ISDIR(about.st_mode) && about.st_uid == account->uid;
}

skald_status skald_folder_make(const char *path, const skald_account *account, skald_error *error)
{
    const char *const argv[] = {"mkdir", "-p", "--", path, NULL};
    if (is_folder_of(path, account))
        return SKALD_OK;
    skald_status status = run(account, argv, NULL);
    if (status != SKALD_OK && account->change && make_as_root(path, account))
        status = SKALD_OK;
    if (status == SKALD_OK && is_folder_of(path, account))
        return SKALD_OK;
    return skald_error_set(error, SKALD_UNAVAILABLE,
                           "folder %s cannot be made, or is not user %s's", path, account->name);
}

skald_status skald_folder_remove(const char *path, const skald_account *account, skald_error *error)
{
    const char *const argv[] = {"rm", "-rf", "--one-file-system", "--", path, NULL};
    const skald_status status = run(account, argv, error);
    /* The account may not remove its own folder from a parent that is root's; it is empty now. */
    if (account->change && rmdir(path) == 0)
        return SKALD_OK;
    return status;
}

skald_status skald_folder_copy(const char *from, const char *to, const skald_account *account,
                               skald_error *error)
{
    const char *const argv[] = {"cp", "-a", "--reflink=auto", "--", from, to, NULL};
    return run(account, argv, error);
}

int skald_file_lock(const char *path, const skald_account *account, uint64_t ms)
{
    const uint64_t begun = skald_clock_ms();
    const int file = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (file < 0 || (account->change && fchown(file, account->uid, account->gid) != 0))
        goto out;
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (skald_clock_ms() - begun >= ms)
            goto out;
        skald_clock_sleep_ms(POLL_MS);
    }
    return file;
out:
    if (file >= 0)
        close(file);
    return -1;
}
