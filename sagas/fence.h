/* What a participant does with a command: whether it is carried out, or answered from memory.
 *
 * An operation has a key, the same for every attempt, and an undo names the key of the run that it
 * takes back besides its own. Commands may come twice, late, or an undo before its run: whatever
 * the order, a run has its effect once at most, and not at all once it was undone. Pure decisions;
 * the rows are in skald.fence. */
#ifndef SKALD_SAGAS_FENCE_H
#define SKALD_SAGAS_FENCE_H

#include <stdbool.h>

/* What is known of an operation. */
#define SKALD_FENCE_STATE_LIST(X)                                                                  \
    X(UNKNOWN, "unknown") /* there is no row */                                                    \
    X(DONE, "done")                                                                                \
    X(REFUSED, "refused") /* it had no effect */                                                   \
    X(UNDONE, "undone")   /* done, then taken back */                                              \
    X(BARRED, "barred")   /* a run whose undo came first: it never runs */                         \
    X(LATER, "later")     /* a job carries it out and will answer */                               \
    X(FAILED, "failed")   /* that job was given up: it may have had its effect */

typedef enum skald_fence_state {
#define SKALD_FENCE_STATE_ENUM(name, words) SKALD_FENCE_##name,
    SKALD_FENCE_STATE_LIST(SKALD_FENCE_STATE_ENUM)
#undef SKALD_FENCE_STATE_ENUM
        SKALD_FENCE_STATES
} skald_fence_state;

/* What is done with a command. */
#define SKALD_FENCE_VERDICT_LIST(X)                                                                \
    X(RUN, "run its handler")                                                                      \
    X(AGAIN, "give the stored answer again")                                                       \
    X(SILENT, "nothing: its job will answer")                                                      \
    X(BAR, "bar the run, and answer done: nothing was done that could be undone")                  \
    X(EMPTY, "answer done: nothing is left to undo")                                               \
    X(NOT_YET, "wait: what it takes back is still being done")

typedef enum skald_fence_verdict {
#define SKALD_FENCE_VERDICT_ENUM(name, words) SKALD_FENCE_VERDICT_##name,
    SKALD_FENCE_VERDICT_LIST(SKALD_FENCE_VERDICT_ENUM)
#undef SKALD_FENCE_VERDICT_ENUM
        SKALD_FENCE_VERDICTS
} skald_fence_verdict;

/* How a command that was run ended. */
typedef enum skald_fence_outcome {
    SKALD_FENCE_OUTCOME_DONE,
    SKALD_FENCE_OUTCOME_REFUSED,
    SKALD_FENCE_OUTCOME_LATER, /* a job will say */
} skald_fence_outcome;

/* `own` is what is known of the command's own key; of an undo, `run` is what is known of the key
 * that it takes back. */
skald_fence_verdict skald_fence_decide_run(skald_fence_state own);
skald_fence_verdict skald_fence_decide_undo(skald_fence_state own, skald_fence_state run);

/* What is known of the command's own key afterwards. */
skald_fence_state skald_fence_after(skald_fence_outcome outcome);

/* What is known of a run after an undo of it that had this verdict and this outcome (of a verdict
 * other than RUN: DONE). */
skald_fence_state skald_fence_run_after(skald_fence_state run, skald_fence_verdict verdict,
                                        skald_fence_outcome outcome);

/* "done", "run its handler" and so on; never NULL. */
const char *skald_fence_state_words(skald_fence_state state);
const char *skald_fence_verdict_words(skald_fence_verdict verdict);

/* By its word; SKALD_FENCE_STATES when it is none. */
skald_fence_state skald_fence_state_find(const char *words);

#endif
