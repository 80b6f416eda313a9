/* The writer knows only whether a comma or a line break is due. */
#include "json/write.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void line_break(skald_json *json)
{
    if (json->pretty)
        fprintf(json->out, "\n%*s", (int)json->depth * 2, "");
}

/* Before every value and every name. */
static void separate(skald_json *json)
{
    if (json->named) {
        json->named = false;
        return;
    }
    if (json->filled)
        fputc(',', json->out);
    if (json->depth > 0)
        line_break(json);
    json->filled = true;
}

void skald_json_open(skald_json *json, char bracket)
{
    separate(json);
    fputc(bracket, json->out);
    json->depth++;
    json->filled = false;
}

void skald_json_close(skald_json *json, char bracket)
{
    json->depth--;
    if (json->filled)
        line_break(json);
    fputc(bracket, json->out);
    json->filled = true;
}

/* --- text ---------------------------------------------------------------------------------- */

static void escape(FILE *out, unsigned char byte)
{
    switch (byte) {
    case '"':
    case '\\':
        fprintf(out, "\\%c", byte);
        break;
    case '\n':
        fputs("\\n", out);
        break;
    case '\t':
        fputs("\\t", out);
        break;
    case '\r':
        fputs("\\r", out);
        break;
    default:
        fprintf(out, "\\u%04x", byte);
    }
}

static void valid_write(FILE *out, const char *text, size_t size)
{
    size_t plain = 0;
    for (size_t i = 0; i < size; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte >= 0x20 && byte != '"' && byte != '\\' && byte != 0x7F)
            continue;
        fwrite(text + plain, 1, i - plain, out);
        escape(out, byte);
        plain = i + 1;
    }
    fwrite(text + plain, 1, size - plain, out);
}

static void string_write(FILE *out, const char *text, size_t size)
{
    fputc('"', out);
    while (size > 0) {
        const size_t valid_size = skald_utf8_valid_size(text, size);
        valid_write(out, text, valid_size);
        text += valid_size;
        size -= valid_size;
        if (size > 0) {
            fputs("\\ufffd", out);
            text++;
            size--;
        }
    }
    fputc('"', out);
}

void skald_json_name(skald_json *json, const char *name)
{
    separate(json);
    string_write(json->out, name, strlen(name));
    fputs(json->pretty ? ": " : ":", json->out);
    json->named = true;
}

void skald_json_text_sized(skald_json *json, const char *text, size_t size)
{
    separate(json);
    string_write(json->out, text, size);
}

void skald_json_text(skald_json *json, const char *text)
{
    if (text == NULL)
        skald_json_null(json);
    else
        skald_json_text_sized(json, text, strlen(text));
}

/* --- numbers ------------------------------------------------------------------------------- */

void skald_json_integer(skald_json *json, int64_t value)
{
    separate(json);
    fprintf(json->out, "%lld", (long long)value);
}

void skald_json_boolean(skald_json *json, bool value)
{
    separate(json);
    fputs(value ? "true" : "false", json->out);
}

void skald_json_raw(skald_json *json, const char *value)
{
    separate(json);
    fputs(value, json->out);
}

void skald_json_null(skald_json *json)
{
    separate(json);
    fputs("null", json->out);
}

static const char *not_finite(double value)
{
    if (isnan(value))
        return "\"NaN\"";
    return value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
}

void skald_json_real(skald_json *json, double value)
{
    char text[40];
    separate(json);
    if (!isfinite(value)) {
        fputs(not_finite(value), json->out);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    fputs(text, json->out);
}

void skald_json_small_real(skald_json *json, float value)
{
    char text[40];
    separate(json);
    if (!isfinite(value)) {
        fputs(not_finite((double)value), json->out);
        return;
    }
    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, (double)value);
        if (strtof(text, NULL) == value)
            break;
    }
    fputs(text, json->out);
}

void skald_json_long(skald_json *json, int64_t value)
{
    separate(json);
    fprintf(json->out, "\"%lld\"", (long long)value);
}

void skald_json_unsigned_long(skald_json *json, uint64_t value)
{
    separate(json);
    fprintf(json->out, "\"%llu\"", (unsigned long long)value);
}

/* --- bytes --------------------------------------------------------------------------------- */

static void group_write(FILE *out, const unsigned char *at, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint32_t bits = (uint32_t)at[0] << 16 | (size > 1 ? (uint32_t)at[1] << 8 : 0) |
                          (size > 2 ? (uint32_t)at[2] : 0);
    fputc(letters[bits >> 18], out);
    fputc(letters[bits >> 12 & 63], out);
    fputc(size > 1 ? letters[bits >> 6 & 63] : '=', out);
    fputc(size > 2 ? letters[bits & 63] : '=', out);
}

void skald_json_bytes(skald_json *json, skald_bytes bytes)
{
    const unsigned char *at = bytes.data;
    separate(json);
    fputc('"', json->out);
    for (size_t i = 0; i < bytes.size; i += 3)
        group_write(json->out, at + i, bytes.size - i);
    fputc('"', json->out);
}

void skald_json_end(skald_json *json)
{
    fputc('\n', json->out);
    json->filled = false;
}
