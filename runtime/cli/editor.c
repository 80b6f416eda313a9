/* The body of a message may be anybody's personal data: the file is private and does not stay. */
#include "cli/editor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT_SIZE_MAX = 16 * 1024 * 1024 };

static int fail(cli_session *session, const char *what, const char *path)
{
    return session_refuse(session, EX_IOERR, "%s %s: %s", what, path, strerror(errno));
}

static bool write_all(int file, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        const ssize_t written = write(file, text, left);
        if (written < 0 && errno != EINTR)
            return false;
        if (written > 0) {
            text += written;
            left -= (size_t)written;
        }
    }
    return true;
}

int editor_begin(cli_session *session, editor_file *file, const char *name, const char *text)
{
    const char *parent = getenv("TMPDIR");
    snprintf(file->folder, sizeof file->folder, "%.200s/skald-edit-XXXXXX",
             parent != NULL && *parent != '\0' ? parent : "/tmp");
    if (mkdtemp(file->folder) == NULL)
        return fail(session, "cannot make", file->folder);
    snprintf(file->path, sizeof file->path, "%s/%.40s", file->folder, name);
    const int out = open(file->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (out < 0)
        return fail(session, "cannot make", file->path);
    const bool complete = write_all(out, text);
    if (close(out) != 0 || !complete)
        return fail(session, "cannot write", file->path);
    return EX_OK;
}

/* By a shell, because $EDITOR may have arguments: "code --wait". */
static void become_editor(const char *path)
{
    execlp("sh", "sh", "-c", "exec ${VISUAL:-${EDITOR:-vi}} \"$1\"", "sh", path, (char *)NULL);
    _exit(127);
}

int editor_run(cli_session *session, const editor_file *file)
{
    int status = 0;
    fflush(NULL);
    const pid_t child = fork();
    if (child < 0)
        return fail(session, "cannot start an editor for", file->path);
    if (child == 0)
        become_editor(file->path);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return EX_OK;
    return session_refuse(
        session, EX_UNAVAILABLE,
        "the editor ended with %d, nothing was changed; $EDITOR says which one is "
        "used",
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

void editor_end(const editor_file *file)
{
    unlink(file->path);
    rmdir(file->folder);
}

int editor_read(cli_session *session, const char *path, const char **out, size_t *size)
{
    const bool standard = strcmp(path, "-") == 0;
    FILE *file = standard ? stdin : fopen(path, "r");
    if (file == NULL)
        return session_refuse(session, EX_NOINPUT, "cannot read %s: %s", path, strerror(errno));
    char *text = NULL;
    size_t room = 0;
    errno = 0;
    const ssize_t read = getdelim(&text, &room, '\0', file);
    const bool failed = ferror(file) != 0;
    if (!standard)
        fclose(file);
    if (failed)
        return fail(session, "cannot read", path);
    *size = read > 0 ? (size_t)read : 0;
    const bool small = *size <= TEXT_SIZE_MAX;
    *out = small ? skald_arena_text_sized(&session->arena, text != NULL ? text : "", *size) : NULL;
    free(text);
    if (*out == NULL)
        return session_refuse(session, EX_DATAERR, "%s: too large", path);
    return EX_OK;
}
