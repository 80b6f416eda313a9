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

/* Error texts are stored in PostgreSQL, which refuses half a character. So a text that was cut ends
 * with its last whole one: drop trailing continuation bytes, then the lead byte that wants them. */
static void half_character_drop(char *text, size_t size)
{
    size_t end = size;
    while (end > 0 && ((unsigned char)text[end - 1] & 0xC0) == 0x80)
        end--;
    if (end > 0 && (unsigned char)text[end - 1] >= 0xC0)
        end--;
    else
        end = size;
    text[end] = '\0';
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
