/* The scanner knows no locale: what a schedule means must not depend on where a process runs. */
#include "scan.h"

#include <skald/retry.h>

#include <string.h>

enum { WORD_SHOWN_MAX = 40, TEXT_SHOWN_MAX = 120 };

static bool is_blank(char character)
{
    return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* Of the mark that stands here, or 0. */
static size_t mark_size(const skald_words *words, const char *at)
{
    if (!words->marks)
        return 0;
    if (at[0] == ',')
        return 1;
    return at[0] == '.' && at[1] == '.' ? 2 : 0;
}

skald_word skald_words_next(skald_words *words)
{
    while (is_blank(*words->next))
        words->next++;
    const char *const start = words->next;
    size_t size = mark_size(words, start);
    if (size == 0) {
        while (start[size] != '\0' && !is_blank(start[size]) && mark_size(words, start + size) == 0)
            size++;
    }
    words->next = start + size;
    return (skald_word){start, size, (size_t)(start - words->text) + 1};
}

skald_word skald_words_peek(const skald_words *words)
{
    skald_words copy = *words;
    return skald_words_next(&copy);
}

bool skald_word_is(skald_word word, const char *wanted)
{
    return word.size == strlen(wanted) && memcmp(word.start, wanted, word.size) == 0;
}

bool skald_word_is_anycase(skald_word word, const char *wanted)
{
    if (word.size != strlen(wanted))
        return false;
    for (size_t i = 0; i < word.size; i++) {
        const char letter = word.start[i];
        const char small = letter >= 'A' && letter <= 'Z' ? (char)(letter - 'A' + 'a') : letter;
        if (small != wanted[i])
            return false;
    }
    return true;
}

bool skald_word_number(skald_word word, uint32_t *number)
{
    uint64_t value = 0;
    for (size_t i = 0; i < word.size; i++) {
        if (!is_digit(word.start[i]))
            return false;
        value = value * 10 + (uint64_t)(word.start[i] - '0');
        if (value > UINT32_MAX)
            return false;
    }
    if (word.size == 0)
        return false;
    *number = (uint32_t)value;
    return true;
}

typedef struct unit {
    const char *name;
    uint64_t ms;
} unit;

static const unit units[] = {
    {"d", UINT64_C(24) * 60 * 60 * 1000},
    {"h", 60 * 60 * 1000},
    {"m", 60 * 1000},
    {"s", 1000},
    {"ms", 1},
};
enum { UNIT_COUNT = sizeof units / sizeof *units };

/* The digits and the letters that follow them; what is left of the word stays in *word. */
static skald_word run_take(skald_word *word, bool digits)
{
    skald_word run = {word->start, 0, word->place};
    while (run.size < word->size && is_digit(run.start[run.size]) == digits)
        run.size++;
    word->start += run.size;
    word->size -= run.size;
    return run;
}

/* The first unit from `from` on with that name; UNIT_COUNT: there is none. */
static size_t unit_find(skald_word name, size_t from)
{
    size_t found = from;
    while (found < UNIT_COUNT && !skald_word_is(name, units[found].name))
        found++;
    return found;
}

const char *skald_word_duration(skald_word word, uint64_t *ms)
{
    uint64_t sum = 0;
    size_t units_from = 0;
    if (word.size == 0 || !is_digit(word.start[0]))
        return "is no duration such as \"500ms\", \"30s\" or \"1h30m\"";
    while (word.size > 0) {
        uint32_t number;
        const skald_word digits = run_take(&word, true);
        const size_t found = unit_find(run_take(&word, false), units_from);
        if (found == UNIT_COUNT)
            return "has no unit of ms, s, m, h, d after each number, larger ones first";
        if (!skald_word_number(digits, &number) ||
            number > (SKALD_RETRY_MS_MAX - sum) / units[found].ms)
            return "is longer than 366d";
        sum += number * units[found].ms;
        units_from = found + 1;
    }
    *ms = sum;
    return NULL;
}

static int shown(const char *text, size_t size, size_t size_max)
{
    if (size <= size_max)
        return (int)size;
    size_t cut = size_max;
    while (cut > 0 && ((unsigned char)text[cut] & 0xC0) == 0x80)
        cut--;
    return (int)cut;
}

int skald_word_shown(skald_word word)
{
    return shown(word.start, word.size, WORD_SHOWN_MAX);
}

int skald_text_shown(const char *text)
{
    return shown(text, strlen(text), TEXT_SHOWN_MAX);
}
