/* A saga as bytes, for the row that it is stored in: the same on every machine, and checked when
 * they are read. */
#ifndef SKALD_SAGAS_SAGA_CODE_H
#define SKALD_SAGAS_SAGA_CODE_H

#include "machine.h"

enum {
    SKALD_SAGA_CODE_VERSION = 1,
    SKALD_SAGA_CODE_HEAD_SIZE = 42,
    SKALD_SAGA_CODE_STEP_SIZE = 27,
    SKALD_SAGA_CODE_SIZE_MAX =
        SKALD_SAGA_CODE_HEAD_SIZE + SKALD_STEPS_MAX * SKALD_SAGA_CODE_STEP_SIZE,
};

/* Returns how many bytes were written, never more than SKALD_SAGA_CODE_SIZE_MAX. */
size_t skald_saga_encode(const skald_saga *saga, unsigned char *out);

/* SKALD_MALFORMED when the bytes are no saga; `saga` is left alone then. A saga whose fingerprint
 * is not that of a plan at hand is read all the same: the caller compares. */
skald_status skald_saga_decode(skald_saga *saga, const unsigned char *bytes, size_t size,
                               skald_error *error);

#endif
