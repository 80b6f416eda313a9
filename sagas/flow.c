/* A flow's instance. Everything that is said of it is computed anew from the events that were seen,
 * so no order of seeing them can leave it in another state. */
#include "flow.h"

#include <assert.h>
#include <string.h>

#include "text.h"

/* --- what an expectation says ----------------------------------------------------------------- */

static bool is_same(const char *left, const char *right)
{
    const size_t size = strlen(left);
    return size == strlen(right) && memcmp(left, right, size) == 0;
}

size_t skald_flow_event_find(const skald_flow *flow, const char *type)
{
    for (size_t i = 0; i < flow->events.count; i++) {
        if (is_same(flow->events.list[i].type, type))
            return i;
    }
    return SKALD_FLOW_NO_EVENT;
}

static bool is_expected(const skald_flow_expectation *expectation, const char *type)
{
    for (size_t i = 0; i < SKALD_FLOW_ALTERNATIVES_MAX && expectation->expect[i] != NULL; i++) {
        if (is_same(expectation->expect[i], type))
            return true;
    }
    return false;
}

static const skald_flow_seen *seen_of(const skald_flow *flow, const skald_flow_state *state,
                                      const char *type)
{
    const size_t event = skald_flow_event_find(flow, type);
    assert(event != SKALD_FLOW_NO_EVENT);
    return &state->seen[event];
}

/* Does `answer` follow the last time that `after` happened? Of something that happened once every
 * answer does, whatever the clocks say. */
static bool is_answer(const skald_flow_expectation *expectation, const skald_flow_seen *after,
                      const skald_flow_seen *answer)
{
    if (answer->count == 0)
        return false;
    return !expectation->each_time || after->count == 1 ||
           answer->last_us >= after->last_us - SKALD_FLOW_SKEW_US;
}

/* Is it not met? Says since when. */
static bool is_awaited(const skald_flow *flow, const skald_flow_state *state,
                       const skald_flow_expectation *expectation, int64_t *since_us)
{
    const skald_flow_seen *after = seen_of(flow, state, expectation->after);
    if (after->count == 0)
        return false;
    *since_us = after->first_us;
    for (size_t i = 0; i < SKALD_FLOW_ALTERNATIVES_MAX && expectation->expect[i] != NULL; i++) {
        const skald_flow_seen *answer = seen_of(flow, state, expectation->expect[i]);
        if (is_answer(expectation, after, answer))
            return false;
        if (answer->count > 0)
            *since_us = after->last_us;
    }
    return true;
}

/* --- what is known ---------------------------------------------------------------------------- */

static void last_look(const skald_flow *flow, const skald_flow_state *state, skald_flow_view *out)
{
    for (size_t i = 0; i < flow->events.count; i++) {
        const skald_flow_seen *seen = &state->seen[i];
        if (seen->count == 0 || (out->last != SKALD_FLOW_NO_EVENT && seen->last_us < out->last_us))
            continue;
        out->last = i;
        out->last_us = seen->last_us;
    }
}

static void beginning_look(const skald_flow *flow, const skald_flow_state *state,
                           skald_flow_view *out)
{
    for (size_t i = 0; i < flow->events.count; i++) {
        const skald_flow_seen *seen = &state->seen[i];
        if (!flow->events.list[i].begins || seen->count == 0)
            continue;
        if (!out->begun || seen->first_us < out->began_us)
            out->began_us = seen->first_us;
        out->begun = true;
    }
}

/* Of several that end it the one that happened first does. */
static void end_look(const skald_flow *flow, const skald_flow_state *state, skald_flow_view *out)
{
    for (size_t i = 0; i < flow->events.count; i++) {
        const skald_flow_seen *seen = &state->seen[i];
        if (flow->events.list[i].ends == SKALD_FLOW_GOES_ON || seen->count == 0)
            continue;
        if (out->ended_by != SKALD_FLOW_NO_EVENT && seen->first_us >= out->ended_us)
            continue;
        out->ended_by = i;
        out->ended_us = seen->first_us;
        out->end = flow->events.list[i].ends;
    }
}

static void awaited_look(const skald_flow *flow, const skald_flow_state *state,
                         skald_flow_view *out)
{
    for (size_t i = 0; i < flow->expectations.count; i++) {
        const skald_flow_expectation *expectation = &flow->expectations.list[i];
        int64_t since_us = 0;
        if (!is_awaited(flow, state, expectation, &since_us))
            continue;
        skald_flow_awaited *awaited = &out->awaited[out->awaited_count++];
        awaited->expectation = i;
        awaited->since_us = since_us;
        awaited->due_us = since_us + (int64_t)expectation->within_ms * 1000;
    }
}

