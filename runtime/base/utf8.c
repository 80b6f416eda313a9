/* RFC 3629, with a fast way through ASCII, which is most of what we see. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

static size_t ascii_size(const unsigned char *text, size_t size)
{
    size_t at = 0;
    for (uint64_t word; size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if ((word & 0x8080808080808080u) != 0)
            break;
    }
    while (at < size && text[at] < 0x80)
        at++;
    return at;
}

/* The second byte carries the rules against overlong forms, surrogates and too large values; it has
 * a range of its own for some lead bytes. */
static int second_fits(unsigned char lead, unsigned char second)
{
    switch (lead) {
    case 0xE0:
        return second >= 0xA0 && second <= 0xBF;
    case 0xED:
        return second >= 0x80 && second <= 0x9F;
    case 0xF0:
        return second >= 0x90 && second <= 0xBF;
    case 0xF4:
        return second >= 0x80 && second <= 0x8F;
    default:
        return second >= 0x80 && second <= 0xBF;
    }
}

/* Bytes of the character that starts here, 0 when it is none. */
static size_t character_size(const unsigned char *text, size_t size)
{
    const unsigned char lead = text[0];
    const size_t wanted = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
    if (wanted == 0 || wanted > size || !second_fits(lead, text[1]))
        return 0;
    for (size_t i = 2; i < wanted; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    }
    return wanted;
}

size_t skald_utf8_valid_size(const char *text, size_t size)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    for (;;) {
        at += ascii_size(bytes + at, size - at);
        const size_t character = at < size ? character_size(bytes + at, size - at) : 0;
        if (character == 0)
            return at;
        at += character;
    }
}
