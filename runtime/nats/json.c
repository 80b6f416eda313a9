/* Looks for `"name":` and reads what follows. */
#include "nats/json.h"

#include <stdio.h>
#include <string.h>

/* The text behind `"name":`, or NULL. */
static const char *member_find(skald_bytes answer, const char *name)
{
    char quoted[64];
    const int size = snprintf(quoted, sizeof quoted, "\"%s\":", name);
    if (answer.size == 0 || size < 0 || (size_t)size >= sizeof quoted)
        return NULL;
    const char *found = memmem(answer.data, answer.size, quoted, (size_t)size);
    return found == NULL ? NULL : found + size;
}

bool skald_json_find_number(uint64_t *out, skald_bytes answer, const char *name)
{
    const char *at = member_find(answer, name);
    const char *end = (const char *)answer.data + answer.size;
    if (at == NULL || at == end || *at < '0' || *at > '9')
        return false;
    uint64_t number = 0;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        number = number * 10u + (uint64_t)(*at - '0');
    *out = number;
    return true;
}

static void text_read(char *out, size_t size, const char *at, const char *end)
{
    size_t used = 0;
    if (at == NULL || at == end || *at != '"')
        at = end;
    else
        at++;
    for (; at < end && *at != '"' && used + 1 < size; at++) {
        if (*at != '\\')
            out[used++] = *at;
    }
    out[used] = '\0';
}

bool skald_json_find_error(skald_json_error *out, skald_bytes answer)
{
    const char *at = member_find(answer, "error");
    if (at == NULL)
        return false;
    const char *end = (const char *)answer.data + answer.size;
    const skald_bytes rest = {at, (size_t)(end - at)};
    *out = (skald_json_error){0};
    if (!skald_json_find_number(&out->code, rest, "err_code"))
        (void)skald_json_find_number(&out->code, rest, "code");
    text_read(out->text, sizeof out->text, member_find(rest, "description"), end);
    return true;
}
