/* What a policy makes of one failure. */
#ifndef SKALD_SAGAS_POLICY_H
#define SKALD_SAGAS_POLICY_H

#include <skald/retry.h>

enum {
    SKALD_POLICY_RULES_MAX = 16,
    SKALD_POLICY_CLASS_SIZE_MAX = 63, /* as SKALD_ERROR_CLASS_SIZE_MAX of <skald/context.h> */
};

/* A policy, parsed once. Borrows the words of the rules. */
typedef struct skald_policy_plan {
    skald_retry retry;
    skald_retry not_yet;
    struct {
        const char *errors;
        bool has_retry;
        skald_retry retry;
        skald_when_dead dead;
    } rules[SKALD_POLICY_RULES_MAX];
    uint32_t rule_count;
    uint32_t crashes_max;
    skald_when_dead dead;
} skald_policy_plan;

/* Fills in defaults (`policy` NULL: all of them) and parses every schedule. SKALD_INVALID names the
 * field; SKALD_FULL above SKALD_POLICY_RULES_MAX. */
skald_status skald_policy_compile(skald_policy_plan *out, const skald_policy *policy,
                                  skald_error *error);

typedef enum skald_failure_kind {
    SKALD_FAILURE_FAILED,      /* an answer or a statement; also of an activity */
    SKALD_FAILURE_RETRY_AFTER, /* the same with a time: not sooner than retry_after_ms */
    SKALD_FAILURE_NOT_YET,     /* something it depends on has not arrived */
    SKALD_FAILURE_DEAD,        /* user code says that it can never succeed */
    SKALD_FAILURE_TIMED_OUT,   /* past its deadline */
    SKALD_FAILURE_CRASHED,     /* its process ended under it */
    SKALD_FAILURE_UNDECODABLE, /* the body does not fit its type */
} skald_failure_kind;

typedef struct skald_failure {
    skald_failure_kind kind;
    const char *error_class; /* NULL or "": none */
    const char *sqlstate;    /* NULL or "": none */
    uint64_t retry_after_ms; /* RETRY_AFTER; honoured, but never past the bounds of the policy */
    uint32_t attempts;       /* failed so far, this one included; NOT_YET counts for itself */
    uint32_t crashes;        /* of them, those that ended the process */
    uint64_t failing_ms;     /* since the first failure */
} skald_failure;

typedef struct skald_verdict {
    bool dead;
    bool at_once; /* try again without making a row of it */
    bool holds;   /* when dead: the key waits for a person */
    uint64_t delay_ms;
    char why[160]; /* when dead: which bound was reached, in words */
} skald_verdict;

/* `random` is any 64 random bits. Same input, same verdict.
 *
 * A rule that fits brings its schedule, or none, then that of the failure's kind stays: `not_yet`
 * for NOT_YET, else `retry`. Crashes and late ends count as attempts too, so "never" is never.
 * UNDECODABLE is dead at once and its key goes on, unless a rule says otherwise. A wait is cut to
 * the schedule's bound of time, so that the last attempt is made there. */
skald_verdict skald_policy_decide(const skald_policy_plan *plan, const skald_failure *failure,
                                  uint64_t random);

#endif
