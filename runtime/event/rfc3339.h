/* Points in time as CloudEvents writes them. */
#ifndef SKALD_EVENT_RFC3339_H
#define SKALD_EVENT_RFC3339_H

#include <stdbool.h>
#include <stdint.h>

enum { SKALD_RFC3339_SIZE = 28 };

/* "2026-01-31T12:34:56.789012Z". False for years outside 0000 to 9999, which the format cannot say.
 */
bool skald_rfc3339_format(int64_t time_us, char out[SKALD_RFC3339_SIZE]);

/* Any offset, any number of fractional digits (what is finer than a microsecond is cut), a leap
 * second counts as the one after it. */
bool skald_rfc3339_parse(int64_t *out_us, const char *text);

#endif
