/* Text written into a buffer of the caller's: cut to its size, always ended, and its whole length
 * is known, as with snprintf. */
#ifndef SKALD_SAGAS_TEXT_H
#define SKALD_SAGAS_TEXT_H

#include <skald/api.h>
#include <stddef.h>
#include <stdint.h>

typedef struct skald_text_out {
    char *out;
    size_t size;
    size_t length; /* of the whole, also of what was cut */
} skald_text_out;

void skald_text_add(skald_text_out *text, const char *format, ...) SKALD_PRINTF(2, 3);

/* Adds blanks until `column` characters stand behind `start`, and at least one. */
void skald_text_pad(skald_text_out *text, size_t start, size_t column);

/* The time of day in UTC, 12:00:03.000, with "+2d " before it on the second day after `since_ms`.
 */
void skald_text_time(skald_text_out *text, int64_t since_ms, int64_t time_ms);

/* A duration in the largest unit that loses nothing: 30 s, 5 min, 3 d. */
void skald_text_duration(skald_text_out *text, uint64_t duration_ms);

#endif
