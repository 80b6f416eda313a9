/* What happens after a failure: how often and when to try again, and when to give up. Pure; the
 * runtime brings what it saw, and carries out what is decided here. */
#ifndef SKALD_RETRY_H
#define SKALD_RETRY_H

#include <skald/api.h>
#include <skald/status.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A schedule in words becomes numbers. Its clauses are separated by commas, each is there once at
 * most, in any order:
 *
 *     never            no second attempt; stands alone
 *     2 at once        so many more attempts before the first wait
 *     1s..1h           waits between the others: drawn evenly from 0 up to a ceiling that begins
 *                      at 1 s, doubles with every attempt and stops at 1 h ("full jitter")
 *     5s               the same with one ceiling
 *     20 times         give up after so many failed attempts in all
 *     for 72h          give up when so long has passed since the first failure
 *
 * "3 at once, 1s..1h for 72h" is a whole one: "20 times" and "for 72h" may follow the waits with or
 * without a comma. Units are ms, s, m, h and d, and sums such as "1h30m". Without waits they are
 * those of the default policy, 50ms..10m. Without "times" and "for" it never gives up. */
typedef struct skald_retry {
    uint32_t at_once;      /* attempts without a wait after the first failure */
    uint64_t delay_ms_min; /* the first ceiling */
    uint64_t delay_ms_max;
    uint32_t attempts_max; /* failed attempts in all; 0: no bound. "never" is 1 */
    uint64_t for_ms;       /* since the first failure; 0: no bound */
} skald_retry;

/* Longest wait and longest time; longer ones are SKALD_INVALID. */
#define SKALD_RETRY_MS_MAX (UINT64_C(366) * 24 * 60 * 60 * 1000)

/* Waits where a schedule names none. */
#define SKALD_RETRY_DELAY_MS_MIN_DEFAULT UINT64_C(50)
#define SKALD_RETRY_DELAY_MS_MAX_DEFAULT UINT64_C(600000)

/* SKALD_INVALID with a sentence that names the word and what may stand there. Any thread. */
SKALD_API skald_status skald_retry_parse(skald_retry *out, const char *text, skald_error *error);

/* What becomes of later messages of a key whose message is declared dead. */
typedef enum skald_when_dead {
    SKALD_DEAD_HOLDS = 0, /* they wait until a person has replayed, edited or discarded it */
    SKALD_DEAD_GOES_ON,   /* they go on without it */
} skald_when_dead;

/* A rule for some kinds of failures. */
typedef struct skald_retry_rule {
    /* Words separated by blanks; one that fits is enough. A word is the class given to
     * skald_fail_as, a SQLSTATE ("23505") or its first two characters ("23"), or one of "not-yet",
     * "timed-out", "crashed", "undecodable". */
    const char *errors;
    const char *retry; /* a schedule; NULL: that of the policy, and none for "undecodable" */
    skald_when_dead dead;
} skald_retry_rule;

/* What a subscription (a follower or a queue) does about failures. Zero means default. Constants
 * that live as long as the service. */
typedef struct skald_policy {
    const char *retry;             /* "50ms..10m for 72h" */
    const char *not_yet;           /* for skald_not_yet: "20ms..5s for 1h" */
    const skald_retry_rule *rules; /* the first that fits decides */
    size_t rule_count;
    uint32_t crashes_max; /* attempts that ended their process, before it is declared dead; 3 */
    skald_when_dead dead; /* where no rule fits */
} skald_policy;

#define SKALD_POLICY_RETRY_DEFAULT "50ms..10m for 72h"
#define SKALD_POLICY_NOT_YET_DEFAULT "20ms..5s for 1h"
#define SKALD_POLICY_CRASHES_MAX_DEFAULT 3u

#ifdef __cplusplus
}
#endif

#endif