void skald_flow_look(const skald_flow *flow, const skald_flow_state *state, skald_flow_view *out)
{
    *out = (skald_flow_view){.ended_by = SKALD_FLOW_NO_EVENT, .last = SKALD_FLOW_NO_EVENT};
    last_look(flow, state, out);
    beginning_look(flow, state, out);
    /* What a person has closed stays closed, whatever comes. */
    if (state->closed) {
        out->phase = SKALD_FLOW_ENDED;
        return;
    }
    if (!out->begun)
        return;
    end_look(flow, state, out);
    out->phase = out->ended_by != SKALD_FLOW_NO_EVENT ? SKALD_FLOW_ENDED : SKALD_FLOW_OPEN;
    if (out->phase == SKALD_FLOW_OPEN)
        awaited_look(flow, state, out);
}

/* --- one event more --------------------------------------------------------------------------- */

/* Is it what somebody waits for? Then it is late if it is for one of them. */
static bool awaited_note(const skald_flow *flow, const skald_flow_view *before, const char *type,
                         int64_t time_us, skald_flow_note *note)
{
    bool found = false;
    for (size_t i = 0; i < before->awaited_count; i++) {
        const skald_flow_awaited *awaited = &before->awaited[i];
        if (!is_expected(&flow->expectations.list[awaited->expectation], type))
            continue;
        if (!found || time_us > awaited->due_us)
            *note = time_us > awaited->due_us ? SKALD_FLOW_LATE : SKALD_FLOW_EXPECTED;
        found = true;
    }
    return found;
}

/* Will it be awaited, once what it follows has come? */
static bool is_early(const skald_flow *flow, const skald_flow_state *state, const char *type)
{
    bool early = false;
    for (size_t i = 0; i < flow->expectations.count; i++) {
        const skald_flow_expectation *expectation = &flow->expectations.list[i];
        if (!is_expected(expectation, type))
            continue;
        if (seen_of(flow, state, expectation->after)->count > 0)
            return false;
        early = true;
    }
    return early;
}

static skald_flow_note note_of(const skald_flow *flow, const skald_flow_state *state, size_t event,
                               int64_t time_us)
{
    const char *type = flow->events.list[event].type;
    skald_flow_view before;
    skald_flow_note note = SKALD_FLOW_UNEXPECTED;
    skald_flow_look(flow, state, &before);
    if (before.phase == SKALD_FLOW_ENDED)
        return SKALD_FLOW_AFTER_END;
    if (awaited_note(flow, &before, type, time_us, &note))
        return note;
    if (state->seen[event].count > 0)
        return SKALD_FLOW_REPEATED;
    if (flow->events.list[event].begins)
        return SKALD_FLOW_BEGINS;
    if (before.phase == SKALD_FLOW_EARLY || is_early(flow, state, type))
        return SKALD_FLOW_CAME_EARLY;
    return SKALD_FLOW_UNEXPECTED;
}

skald_flow_note skald_flow_take(const skald_flow *flow, skald_flow_state *state, size_t event,
                                int64_t time_us)
{
    assert(event < flow->events.count);
    assert(time_us >= -SKALD_FLOW_TIME_US_MAX);
    assert(time_us <= SKALD_FLOW_TIME_US_MAX);
    const skald_flow_note note = note_of(flow, state, event, time_us);
    skald_flow_seen *seen = &state->seen[event];
    if (seen->count == 0 || time_us < seen->first_us)
        seen->first_us = time_us;
    if (seen->count == 0 || time_us > seen->last_us)
        seen->last_us = time_us;
    if (seen->count < UINT32_MAX)
        seen->count++;
    return note;
}

/* --- words ------------------------------------------------------------------------------------ */

const char *skald_flow_note_word(skald_flow_note note)
{
    static const char *const words[] = {
#define SKALD_FLOW_NOTE_WORD(name, word) word,
        SKALD_FLOW_NOTE_LIST(SKALD_FLOW_NOTE_WORD)
#undef SKALD_FLOW_NOTE_WORD
    };
    assert((size_t)note < sizeof words / sizeof *words);
    return words[note];
}

size_t skald_flow_expectation_words(const skald_flow_expectation *expectation, char *out,
                                    size_t size)
{
    skald_text_out text = {out, size, 0};
    for (size_t i = 0; i < SKALD_FLOW_ALTERNATIVES_MAX && expectation->expect[i] != NULL; i++)
        skald_text_add(&text, "%s%s", i > 0 ? " or " : "", expectation->expect[i]);
    return text.length;
}
