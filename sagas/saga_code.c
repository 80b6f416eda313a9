/* Little-endian, field by field, in the order of the structs. */
#include "saga_code.h"

#include <assert.h>
#include <string.h>

#include "transitions.h"

/* ---- writing ---- */

static unsigned char *put(unsigned char *out, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = (unsigned char)(number >> (8 * i));
    return out + size;
}

static unsigned char *step_put(unsigned char *out, const skald_saga_step *step)
{
    out = put(out, step->state, 1);
    out = put(out, step->flags, 1);
    out = put(out, step->run_round, 1);
    out = put(out, step->undo_round, 1);
    out = put(out, step->cause, 1);
    out = put(out, step->attempts, 2);
    out = put(out, step->order, 4);
    out = put(out, (uint64_t)step->due_ms, 8);
    return put(out, (uint64_t)step->since_ms, 8);
}

size_t skald_saga_encode(const skald_saga *saga, unsigned char *out)
{
    assert(saga->step_count <= SKALD_STEPS_MAX);
    unsigned char *at = put(out, SKALD_SAGA_CODE_VERSION, 1);
    at = put(at, saga->step_count, 1);
    at = put(at, saga->fingerprint, 8);
    at = put(at, saga->phase, 1);
    at = put(at, saga->flags, 1);
    at = put(at, saga->cause, 1);
    at = put(at, saga->rewind_to, 1);
    at = put(at, saga->order, 4);
    at = put(at, (uint64_t)saga->started_ms, 8);
    at = put(at, (uint64_t)saga->last_ms, 8);
    at = put(at, (uint64_t)saga->due_ms, 8);
    assert(at - out == SKALD_SAGA_CODE_HEAD_SIZE);
    for (uint8_t i = 0; i < saga->step_count; i++)
        at = step_put(at, &saga->steps[i]);
    return (size_t)(at - out);
}

/* ---- reading ---- */

static uint64_t take(const unsigned char **bytes, size_t size)
{
    uint64_t number = 0;
    for (size_t i = 0; i < size; i++)
        number |= (uint64_t)(*bytes)[i] << (8 * i);
    *bytes += size;
    return number;
}

static skald_saga_step step_take(const unsigned char **bytes)
{
    skald_saga_step step = {0};
    step.state = (uint8_t)take(bytes, 1);
    step.flags = (uint8_t)take(bytes, 1);
    step.run_round = (uint8_t)take(bytes, 1);
    step.undo_round = (uint8_t)take(bytes, 1);
    step.cause = (uint8_t)take(bytes, 1);
    step.attempts = (uint16_t)take(bytes, 2);
    step.order = (uint32_t)take(bytes, 4);
    step.due_ms = (int64_t)take(bytes, 8);
    step.since_ms = (int64_t)take(bytes, 8);
    return step;
}

static void head_take(skald_saga *saga, const unsigned char **bytes)
{
    saga->fingerprint = take(bytes, 8);
    saga->phase = (uint8_t)take(bytes, 1);
    saga->flags = (uint8_t)take(bytes, 1);
    saga->cause = (uint8_t)take(bytes, 1);
    saga->rewind_to = (uint8_t)take(bytes, 1);
    saga->order = (uint32_t)take(bytes, 4);
    saga->started_ms = (int64_t)take(bytes, 8);
    saga->last_ms = (int64_t)take(bytes, 8);
    saga->due_ms = (int64_t)take(bytes, 8);
}

static bool is_saga(const skald_saga *saga)
{
    const bool rewinds = saga->rewind_to == SKALD_STEP_NONE || saga->rewind_to < saga->step_count;
    if (saga->phase >= SKALD_SAGA_PHASE_COUNT || saga->cause >= SKALD_SAGA_INPUT_COUNT || !rewinds)
        return false;
    for (uint8_t i = 0; i < saga->step_count; i++) {
        const skald_saga_step *step = &saga->steps[i];
        if (step->state >= SKALD_STEP_STATE_COUNT || step->cause >= SKALD_INPUT_COUNT ||
            step->order > saga->order)
            return false;
    }
    return true;
}

skald_status skald_saga_decode(skald_saga *saga, const unsigned char *bytes, size_t size,
                               skald_error *error)
{
    if (size < SKALD_SAGA_CODE_HEAD_SIZE || bytes[0] != SKALD_SAGA_CODE_VERSION)
        return skald_error_set(error, SKALD_MALFORMED,
                               "a stored saga has %zu bytes and format %u, and this program reads "
                               "format %u: was it written by a newer one?",
                               size, size > 0 ? bytes[0] : 0u, SKALD_SAGA_CODE_VERSION);
    skald_saga read;
    memset(&read, 0, sizeof read);
    read.step_count = bytes[1];
    const size_t wanted =
        SKALD_SAGA_CODE_HEAD_SIZE + (size_t)read.step_count * SKALD_SAGA_CODE_STEP_SIZE;
    if (read.step_count > SKALD_STEPS_MAX || size != wanted)
        return skald_error_set(error, SKALD_MALFORMED,
                               "a stored saga of %u steps has %zu bytes instead of %zu: the row is "
                               "damaged, restore it from a backup",
                               read.step_count, size, wanted);
    const unsigned char *at = bytes + 2;
    head_take(&read, &at);
    for (uint8_t i = 0; i < read.step_count; i++)
        read.steps[i] = step_take(&at);
    if (!is_saga(&read))
        return skald_error_set(error, SKALD_MALFORMED,
                               "a stored saga holds a state that there is not: the row is damaged, "
                               "restore it from a backup, or a newer program wrote it");
    *saga = read;
    return SKALD_OK;
}
