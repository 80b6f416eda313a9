/* Where a thread is, as text, one line per call, the innermost first:
 *
 *     #0 on_order_created+0x1c (/usr/bin/payments+0x2d1c)
 *
 * A call that repeats itself is written once. A name is "?" when the process did not know it itself; skald_symbols_fill looks it up later. */
#ifndef SKALD_SUPERVISOR_BACKTRACE_H
#define SKALD_SUPERVISOR_BACKTRACE_H

#include <stddef.h>

/* Loads what the unwinder needs, so that a signal handler may call it. Once, before threads start.
 */
void skald_backtrace_prepare(void);

/* Writes the calls of the calling thread, as many as there is room for. `context` is what a signal
 * handler got (NULL: not in one); calls inside the handler are left out. Async-signal-safe, but for
 * the dynamic linker's lock. */
void skald_backtrace_write(char *out, size_t size, const void *context);

#endif
