/* One socket, connected once. */
#include "supervisor/notify.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { SILENCE_MS = 15000 };

/* "/path" or "@abstract"; systemd uses no others for local services. */
static int socket_connect(const char *name)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address.sun_path)
        return -1;
    memcpy(address.sun_path, name, length);
    if (name[0] == '@')
        address.sun_path[0] = '\0';
    const int made = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    if (made >= 0 && connect(made, (const struct sockaddr *)&address, size) == 0)
        return made;
    if (made >= 0)
        close(made);
    return -1;
}

static uint64_t watchdog_ms(void)
{
    const char *microseconds = getenv("WATCHDOG_USEC");
    const char *of = getenv("WATCHDOG_PID");
    if (microseconds == NULL || (of != NULL && strtol(of, NULL, 10) != getpid()))
        return 0;
    return strtoull(microseconds, NULL, 10) / 2000;
}

void skald_notify_open(skald_notify *out)
{
    const char *name = getenv("NOTIFY_SOCKET");
    *out = (skald_notify){.socket = name == NULL ? -1 : socket_connect(name)};
    if (out->socket >= 0)
        out->watchdog_ms = watchdog_ms();
}

void skald_notify_close(skald_notify *notify)
{
    if (notify->socket >= 0)
        close(notify->socket);
    notify->socket = -1;
}

void skald_notify_say(const skald_notify *notify, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (notify->socket < 0 || size <= 0)
        return;
    const size_t sent = (size_t)size < sizeof text ? (size_t)size : sizeof text - 1;
    (void)send(notify->socket, text, sent, MSG_NOSIGNAL | MSG_DONTWAIT);
}

bool skald_notify_hungry(const skald_notify *notify, uint64_t now_ms)
{
    return notify->watchdog_ms > 0 && now_ms - notify->fed_ms >= notify->watchdog_ms;
}

void skald_notify_feed(skald_notify *notify, uint64_t now_ms)
{
    skald_notify_say(notify, "WATCHDOG=1");
    notify->fed_ms = now_ms;
}

uint64_t skald_notify_silence_ms(const skald_notify *notify)
{
    return notify->watchdog_ms > SILENCE_MS ? notify->watchdog_ms : SILENCE_MS;
}

void skald_notify_hide(void)
{
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}
