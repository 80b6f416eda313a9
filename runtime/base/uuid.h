/* UUIDs as text and as 16 bytes. A new one is made by skald_uuid7 in <skald/message.h>. */
#ifndef SKALD_BASE_UUID_H
#define SKALD_BASE_UUID_H

#include <stdbool.h>

/* Exactly 36 characters, 8-4-4-4-12 hexadecimal digits of any case. `out` is left alone when it is
 * not one. */
bool skald_uuid_parse(const char *text, unsigned char out[16]);

/* Lower case, and a NUL. */
void skald_uuid_format(const unsigned char in[16], char out[37]);

#endif
