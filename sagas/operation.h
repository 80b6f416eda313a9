/* The name of an operation, by which an answer finds its step; the same for every attempt.
 * Participants and providers see it as their idempotency key, with the service of the saga before
 * it
 * ("orders/order-42/charge-card/run.1"), since sagas of two services may have the same id.
 *
 *     order-42/charge-card/run.1        order-42/charge-card/undo.1
 *
 * What undoes carries both keys, its own and that of the run: "undo what was done under that key"
 * is what makes an undo that is repeated, early or empty harmless. */
#ifndef SKALD_SAGAS_OPERATION_H
#define SKALD_SAGAS_OPERATION_H

#include "machine.h"

enum { SKALD_OPERATION_KEY_SIZE_MAX = 255 }; /* with a saga id of up to 160 bytes */

/* Writes the key, cut to `size` and ended by NUL; returns the length of the whole. */
size_t skald_operation_key(const skald_plan *plan, const char *saga_id, skald_operation operation,
                           char *out, size_t size);

/* Reads a key: which saga (its first `id_size` bytes) and which operation. False when it is none,
 * or names a step that the plan does not have. */
bool skald_operation_parse(const skald_plan *plan, const char *key, size_t *id_size,
                           skald_operation *operation);

#endif
