/* Is this text? PostgreSQL refuses a text value that is not UTF-8, so everything is checked where
 * it comes in. */
#ifndef SKALD_BASE_UTF8_H
#define SKALD_BASE_UTF8_H

#include <stddef.h>

/* How many bytes from the front are valid UTF-8 (no overlong form, no surrogate, nothing above
 * U+10FFFF); `size` when all of them are. A NUL is valid. */
size_t skald_utf8_valid_size(const char *text, size_t size);

#endif
