/* One list each for code and words; this file has the words. */
#include "words.h"

#include <string.h>

#define NUMBERED(name, number, words) [number] = (words),
#define COUNTED(name, words) (words),

static const char *const state_words[] = {SKALD_STEP_STATE_LIST(NUMBERED)};
static const char *const phase_words[] = {SKALD_SAGA_PHASE_LIST(NUMBERED)};
static const char *const step_input_words[] = {SKALD_STEP_INPUT_LIST(NUMBERED)};
static const char *const saga_input_words[] = {SKALD_SAGA_INPUT_LIST(NUMBERED)};
static const char *const event_words[] = {SKALD_SAGA_EVENT_LIST(COUNTED)};
static const char *const action_words[] = {SKALD_SAGA_ACTION_LIST(COUNTED)};
static const char *const kind_words[] = {
    [SKALD_WORK_NONE] = "nothing",      [SKALD_WORK_LOCAL] = "local",
    [SKALD_WORK_ACTIVITY] = "activity", [SKALD_WORK_COMMAND] = "command",
    [SKALD_WORK_WAIT] = "wait",         [SKALD_WORK_SLEEP] = "sleep",
    [SKALD_WORK_CHILD] = "child",       [SKALD_WORK_TAKE_BACK] = "take the child back",
    [SKALD_WORK_PARALLEL] = "parallel", [SKALD_WORK_SEQUENCE] = "sequence",
};

static const char *words_at(const char *const *words, size_t count, size_t at)
{
    return at < count ? words[at] : "unknown";
}

#define WORDS_AT(words, at) words_at((words), sizeof(words) / sizeof *(words), (at))

const char *skald_step_state_words(uint8_t state)
{
    return WORDS_AT(state_words, state);
}

const char *skald_saga_phase_words(uint8_t phase)
{
    return WORDS_AT(phase_words, phase);
}

const char *skald_step_input_words(uint8_t input)
{
    return WORDS_AT(step_input_words, input);
}

const char *skald_saga_input_words(uint8_t input)
{
    return WORDS_AT(saga_input_words, input);
}

const char *skald_saga_event_words(skald_saga_event_kind kind)
{
    return WORDS_AT(event_words, kind);
}

const char *skald_saga_action_words(skald_saga_action_kind kind)
{
    return WORDS_AT(action_words, kind);
}

const char *skald_work_kind_words(skald_work_kind kind)
{
    return WORDS_AT(kind_words, kind);
}

skald_saga_event_kind skald_saga_event_find(const char *words)
{
    for (size_t i = 0; i < SKALD_EVENT_COUNT; i++) {
        if (strlen(words) == strlen(event_words[i]) &&
            memcmp(words, event_words[i], strlen(words)) == 0)
            return (skald_saga_event_kind)i;
    }
    return SKALD_EVENT_COUNT;
}
