/* Attempts as arrays, so that many become rows in one statement. */
#include "followers/attempts.h"
#include "base/clock.h"
#include "base/utf8.h"

#include <string.h>

const char *skald_attempt_outcome(skald_failure_kind kind)
{
    switch (kind) {
    case SKALD_FAILURE_NOT_YET:
        return "not yet";
    case SKALD_FAILURE_DEAD:
        return "dead";
    case SKALD_FAILURE_TIMED_OUT:
        return "timed out";
    case SKALD_FAILURE_CRASHED:
        return "crashed";
    default:
        return "failed";
    }
}

void skald_reason_clean(char out[SKALD_REASON_SIZE], const char *reason)
{
    size_t left = strlen(reason);
    size_t used = 0;
    while (left > 0 && used + 1 < SKALD_REASON_SIZE) {
        size_t valid = skald_utf8_valid_size(reason, left);
        if (valid > SKALD_REASON_SIZE - 1 - used)
            break;
        memcpy(out + used, reason, valid);
        used += valid;
        reason += valid;
        left -= valid;
        if (left > 0 && used + 1 < SKALD_REASON_SIZE) {
            out[used++] = '?';
            reason++;
            left--;
        }
    }
    out[used] = '\0';
}

static void arrays_list(skald_attempts *attempts, skald_array *list[SKALD_ATTEMPTS_PARAMS])
{
    skald_array *arrays[SKALD_ATTEMPTS_PARAMS] = {&attempts->outcomes, &attempts->ended_ago_ms,
                                                  &attempts->took_ms,  &attempts->classes,
                                                  &attempts->errors,   &attempts->sqlstates};
    memcpy(list, arrays, sizeof arrays);
}

void skald_attempts_init(skald_attempts *attempts)
{
    *attempts = (skald_attempts){0};
    skald_array_init(&attempts->outcomes, SKALD_ARRAY_TEXT);
    skald_array_init(&attempts->ended_ago_ms, SKALD_ARRAY_INT8);
    skald_array_init(&attempts->took_ms, SKALD_ARRAY_INT8);
    skald_array_init(&attempts->classes, SKALD_ARRAY_TEXT);
    skald_array_init(&attempts->errors, SKALD_ARRAY_TEXT);
    skald_array_init(&attempts->sqlstates, SKALD_ARRAY_TEXT);
}

void skald_attempts_done(skald_attempts *attempts)
{
    skald_array *arrays[SKALD_ATTEMPTS_PARAMS];
    arrays_list(attempts, arrays);
    for (int i = 0; i < SKALD_ATTEMPTS_PARAMS; i++)
        skald_array_done(arrays[i]);
    attempts->count = 0;
}

void skald_attempts_clear(skald_attempts *attempts)
{
    skald_array *arrays[SKALD_ATTEMPTS_PARAMS];
    arrays_list(attempts, arrays);
    for (int i = 0; i < SKALD_ATTEMPTS_PARAMS; i++)
        skald_array_clear(arrays[i]);
    attempts->count = 0;
}

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

void skald_attempts_add_outcome(skald_attempts *attempts, const char *outcome,
                                const skald_attempt *attempt)
{
    char reason[SKALD_REASON_SIZE];
    skald_reason_clean(reason, attempt->error.text);
    skald_array_text(&attempts->outcomes, outcome);
    skald_array_integer(&attempts->ended_ago_ms, (int64_t)(skald_clock_ms() - attempt->ended_ms));
    skald_array_integer(&attempts->took_ms, (int64_t)(attempt->ended_ms - attempt->started_ms));
    skald_array_text(&attempts->classes, or_null(attempt->error_class));
    skald_array_text(&attempts->errors, reason);
    skald_array_text(&attempts->sqlstates, or_null(attempt->error.sqlstate));
    attempts->count++;
}

void skald_attempts_add(skald_attempts *attempts, const skald_attempt *attempt)
{
    skald_attempts_add_outcome(attempts, skald_attempt_outcome(attempt->kind), attempt);
}

bool skald_attempts_params(skald_attempts *attempts, skald_param out[SKALD_ATTEMPTS_PARAMS])
{
    skald_array *arrays[SKALD_ATTEMPTS_PARAMS];
    arrays_list(attempts, arrays);
    for (int i = 0; i < SKALD_ATTEMPTS_PARAMS; i++) {
        if (!skald_array_ok(arrays[i]))
            return false;
        out[i] = skald_array_param(arrays[i]);
    }
    return true;
}
