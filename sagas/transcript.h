/* A saga's story, a line for each change and each action: the one format of tests, command line,
 * dashboard and logs.
 *
 *     12:00:03.000 charge-card       running -> done             done: it is done
 *     12:00:03.000 confirm-order     => run local, attempt 1
 *
 * All write into the caller's buffer, cut to `size` and ended by NUL, without a newline, and return
 * the length of the whole. */
#ifndef SKALD_SAGAS_TRANSCRIPT_H
#define SKALD_SAGAS_TRANSCRIPT_H

#include "machine.h"

enum { SKALD_TRANSCRIPT_LINE_SIZE = 320 }; /* enough for any line */

size_t skald_transcript_change(const skald_plan *plan, const skald_saga *saga,
                               const skald_saga_change *change, char *out, size_t size);

size_t skald_transcript_action(const skald_plan *plan, const skald_saga *saga,
                               const skald_saga_action *action, char *out, size_t size);

#endif
