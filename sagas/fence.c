/* The rules of the fence as tables. */
#include "fence.h"

#include <assert.h>
#include <string.h>

#define VERDICT(name) SKALD_FENCE_VERDICT_##name

skald_fence_verdict skald_fence_decide_run(skald_fence_state own)
{
    static const skald_fence_verdict verdicts[SKALD_FENCE_STATES] = {
        [SKALD_FENCE_UNKNOWN] = VERDICT(RUN),
        [SKALD_FENCE_DONE] = VERDICT(AGAIN),
        [SKALD_FENCE_REFUSED] = VERDICT(AGAIN),
        /* A late repeat: what was answered then is still the answer to it. */
        [SKALD_FENCE_UNDONE] = VERDICT(AGAIN),
        /* Its answer was stored when it was barred. */
        [SKALD_FENCE_BARRED] = VERDICT(AGAIN),
        [SKALD_FENCE_LATER] = VERDICT(SILENT),
        [SKALD_FENCE_FAILED] = VERDICT(RUN),
    };
    assert(own < SKALD_FENCE_STATES);
    return verdicts[own];
}

/* Of an undo that is new, or that a job has given up. */
static skald_fence_verdict undo_decide(skald_fence_state run)
{
    static const skald_fence_verdict verdicts[SKALD_FENCE_STATES] = {
        [SKALD_FENCE_UNKNOWN] = VERDICT(BAR),
        [SKALD_FENCE_DONE] = VERDICT(RUN),
        [SKALD_FENCE_REFUSED] = VERDICT(EMPTY),
        [SKALD_FENCE_UNDONE] = VERDICT(EMPTY),
        [SKALD_FENCE_BARRED] = VERDICT(EMPTY),
        [SKALD_FENCE_LATER] = VERDICT(NOT_YET),
        /* It may have been done: only its undo can tell. */
        [SKALD_FENCE_FAILED] = VERDICT(RUN),
    };
    return verdicts[run];
}

skald_fence_verdict skald_fence_decide_undo(skald_fence_state own, skald_fence_state run)
{
    assert(own < SKALD_FENCE_STATES && run < SKALD_FENCE_STATES);
    const skald_fence_verdict verdict = skald_fence_decide_run(own);
    return verdict == VERDICT(RUN) ? undo_decide(run) : verdict;
}

skald_fence_state skald_fence_after(skald_fence_outcome outcome)
{
    static const skald_fence_state states[] = {
        [SKALD_FENCE_OUTCOME_DONE] = SKALD_FENCE_DONE,
        [SKALD_FENCE_OUTCOME_REFUSED] = SKALD_FENCE_REFUSED,
        [SKALD_FENCE_OUTCOME_LATER] = SKALD_FENCE_LATER,
    };
    return states[outcome];
}

skald_fence_state skald_fence_run_after(skald_fence_state run, skald_fence_verdict verdict,
                                        skald_fence_outcome outcome)
{
    if (verdict == VERDICT(BAR))
        return SKALD_FENCE_BARRED;
    return verdict == VERDICT(RUN) && outcome == SKALD_FENCE_OUTCOME_DONE ? SKALD_FENCE_UNDONE
                                                                          : run;
}

static const char *const state_words[SKALD_FENCE_STATES] = {
#define STATE_WORDS(name, words) words,
    SKALD_FENCE_STATE_LIST(STATE_WORDS)
#undef STATE_WORDS
};

const char *skald_fence_state_words(skald_fence_state state)
{
    assert(state < SKALD_FENCE_STATES);
    return state_words[state];
}

skald_fence_state skald_fence_state_find(const char *words)
{
    int state = 0;
    while (state < SKALD_FENCE_STATES && strcmp(state_words[state], words) != 0)
        state++;
    return (skald_fence_state)state;
}

const char *skald_fence_verdict_words(skald_fence_verdict verdict)
{
    static const char *const verdict_words[SKALD_FENCE_VERDICTS] = {
#define VERDICT_WORDS(name, words) words,
        SKALD_FENCE_VERDICT_LIST(VERDICT_WORDS)
#undef VERDICT_WORDS
    };
    assert(verdict < SKALD_FENCE_VERDICTS);
    return verdict_words[verdict];
}
