/* Percent-encoding. Most values need none, so both ways look first and copy only what must change.
 */
#include "event/percent.h"
#include "base/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool stands_for_itself(char c)
{
    return c >= 0x21 && c <= 0x7E && c != '"' && c != '%';
}

#define EACH_BYTE(value) (UINT64_C(0x0101010101010101) * (value))

static bool zero_inside(uint64_t word)
{
    return ((word - EACH_BYTE(1)) & ~word & EACH_BYTE(0x80)) != 0;
}

/* Do all eight bytes stand for themselves? The top bit of a byte tells: of its difference for those
 * below 0x21, of its sum for those above 0x7E. */
static bool word_stands_for_itself(uint64_t word)
{
    const uint64_t below = (word - EACH_BYTE(0x21)) & ~word;
    const uint64_t above = (word + EACH_BYTE(1)) | word;
    return ((below | above) & EACH_BYTE(0x80)) == 0 && !zero_inside(word ^ EACH_BYTE('"')) &&
           !zero_inside(word ^ EACH_BYTE('%'));
}

/* Most values need no encoding at all, so that is found out eight bytes at a time. */
static size_t plain_size(const char *text, size_t size)
{
    size_t at = 0;
    for (uint64_t word; size - at >= sizeof word; at += sizeof word) {
        memcpy(&word, text + at, sizeof word);
        if (!word_stands_for_itself(word))
            break;
    }
    while (at < size && stands_for_itself(text[at]))
        at++;
    return at;
}

const char *skald_percent_encode(const char *text, skald_arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    const size_t size = strlen(text);
    const size_t plain = plain_size(text, size);
    if (plain == size)
        return text;
    char *encoded = skald_arena_alloc(arena, plain + 3 * (size - plain) + 1);
    if (encoded == NULL)
        return NULL;
    char *at = mempcpy(encoded, text, plain);
    for (size_t i = plain; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (stands_for_itself(text[i])) {
            *at++ = text[i];
            continue;
        }
        *at++ = '%';
        *at++ = digits[c >> 4];
        *at++ = digits[c & 0x0F];
    }
    return encoded;
}

/* In place; false when a quote is left open. */
static bool unquote(char *value, size_t *size)
{
    bool quoted = false;
    size_t used = 0;
    for (size_t i = 0; i < *size; i++) {
        if (value[i] == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && value[i] == '\\' && i + 1 < *size)
            i++;
        value[used++] = value[i];
    }
    *size = used;
    return !quoted;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    const char lower = (char)(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* In place; false when a "%" is not followed by two digits. */
static bool percent_resolve(char *value, size_t *size)
{
    size_t used = 0;
    for (size_t i = 0; i < *size; i++) {
        if (value[i] != '%') {
            value[used++] = value[i];
            continue;
        }
        const int high = i + 2 < *size ? digit_value(value[i + 1]) : -1;
        const int low = i + 2 < *size ? digit_value(value[i + 2]) : -1;
        if (high < 0 || low < 0)
            return false;
        value[used++] = (char)(unsigned char)(high << 4 | low);
        i += 2;
    }
    *size = used;
    return true;
}

static const char *decode_in_place(char *value, size_t size)
{
    if (!unquote(value, &size))
        return "has an open quote";
    if (!percent_resolve(value, &size))
        return "has a \"%\" that is not followed by two hexadecimal digits";
    if (memchr(value, '\0', size) != NULL)
        return "has a NUL inside";
    if (skald_utf8_valid_size(value, size) != size)
        return "is not UTF-8";
    value[size] = '\0';
    return NULL;
}

skald_status skald_percent_decode(const char **out, skald_bytes value, skald_arena *arena,
                                  const char **reason)
{
    char *decoded = skald_arena_text_sized(arena, value.data, value.size);
    if (decoded == NULL)
        return SKALD_NO_MEMORY;
    const bool plain = plain_size(decoded, value.size) == value.size;
    const char *wrong = plain ? NULL : decode_in_place(decoded, value.size);
    if (wrong != NULL) {
        *reason = wrong;
        return SKALD_MALFORMED;
    }
    *out = decoded;
    return SKALD_OK;
}
