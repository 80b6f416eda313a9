/* systemd's notify protocol: datagrams to the socket that NOTIFY_SOCKET names. */
#ifndef SKALD_SUPERVISOR_NOTIFY_H
#define SKALD_SUPERVISOR_NOTIFY_H

#include <skald/api.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct skald_notify {
    int socket;           /* -1: nobody wants to know */
    uint64_t watchdog_ms; /* how often a sign of life is sent: half of WATCHDOG_USEC; 0: never */
    uint64_t fed_ms;
} skald_notify;

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. Without a usable socket all else does
 * nothing, as the protocol wants it. */
void skald_notify_open(skald_notify *out);
void skald_notify_close(skald_notify *notify);

/* Sends lines such as "READY=1\nSTATUS=...". What cannot be delivered is not, for there is nobody
 * else to tell. */
void skald_notify_say(const skald_notify *notify, const char *format, ...) SKALD_PRINTF(2, 3);

/* Is it time for a sign of life? Then send it only when all is well, and say so by _feed. */
bool skald_notify_hungry(const skald_notify *notify, uint64_t now_ms);
void skald_notify_feed(skald_notify *notify, uint64_t now_ms);

/* For how long a loop may be silent until no more signs of life are sent: as long as connecting to
 * a server that does not answer takes, or half of the watchdog's time when that is longer. */
uint64_t skald_notify_silence_ms(const skald_notify *notify);

/* So that programs which this process starts do not take them for theirs. */
void skald_notify_hide(void);

#endif
