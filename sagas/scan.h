/* Schedules and rules that people write, taken apart into words. Not for bodies or messages of
 * events. */
#ifndef SKALD_SAGAS_SCAN_H
#define SKALD_SAGAS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word of a text that is borrowed. */
typedef struct skald_word {
    const char *start;
    size_t size;  /* 0: the text has ended */
    size_t place; /* of its first character, from 1 */
} skald_word;

typedef struct skald_words {
    const char *text;
    const char *next;
    bool marks; /* "," and ".." are words of their own, wherever they stand */
} skald_words;

/* Words stand between blanks: spaces, tabs and ends of lines. */
skald_word skald_words_next(skald_words *words);

/* The next word, which stays the next one. */
skald_word skald_words_peek(const skald_words *words);

bool skald_word_is(skald_word word, const char *wanted);

/* The same for ASCII letters of either case; `wanted` is written in small ones. */
bool skald_word_is_anycase(skald_word word, const char *wanted);

/* True for digits only, and a value that fits. */
bool skald_word_number(skald_word word, uint32_t *number);

/* A duration such as "500ms", "30s" or "1h30m": the units d, h, m, s, ms, the larger ones first.
 * NULL when it is one; else what is wrong, to be said after the word: `is longer than 366d`. */
const char *skald_word_duration(skald_word word, uint64_t *ms);

/* How many of its bytes a message shows, for "%.*s": few, and whole UTF-8 characters. */
int skald_word_shown(skald_word word);
int skald_text_shown(const char *text);

#endif
