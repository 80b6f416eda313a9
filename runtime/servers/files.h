/* Small files and folders of a dev directory. Everything is private to the servers' account. */
#ifndef SKALD_SERVERS_FILES_H
#define SKALD_SERVERS_FILES_H

#include "servers/account.h"

#include <stdint.h>

/* A dev directory's name may have so many bytes; whatever lies in it then fits a path. */
#define SKALD_DIRECTORY_MAX 512
#define SKALD_PATH_SIZE 1024

/* Formats a path into `out` of SKALD_PATH_SIZE; asserts that it fits. */
void skald_path_set(char *out, const char *format, ...) SKALD_PRINTF(2, 3);

/* Writes a whole file, mode 0600, owned by the account, so that a reader sees the old or the new
 * one and never follows a link that somebody planted. */
skald_status skald_file_write(const char *path, const char *text, const skald_account *account,
                              skald_error *error);

/* Reads the first size - 1 bytes as text; false when there is no such file. */
bool skald_file_read(const char *path, char *text, size_t size);

/* The last line of a log that is not empty, or "". */
void skald_file_last_line(const char *path, char *line, size_t size);

/* Makes a folder, mode 0700, and its parents. The account makes it where it may; where only root
 * may, root makes it and gives it away. */
skald_status skald_folder_make(const char *path, const skald_account *account, skald_error *error);

/* Removes a folder and all in it; copies one to a place where nothing is. As the account. */
skald_status skald_folder_remove(const char *path, const skald_account *account,
                                 skald_error *error);
skald_status skald_folder_copy(const char *from, const char *to, const skald_account *account,
                               skald_error *error);

/* Takes the lock on a file, waiting `ms` at most; the file descriptor, or -1 when another has it.
 */
int skald_file_lock(const char *path, const skald_account *account, uint64_t ms);

#endif
