/* Text in, text out: lines of "name: value". */
#include "event/headers.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

static const char *const reserved_prefixes[] = {"Nats-", "Skald-", "ce-"};
static const char *const reserved_names[] = {"Status", "Description", "Content-Type", "traceparent",
                                             "tracestate"};

static bool name_reserved(const char *name, size_t size)
{
    for (size_t i = 0; i < sizeof reserved_prefixes / sizeof *reserved_prefixes; i++) {
        const size_t prefix_size = strlen(reserved_prefixes[i]);
        if (size >= prefix_size && strncasecmp(name, reserved_prefixes[i], prefix_size) == 0)
            return true;
    }
    for (size_t i = 0; i < sizeof reserved_names / sizeof *reserved_names; i++) {
        if (size == strlen(reserved_names[i]) && strncasecmp(name, reserved_names[i], size) == 0)
            return true;
    }
    return false;
}

static bool name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

bool skald_header_name_valid(const char *name, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!name_character(name[i]))
            return false;
    }
    return size > 0 && !name_reserved(name, size);
}

/* In valid UTF-8 the controls of the second block are C2 80 to C2 9F. */
static bool control_at(const char *value, size_t size, size_t at)
{
    const unsigned char c = (unsigned char)value[at];
    if (c == 0xC2)
        return at + 1 < size && (unsigned char)value[at + 1] <= 0x9F;
    return c < 0x20 || c == 0x7F;
}

bool skald_header_value_valid(const char *value, size_t size)
{
    if (size > 0 && (value[0] == ' ' || value[size - 1] == ' '))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (control_at(value, size, i))
            return false;
    }
    return skald_utf8_valid_size(value, size) == size;
}

/* The text as it grows; a counting pass has found out how large it becomes. */
typedef struct lines {
    const skald_header *headers;
    size_t count;
    char *text; /* NULL: only count */
    size_t size;
} lines;

static void line_add(lines *out, const char *name, size_t name_size, const char *value,
                     size_t value_size)
{
    if (out->text != NULL) {
        char *at = out->text + out->size;
        memcpy(at, name, name_size);
        memcpy(at + name_size, ": ", 2);
        memcpy(at + name_size + 2, value, value_size);
        at[name_size + 2 + value_size] = '\n';
    }
    out->size += name_size + value_size + 3;
}

static bool names_equal(const char *left, size_t left_size, const char *right)
{
    return strlen(right) == left_size && strncasecmp(left, right, left_size) == 0;
}

/* What is inherited stays unless a given header has its name. */
static skald_status inherited_add(void *user, const char *name, size_t name_size, const char *value,
                                  size_t value_size)
{
    lines *out = user;
    for (size_t i = 0; i < out->count; i++) {
        if (names_equal(name, name_size, out->headers[i].name))
            return SKALD_OK;
    }
    line_add(out, name, name_size, value, value_size);
    return SKALD_OK;
}

static void all_add(lines *out, const char *inherited)
{
    if (inherited != NULL)
        skald_headers_visit(inherited, inherited_add, out);
    for (size_t i = 0; i < out->count; i++) {
        const skald_header *header = &out->headers[i];
        line_add(out, header->name, strlen(header->name), header->value, strlen(header->value));
    }
}

static skald_status header_check(const skald_header *headers, size_t index, skald_error *error)
{
    const char *name = headers[index].name;
    const char *value = headers[index].value;
    if (name == NULL || !skald_header_name_valid(name, strlen(name)))
        return skald_error_set(error, SKALD_INVALID,
                               "header %zu: the name is reserved or not made of letters, digits, "
                               "\"-\" and \"_\"",
                               index + 1);
    if (value == NULL || !skald_header_value_valid(value, strlen(value)))
        return skald_error_set(error, SKALD_INVALID,
                               "header \"%.100s\": the value is missing, not UTF-8, or has control "
                               "characters or a blank at an end",
                               name);
    for (size_t i = 0; i < index; i++) {
        if (strcasecmp(headers[i].name, name) == 0)
            return skald_error_set(error, SKALD_INVALID, "header \"%.100s\" is given twice", name);
    }
    return SKALD_OK;
}

skald_status skald_headers_merge(const char **out, const char *inherited,
                                 const skald_header *headers, size_t count, skald_arena *arena,
                                 skald_error *error)
{
    for (size_t i = 0; i < count; i++) {
        const skald_status status = header_check(headers, i, error);
        if (status != SKALD_OK)
            return status;
    }
    lines merged = {.headers = headers, .count = count};
    all_add(&merged, inherited);
    if (merged.size > SKALD_HEADERS_SIZE_MAX)
        return skald_error_set(error, SKALD_FULL, "the headers take %zu bytes together, %u may be",
                               merged.size, SKALD_HEADERS_SIZE_MAX);
    if (merged.size == 0) {
        *out = NULL;
        return SKALD_OK;
    }
    merged.text = skald_arena_alloc(arena, merged.size + 1);
    if (merged.text == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for %zu bytes of headers",
                               merged.size);
    merged.size = 0;
    all_add(&merged, inherited);
    *out = merged.text;
    return SKALD_OK;
}

typedef struct search {
    const char *name;
    skald_bytes found;
} search;

static skald_status search_line(void *user, const char *name, size_t name_size, const char *value,
                                size_t value_size)
{
    search *wanted = user;
    if (!names_equal(name, name_size, wanted->name))
        return SKALD_OK;
    wanted->found = (skald_bytes){value, value_size};
    return SKALD_FULL; /* one is enough: stops the visit */
}

const char *skald_headers_find(const char *headers, const char *name, skald_arena *arena)
{
    if (headers == NULL || name == NULL)
        return NULL;
    search wanted = {.name = name};
    skald_headers_visit(headers, search_line, &wanted);
    return skald_arena_text_sized(arena, wanted.found.data, wanted.found.size);
}

/* A line without ": " was not written by us; it is passed over. */
skald_status skald_headers_visit(const char *headers, skald_headers_visitor *visit, void *user)
{
    const char *line = headers;
    while (line != NULL && *line != '\0') {
        const char *end = strchrnul(line, '\n');
        const char *colon = memchr(line, ':', (size_t)(end - line));
        if (colon != NULL && colon != line && end - colon >= 2 && colon[1] == ' ') {
            const skald_status status =
                visit(user, line, (size_t)(colon - line), colon + 2, (size_t)(end - colon - 2));
            if (status != SKALD_OK)
                return status;
        }
        line = *end == '\0' ? end : end + 1;
    }
    return SKALD_OK;
}
