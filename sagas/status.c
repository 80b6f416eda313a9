/* The words behind a skald_status, and the one way to fill a skald_error. */
#include <skald/status.h>

#include <assert.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *skald_status_name(skald_status status)
{
    switch (status) {
#define NAME_CASE(name, number, text)                                                              \
    case SKALD_##name:                                                                             \
        return "SKALD_" #name;
        SKALD_STATUS_LIST(NAME_CASE)
#undef NAME_CASE
    }
    return "SKALD_UNKNOWN";
}

const char *skald_status_text(skald_status status)
{
    switch (status) {
#define TEXT_CASE(name, number, text)                                                              \
    case SKALD_##name:                                                                             \
        return text;
        SKALD_STATUS_LIST(TEXT_CASE)
#undef TEXT_CASE
    }
    return "a status this version does not know";
}

/* Error texts are stored in PostgreSQL, which refuses half a character. So the last lead byte of a
 * text that was cut goes, with what follows it, when it wants more bytes than are left. */
static void half_character_drop(char *text, size_t size)
{
    size_t lead = size;
    while (lead > 0 && ((unsigned char)text[lead - 1] & 0xC0) == 0x80)
        lead--;
    if (lead == 0)
        return;
    const unsigned char byte = (unsigned char)text[lead - 1];
    const size_t wanted = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : byte >= 0xC0 ? 1 : 0;
    if (size - lead < wanted)
        text[lead - 1] = '\0';
}

skald_status skald_error_set(skald_error *error, skald_status status, const char *format, ...)
{
    assert(format != NULL);
    if (error == NULL)
        return status;
    /* Formatted beside the error first: its old text may be one of the arguments. */
    char text[SKALD_ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    const int wanted = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (wanted < 0)
        text[0] = '\0';
    if (wanted >= (int)sizeof text)
        half_character_drop(text, sizeof text - 1);
    error->status = status;
    memset(error->sqlstate, 0, sizeof error->sqlstate);
    memcpy(error->text, text, sizeof text);
    return status;
}
