/* Schedules of retries, as people write them. */
#include <skald/retry.h>

#include "scan.h"

#include <assert.h>
#include <string.h>

/* Which clauses were met, so that none stands twice. */
typedef struct reading {
    skald_words words;
    skald_retry retry;
    bool never;
    bool at_once;
    bool waits;
    bool times;
    bool until;
    bool fresh; /* a comma stands before the clause, or nothing */
    skald_error *error;
} reading;

static const char CLAUSES[] =
    "one of \"never\", \"2 at once\", \"1s..1h\", \"20 times\", \"for 72h\" may stand there";

/* Says what is wrong with a word; a text that ended has none to show. */
static skald_status refuse(const reading *r, skald_word word, const char *wrong, const char *remedy)
{
    const char *const text = r->words.text;
    if (word.size == 0)
        return skald_error_set(r->error, SKALD_INVALID,
                               "retry schedule \"%.*s\": something is missing at its end; %s",
                               skald_text_shown(text), text, remedy);
    return skald_error_set(r->error, SKALD_INVALID,
                           "retry schedule \"%.*s\": \"%.*s\" at character %zu %s; %s",
                           skald_text_shown(text), text, skald_word_shown(word), word.start,
                           word.place, wrong, remedy);
}

/* A clause is there once. Clauses but the bounds are set apart by a comma. */
static skald_status clause_begin(const reading *r, skald_word word, bool *seen, bool comma_needed)
{
    if (*seen)
        return refuse(r, word, "begins a second clause of its kind", "leave one of them out");
    if (comma_needed && !r->fresh)
        return refuse(r, word, "follows without a comma", "put a comma before it");
    *seen = true;
    return SKALD_OK;
}

static skald_status never_read(reading *r, skald_word word)
{
    const skald_status status = clause_begin(r, word, &r->never, true);
    if (status != SKALD_OK)
        return status;
    r->retry.attempts_max = 1;
    return SKALD_OK;
}

static skald_status duration_read(const reading *r, skald_word word, uint64_t *ms)
{
    const char *const flaw = skald_word_duration(word, ms);
    if (flaw != NULL)
        return refuse(r, word, flaw, "a time from 1ms to 366d may stand there");
    if (*ms == 0)
        return refuse(r, word, "is no time at all",
                      "for retries without a wait write \"2 at once\"; otherwise 1ms or more");
    return SKALD_OK;
}

static skald_status waits_read(reading *r, skald_word word)
{
    skald_status status = clause_begin(r, word, &r->waits, true);
    if (status == SKALD_OK)
        status = duration_read(r, word, &r->retry.delay_ms_min);
    if (status != SKALD_OK)
        return status;
    r->retry.delay_ms_max = r->retry.delay_ms_min;
    if (!skald_word_is(skald_words_peek(&r->words), ".."))
        return SKALD_OK;
    (void)skald_words_next(&r->words);
    const skald_word last = skald_words_next(&r->words);
    status = duration_read(r, last, &r->retry.delay_ms_max);
    if (status != SKALD_OK)
        return status;
    if (r->retry.delay_ms_max < r->retry.delay_ms_min)
        return refuse(r, last, "is shorter than the wait before it", "write the shorter one first");
    return SKALD_OK;
}

static skald_status until_read(reading *r, skald_word word)
{
    const skald_status status = clause_begin(r, word, &r->until, false);
    if (status != SKALD_OK)
        return status;
    return duration_read(r, skald_words_next(&r->words), &r->retry.for_ms);
}

/* "2 at once" or "20 times". */
static skald_status count_read(reading *r, skald_word word, uint32_t number)
{
    const skald_word what = skald_words_next(&r->words);
    const bool at = skald_word_is(what, "at");
    const bool times = skald_word_is(what, "times") || skald_word_is(what, "time");
    if (!at && !times)
        return refuse(
            r, what, "says not what the number before it counts",
            "\"at once\" or \"times\" may stand there, or a unit right behind the number");
    if (number == 0)
        return refuse(r, word, at ? "retries are none" : "attempts are none",
                      at ? "leave the clause out" : "for no second attempt write \"never\"");
    const skald_status status = clause_begin(r, word, at ? &r->at_once : &r->times, at);
    if (status != SKALD_OK)
        return status;
    if (times) {
        r->retry.attempts_max = number;
        return SKALD_OK;
    }
    const skald_word once = skald_words_next(&r->words);
    if (!skald_word_is(once, "once"))
        return refuse(r, once, "does not end \"at once\"", "\"once\" may stand there");
    r->retry.at_once = number;
    return SKALD_OK;
}

static bool digits_only(skald_word word)
{
    for (size_t i = 0; i < word.size; i++) {
        if (word.start[i] < '0' || word.start[i] > '9')
            return false;
    }
    return true;
}

static skald_status clause_read(reading *r, skald_word word)
{
    uint32_t number;
    if (skald_word_is(word, "never"))
        return never_read(r, word);
    if (skald_word_is(word, "for"))
        return until_read(r, word);
    if (skald_word_number(word, &number))
        return count_read(r, word, number);
    if (digits_only(word))
        return refuse(r, word, "is too large a number", "4294967295 is the largest");
    if (word.start[0] >= '0' && word.start[0] <= '9')
        return waits_read(r, word);
    return refuse(r, word, "is no clause", CLAUSES);
}

/* Every comma stands between two clauses. */
static skald_status clauses_read(reading *r)
{
    for (;;) {
        const skald_word word = skald_words_next(&r->words);
        const bool comma = skald_word_is(word, ",");
        if (word.size == 0 && !r->fresh)
            return SKALD_OK;
        if (r->fresh && (comma || word.size == 0))
            return refuse(r, word, "stands where a clause is due", CLAUSES);
        const skald_status status = comma ? SKALD_OK : clause_read(r, word);
        if (status != SKALD_OK)
            return status;
        r->fresh = comma;
    }
}

/* Clauses that are fine alone and contradict each other. */
static skald_status whole_check(const reading *r)
{
    const char *const text = r->words.text;
    if (r->never && (r->at_once || r->waits || r->times || r->until))
        return skald_error_set(r->error, SKALD_INVALID,
                               "retry schedule \"%.*s\": \"never\" contradicts the rest of it; "
                               "write \"never\" alone, or leave it out",
                               skald_text_shown(text), text);
    if (r->at_once && r->times && r->retry.at_once >= r->retry.attempts_max)
        return skald_error_set(r->error, SKALD_INVALID,
                               "retry schedule \"%.*s\": \"%u at once\" are more retries than "
                               "\"%u times\" leaves after the first attempt; raise the second or "
                               "lower the first",
                               skald_text_shown(text), text, r->retry.at_once,
                               r->retry.attempts_max);
    return SKALD_OK;
}

skald_status skald_retry_parse(skald_retry *out, const char *text, skald_error *error)
{
    assert(out != NULL);
    if (text == NULL)
        return skald_error_set(error, SKALD_INVALID,
                               "retry schedule: it is NULL; write one such as \"1s..1h for 72h\"");
    reading r = {
        .words = {.text = text, .next = text, .marks = true}, .fresh = true, .error = error};
    r.retry.delay_ms_min = SKALD_RETRY_DELAY_MS_MIN_DEFAULT;
    r.retry.delay_ms_max = SKALD_RETRY_DELAY_MS_MAX_DEFAULT;
    skald_status status = clauses_read(&r);
    if (status == SKALD_OK)
        status = whole_check(&r);
    if (status == SKALD_OK)
        *out = r.retry;
    return status;
}
