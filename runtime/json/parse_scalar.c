/* Single values: what JSON says, into the place and within the range of the field's type. */
#include "json/parse_inside.h"

#include "base/utf8.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* --- whole numbers ------------------------------------------------------------------------- */

/* Exact beyond 2^53, in either direction. */
typedef struct whole {
    bool negative;
    uint64_t size;
} whole;

static bool whole_from_real(double value, whole *out)
{
    if (!isfinite(value) || value != trunc(value) || fabs(value) >= 18446744073709551616.0)
        return false;
    *out = (whole){value < 0, (uint64_t)fabs(value)};
    return true;
}

/* "17", "-4", and as the mapping has it also "1e3". */
static bool whole_from_text(const char *text, whole *out)
{
    const char *digits = *text == '-' ? text + 1 : text;
    char *end = NULL;
    if (*digits < '0' || *digits > '9')
        return false;
    errno = 0;
    const uint64_t size = strtoull(digits, &end, 10);
    if (*end == '\0' && errno == 0) {
        *out = (whole){*text == '-' && size != 0, size};
        return true;
    }
    if (strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    const double value = strtod(text, &end);
    return *end == '\0' && whole_from_real(value, out);
}

static bool whole_read(const json_t *json, whole *out)
{
    if (json_is_integer(json)) {
        const json_int_t value = json_integer_value(json);
        *out = (whole){value < 0, value < 0 ? -(uint64_t)value : (uint64_t)value};
        return true;
    }
    if (json_is_real(json))
        return whole_from_real(json_real_value(json), out);
    return json_is_string(json) && whole_from_text(json_string_value(json), out);
}

static skald_status signed_parse(const json_parser *parser, const json_path *path,
                                 const json_t *json, int64_t min, int64_t max, int64_t *out)
{
    whole value = {0};
    if (!whole_read(json, &value))
        return json_refuse(parser, path, "a whole number is wanted");
    const uint64_t limit = value.negative ? -(uint64_t)min : (uint64_t)max;
    if (value.size > limit)
        return json_refuse(parser, path, "out of range: %lld to %lld", (long long)min,
                           (long long)max);
    *out = value.negative ? (int64_t)-value.size : (int64_t)value.size;
    return SKALD_OK;
}

static skald_status unsigned_parse(const json_parser *parser, const json_path *path,
                                   const json_t *json, uint64_t max, uint64_t *out)
{
    whole value = {0};
    if (!whole_read(json, &value))
        return json_refuse(parser, path, "a whole number is wanted");
    if (value.negative || value.size > max)
        return json_refuse(parser, path, "out of range: 0 to %llu", (unsigned long long)max);
    *out = value.size;
    return SKALD_OK;
}

static skald_status signed_put(const json_parser *parser, const json_path *path, const json_t *json,
                               bool small, void *value)
{
    int64_t number = 0;
    const skald_status status = signed_parse(parser, path, json, small ? INT32_MIN : INT64_MIN,
                                             small ? INT32_MAX : INT64_MAX, &number);
    if (status == SKALD_OK && small)
        *(int32_t *)value = (int32_t)number;
    else if (status == SKALD_OK)
        *(int64_t *)value = number;
    return status;
}

static skald_status unsigned_put(const json_parser *parser, const json_path *path,
                                 const json_t *json, bool small, void *value)
{
    uint64_t number = 0;
    const skald_status status =
        unsigned_parse(parser, path, json, small ? UINT32_MAX : UINT64_MAX, &number);
    if (status == SKALD_OK && small)
        *(uint32_t *)value = (uint32_t)number;
    else if (status == SKALD_OK)
        *(uint64_t *)value = number;
    return status;
}

/* --- other numbers ------------------------------------------------------------------------- */

static bool real_from_text(const char *text, double *out)
{
    char *end = NULL;
    if (strcmp(text, "NaN") == 0)
        *out = (double)NAN;
    else if (strcmp(text, "Infinity") == 0)
        *out = (double)INFINITY;
    else if (strcmp(text, "-Infinity") == 0)
        *out = -(double)INFINITY;
    else if (*text == '\0' || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    else
        *out = strtod(text, &end);
    return end == NULL || (*end == '\0' && isfinite(*out));
}

static skald_status real_put(const json_parser *parser, const json_path *path, const json_t *json,
                             bool small, void *value)
{
    double number = json_number_value(json);
    if (!json_is_number(json) &&
        (!json_is_string(json) || !real_from_text(json_string_value(json), &number)))
        return json_refuse(parser, path, "a number is wanted");
    if (!small) {
        *(double *)value = number;
        return SKALD_OK;
    }
    if (isfinite(number) && !isfinite((float)number))
        return json_refuse(parser, path, "out of range for a float");
    *(float *)value = (float)number;
    return SKALD_OK;
}

static skald_status boolean_put(const json_parser *parser, const json_path *path,
                                const json_t *json, void *value)
{
    if (!json_is_boolean(json))
        return json_refuse(parser, path, "true or false is wanted");
    *(protobuf_c_boolean *)value = json_is_true(json);
    return SKALD_OK;
}

static skald_status enum_put(const json_parser *parser, const json_path *path, const json_t *json,
                             const ProtobufCEnumDescriptor *descriptor, void *value)
{
    const char *name = json_string_value(json);
    if (name == NULL)
        return signed_put(parser, path, json, true, value);
    for (unsigned i = 0; i < descriptor->n_value_names; i++) {
        const ProtobufCEnumValueIndex *known = &descriptor->values_by_name[i];
        if (strcmp(known->name, name) == 0) {
            *(int32_t *)value = descriptor->values[known->index].value;
            return SKALD_OK;
        }
    }
    return json_refuse(parser, path, "%s has no value \"%.60s\"; a number is taken, too",
                       descriptor->name, name);
}

/* --- text and bytes ------------------------------------------------------------------------ */

static skald_status text_put(const json_parser *parser, const json_path *path, const json_t *json,
                             void *value)
{
    if (!json_is_string(json))
        return json_refuse(parser, path, "text is wanted");
    char *text =
        skald_arena_text_sized(parser->arena, json_string_value(json), json_string_length(json));
    if (text == NULL)
        return json_refuse_memory(parser);
    *(char **)value = text;
    return SKALD_OK;
}

static int letter_value(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '+' || letter == '-')
        return 62;
    return letter == '/' || letter == '_' ? 63 : -1;
}

/* Decodes letters until there are no more; the rest may only be padding. */
static bool base64_read(const char *text, size_t size, unsigned char *out, size_t *out_size)
{
    uint32_t bits = 0;
    size_t letters = 0;
    *out_size = 0;
    for (; letters < size && letter_value(text[letters]) >= 0; letters++) {
        bits = bits << 6 | (uint32_t)letter_value(text[letters]);
        if (letters % 4 != 0)
            out[(*out_size)++] = (unsigned char)(bits >> (6 - letters % 4 * 2));
    }
    const size_t padding = size - letters;
    const bool padded = padding == 0 || (letters + padding) % 4 == 0;
    return letters % 4 != 1 && padded && padding < 3 && strspn(text + letters, "=") == padding;
}

skald_status json_bytes_parse(const json_parser *parser, const json_path *path, const json_t *json,
                              ProtobufCBinaryData *out)
{
    if (!json_is_string(json))
        return json_refuse(parser, path, "base64 is wanted");
    const size_t size = json_string_length(json);
    out->data = skald_arena_alloc(parser->arena, size + 1);
    if (out->data == NULL)
        return json_refuse_memory(parser);
    return base64_read(json_string_value(json), size, out->data, &out->len)
               ? SKALD_OK
               : json_refuse(parser, path, "this is not base64");
}

skald_status json_scalar_parse(const json_parser *parser, const json_path *path, const json_t *json,
                               const ProtobufCFieldDescriptor *field, void *value)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return signed_put(parser, path, json, true, value);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return signed_put(parser, path, json, false, value);
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        return unsigned_put(parser, path, json, true, value);
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        return unsigned_put(parser, path, json, false, value);
    case PROTOBUF_C_TYPE_FLOAT:
        return real_put(parser, path, json, true, value);
    case PROTOBUF_C_TYPE_DOUBLE:
        return real_put(parser, path, json, false, value);
    case PROTOBUF_C_TYPE_BOOL:
        return boolean_put(parser, path, json, value);
    case PROTOBUF_C_TYPE_ENUM:
        return enum_put(parser, path, json, field->descriptor, value);
    case PROTOBUF_C_TYPE_STRING:
        return text_put(parser, path, json, value);
    default:
        return json_bytes_parse(parser, path, json, value);
    }
}
