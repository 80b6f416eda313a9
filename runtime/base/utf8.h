/* Is this text UTF-8 as RFC 3629 has it, and fit for PostgreSQL's text? */
#ifndef SKALD_BASE_UTF8_H
#define SKALD_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The offset of the first byte that is not part of a valid character, or `size`. Overlong forms,
 * surrogates, characters above U+10FFFF and NUL are invalid. */
size_t skald_utf8_valid_size(const char *text, size_t size);

static inline bool skald_utf8_valid(const char *text, size_t size)
{
    return skald_utf8_valid_size(text, size) == size;
}

#endif
