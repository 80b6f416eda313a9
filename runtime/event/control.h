/* What Skald itself says with a command or a reply: lines of "Skald-...: value\n", as they stand in
 * skald.outbox.control, and headers of the same names on the wire. */
#ifndef SKALD_EVENT_CONTROL_H
#define SKALD_EVENT_CONTROL_H

#include "base/arena.h"

#include <stdint.h>

#define SKALD_CONTROL_OPERATION "Skald-Operation" /* key of the operation (sagas/operation.h) */
#define SKALD_CONTROL_UNDOES "Skald-Undoes"       /* of an undo: the key of what it takes back */
#define SKALD_CONTROL_ATTEMPT "Skald-Attempt"     /* of a command: decimal, from 1 */
#define SKALD_CONTROL_OUTCOME "Skald-Outcome"     /* of a reply: done, refused, failed */
#define SKALD_CONTROL_REASON "Skald-Reason"       /* of a reply: in words */

enum { SKALD_CONTROL_VALUE_SIZE_MAX = 1023 };

/* NULL, or 0, is left out. */
typedef struct skald_control {
    const char *operation;
    const char *undoes;
    uint32_t attempt;
    const char *outcome;
    const char *reason;
} skald_control;

/* The lines, in `arena`; what cannot stand in one (a line break, half a character) is replaced, and
 * what is too long is cut. NULL without memory. */
char *skald_control_write(const skald_control *control, skald_arena *arena);

/* The value of one line, copied into `arena`; NULL when it is not there (`control` NULL: none is),
 * or without memory. */
const char *skald_control_find(const char *control, const char *name, skald_arena *arena);

#endif
