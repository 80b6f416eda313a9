/* Attempts that did not succeed: what is known of them until they stand in skald.attempt. */
#ifndef SKALD_FOLLOWERS_ATTEMPTS_H
#define SKALD_FOLLOWERS_ATTEMPTS_H

#include "pg/array.h"
#include "policy.h"

#include <skald/context.h>
#include <skald/param.h>
#include <skald/status.h>

/* Attempts in a row before they are written down. */
enum { SKALD_ATTEMPTS_MAX = 32, SKALD_REASON_SIZE = 1024 };

typedef struct skald_attempt {
    skald_failure_kind kind;
    skald_error error;
    bool refused;                                     /* business says no: no failure */
    char error_class[SKALD_ERROR_CLASS_SIZE_MAX + 1]; /* "": none */
    uint64_t retry_after_ms;
    uint64_t started_ms; /* on the clock of skald_clock_ms */
    uint64_t ended_ms;
} skald_attempt;

/* skald.attempt.outcome of a failure. */
const char *skald_attempt_outcome(skald_failure_kind kind);

/* Reasons come from user code and from bytes of strangers: as PostgreSQL can keep them. */
void skald_reason_clean(char out[SKALD_REASON_SIZE], const char *reason);

/* Attempts of one message, as columns of skald.attempt. */
typedef struct skald_attempts {
    skald_array outcomes, ended_ago_ms, took_ms, classes, errors, sqlstates;
    uint32_t count;
} skald_attempts;

void skald_attempts_init(skald_attempts *attempts);
void skald_attempts_done(skald_attempts *attempts);
void skald_attempts_clear(skald_attempts *attempts);

/* Notes one more. */
void skald_attempts_add(skald_attempts *attempts, const skald_attempt *attempt);

/* For a call that is no failure but is kept as well: "skipped". */
void skald_attempts_add_outcome(skald_attempts *attempts, const char *outcome,
                                const skald_attempt *attempt);

/* They travel as six parameters, in the order of the struct; false without memory. */
enum { SKALD_ATTEMPTS_PARAMS = 6 };
bool skald_attempts_params(skald_attempts *attempts, skald_param out[SKALD_ATTEMPTS_PARAMS]);

#endif
