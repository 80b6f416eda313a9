/* Conditions joined by "and". A value may be in double quotes, and must be where it holds " and ".
 */
#include "cli/saga_where.h"
#include "cli/listing.h"

#include <stdlib.h>
#include <string.h>

typedef struct condition {
    const char *field;
    char operator;
    const char *value;
} condition;

static const char *const fields[] = {"definition", "version", "phase", "step", "reason",
                                     "future",     "since",   "until", NULL};

static bool refuse(const cli_session *session, const char *format, const char *what)
{
    session_refuse(session, EX_USAGE, format, what);
    return false;
}

/* The end of a condition: " and " outside of quotes, or the end. */
static size_t condition_size(const char *at)
{
    bool quoted = false;
    for (size_t i = 0;; i++) {
        if (at[i] == '\0' || (!quoted && strncmp(at + i, " and ", 5) == 0))
            return i;
        if (at[i] == '"')
            quoted = !quoted;
    }
}

static const char *unquoted(cli_session *session, const char *value)
{
    const size_t size = strlen(value);
    if (size >= 2 && value[0] == '"' && value[size - 1] == '"')
        return skald_arena_text_sized(&session->arena, value + 1, size - 2);
    return value;
}

static bool condition_read(cli_session *session, const char *text, condition *out)
{
    const size_t name_size = strcspn(text, "=~");
    if (text[name_size] == '\0' || name_size == 0)
        return refuse(
            session,
            "--where has conditions such as definition=checkout or reason~timeout, joined "
            "by \" and \", or is \"all\"; not \"%s\"",
            text);
    out->operator= text[name_size];
    out->field = skald_arena_text_sized(&session->arena, text, name_size);
    out->value = unquoted(session, text + name_size + 1);
    if (out->operator== '~' && strcmp(out->field, "reason") != 0)
        return refuse(session, "only reason is searched with ~, write %s=...", out->field);
    for (size_t i = 0; fields[i] != NULL; i++)
        if (strcmp(fields[i], out->field) == 0)
            return *out->value != '\0' || refuse(session, "%s has no value", out->field);
    const char *meant = skald_command_nearest(out->field, fields);
    session_refuse(session, EX_USAGE,
                   "--where knows definition, version, phase, step, reason, future, since and "
                   "until, not \"%s\"%s%s%s",
                   out->field, meant != NULL ? "; did you mean " : "", meant != NULL ? meant : "",
                   meant != NULL ? "?" : "");
    return false;
}

static bool number_write(const cli_session *session, skald_json *json, const char *value)
{
    const size_t size = strlen(value);
    if (size > 9 || strspn(value, "0123456789") != size)
        return refuse(session, "version is a whole number, not \"%s\"", value);
    skald_json_integer(json, strtoll(value, NULL, 10));
    return true;
}

static bool time_write(const cli_session *session, skald_json *json, const condition *of)
{
    int64_t time_us = 0;
    if (!session_time_read(session, of->field, of->value, &time_us))
        return false;
    listing_time(json, false, time_us);
    return true;
}

static bool condition_write(const cli_session *session, skald_json *json, const condition *of)
{
    skald_json_name(json, of->field);
    if (strcmp(of->field, "version") == 0)
        return number_write(session, json, of->value);
    if (strcmp(of->field, "since") == 0 || strcmp(of->field, "until") == 0)
        return time_write(session, json, of);
    skald_json_text(json, of->value);
    return true;
}

static bool conditions_write(cli_session *session, skald_json *json, const char *where,
                             const char **step)
{
    if (strcmp(where, "all") == 0)
        return true;
    for (const char *at = where; at != NULL;) {
        const size_t size = condition_size(at);
        condition of;
        if (!condition_read(session, skald_arena_text_sized(&session->arena, at, size), &of) ||
            !condition_write(session, json, &of))
            return false;
        if (strcmp(of.field, "step") == 0)
            *step = of.value;
        at = at[size] != '\0' ? at + size + 5 : NULL;
    }
    return true;
}

bool saga_where_read(cli_session *session, const char *where, const char **filter,
                     const char **step)
{
    char *text = NULL;
    size_t size = 0;
    skald_json json = {.out = open_memstream(&text, &size)};
    if (json.out == NULL)
        return refuse(session, "no memory for %s", "a filter");
    skald_json_open(&json, '{');
    const bool complete = conditions_write(session, &json, where, step);
    skald_json_close(&json, '}');
    fclose(json.out);
    *filter = skald_arena_text(&session->arena, text);
    free(text);
    return complete && *filter != NULL;
}
