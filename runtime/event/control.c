/* Lines out, lines in. The text is ours, but reasons in it are written by anybody. */
#include "event/control.h"
#include "base/utf8.h"
#include "event/headers.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A control character, in either of its two blocks. */
static size_t control_size(const char *text, size_t size)
{
    const unsigned char c = (unsigned char)text[0];
    if (c == 0xC2 && size > 1 && (unsigned char)text[1] <= 0x9F)
        return 2;
    return c < 0x20 || c == 0x7F ? 1 : 0;
}

/* How many bytes stand at the front that are one good character; 0: none. */
static size_t character_size(const char *text, size_t size)
{
    size_t length = 1;
    while (length < size && ((unsigned char)text[length] & 0xC0) == 0x80)
        length++;
    return control_size(text, size) == 0 && skald_utf8_valid_size(text, length) == length ? length
                                                                                          : 0;
}

/* `out` has SKALD_CONTROL_VALUE_SIZE_MAX + 1 bytes. */
static void value_clean(char *out, const char *value)
{
    size_t left = strlen(value);
    size_t used = 0;
    while (left > 0 && *value == ' ') {
        value++;
        left--;
    }
    while (left > 0 && used < SKALD_CONTROL_VALUE_SIZE_MAX) {
        size_t size = character_size(value, left);
        if (used + size > SKALD_CONTROL_VALUE_SIZE_MAX)
            break;
        if (size > 0)
            memcpy(out + used, value, size);
        else
            out[used] = ' ';
        used += size > 0 ? size : 1;
        if (size == 0)
            size = control_size(value, left) > 1 ? 2 : 1;
        value += size;
        left -= size;
    }
    while (used > 0 && out[used - 1] == ' ')
        used--;
    out[used] = '\0';
}

char *skald_control_write(const skald_control *control, skald_arena *arena)
{
    char attempt[16] = "";
    if (control->attempt > 0)
        snprintf(attempt, sizeof attempt, "%u", control->attempt);
    const struct {
        const char *name;
        const char *value;
    } lines[] = {
        {SKALD_CONTROL_OPERATION, control->operation},
        {SKALD_CONTROL_UNDOES, control->undoes},
        {SKALD_CONTROL_ATTEMPT, attempt},
        {SKALD_CONTROL_OUTCOME, control->outcome},
        {SKALD_CONTROL_REASON, control->reason},
    };
    char *text = skald_arena_text(arena, "");
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && text != NULL; i++) {
        char value[SKALD_CONTROL_VALUE_SIZE_MAX + 1] = "";
        if (lines[i].value != NULL)
            value_clean(value, lines[i].value);
        if (value[0] != '\0')
            text = skald_arena_format(arena, "%s%s: %s\n", text, lines[i].name, value);
    }
    return text;
}

const char *skald_control_find(const char *control, const char *name, skald_arena *arena)
{
    return skald_headers_find(control, name, arena);
}
