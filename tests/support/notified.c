/* One socket at a time; what comes in is kept as one text, a line break behind every message. */
#include "support/notified.h"
#include "support/test.h"

#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int heard = -1;
static char setting[150], path[80], text[65536];
static size_t used;

const char *notified_open(notified_kind kind)
{
    static int number;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, sizeof path, "/tmp/skald-notified-%d-%d", (int)getpid(), number++);
    if (kind == NOTIFIED_ABSTRACT)
        path[0] = '@';
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (kind == NOTIFIED_ABSTRACT)
        address.sun_path[0] = '\0';
    heard = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    const size_t size = offsetof(struct sockaddr_un, sun_path) + strlen(path);
    assert_int_equal(bind(heard, (const struct sockaddr *)&address, (socklen_t)size), 0);
    notified_forget();
    snprintf(setting, sizeof setting, "NOTIFY_SOCKET=%s", path);
    return setting;
}

void notified_close(void)
{
    close(heard);
    heard = -1;
    if (path[0] == '/')
        unlink(path);
}

static void hear(void)
{
    ssize_t size;
    while ((size = recv(heard, text + used, sizeof text - used - 2, 0)) > 0) {
        used += (size_t)size;
        text[used++] = '\n';
        text[used] = '\0';
    }
}

int notified_count(const char *what)
{
    int count = 0;
    hear();
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

void notified_forget(void)
{
    hear();
    used = 0;
    text[0] = '\0';
}
