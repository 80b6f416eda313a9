/* One character at a time by its lead byte; runs of ASCII, the usual case, eight bytes at a time. */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Eight bytes that are all ASCII and none of them NUL. */
static bool ascii_eight(const unsigned char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    const uint64_t high = UINT64_C(0x8080808080808080);
    const uint64_t zero = (word - UINT64_C(0x0101010101010101)) & ~word & high;
    return (word & high) == 0 && zero == 0;
}

static bool continuation(unsigned char byte, unsigned char low, unsigned char high)
{
    return byte >= low && byte <= high;
}

/* The size of the valid character at `at`, or 0. */
static size_t character_size(const unsigned char *at, size_t left)
{
    const unsigned char lead = at[0];
    if (lead < 0x80)
        return lead == 0 ? 0 : 1;
    if (lead >= 0xc2 && lead <= 0xdf)
        return left >= 2 && continuation(at[1], 0x80, 0xbf) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        const unsigned char low = lead == 0xe0 ? 0xa0 : 0x80;
        const unsigned char high = lead == 0xed ? 0x9f : 0xbf;
        return left >= 3 && continuation(at[1], low, high) && continuation(at[2], 0x80, 0xbf) ? 3 : 0;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        const unsigned char low = lead == 0xf0 ? 0x90 : 0x80;
        const unsigned char high = lead == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && continuation(at[1], low, high) && continuation(at[2], 0x80, 0xbf) &&
                       continuation(at[3], 0x80, 0xbf)
                   ? 4
                   : 0;
    }
    return 0;
}

size_t skald_utf8_valid_size(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    size_t done = 0;
    while (done < size) {
        if (size - done >= 8 && ascii_eight(at + done)) {
            done += 8;
            continue;
        }
        const size_t step = character_size(at + done, size - done);
        if (step == 0)
            return done;
        done += step;
    }
    return done;
}
