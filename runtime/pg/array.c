/* Wire format of array_recv: dimensions, has-null flag, element OID, count, lower bound, then every
 * element as its length and bytes (PostgreSQL, src/backend/utils/adt/arrayfuncs.c). */
#include "pg/array.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER_SIZE = 20, CAPACITY_MIN = 256 };

static const int64_t EPOCH_DIFFERENCE_US = INT64_C(946684800000000);

typedef struct shape {
    uint32_t element_oid;
    uint32_t array_oid;
    uint32_t integer_size; /* 0: not an integer */
} shape;

static const shape shapes[] = {
    [SKALD_ARRAY_TEXT] = {25, 1009, 0},   [SKALD_ARRAY_INT2] = {21, 1005, 2},
    [SKALD_ARRAY_INT4] = {23, 1007, 4},   [SKALD_ARRAY_INT8] = {20, 1016, 8},
    [SKALD_ARRAY_BYTEA] = {17, 1001, 0},  [SKALD_ARRAY_UUID] = {2950, 2951, 0},
    [SKALD_ARRAY_TIME] = {1184, 1185, 8},
};

void skald_array_init(skald_array *array, skald_array_of of)
{
    *array = (skald_array){.of = of};
}

void skald_array_done(skald_array *array)
{
    free(array->data);
    *array = (skald_array){.of = array->of};
}

void skald_array_clear(skald_array *array)
{
    array->size = 0;
    array->count = 0;
    array->has_null = false;
    array->no_memory = false;
}

/* Room for `size` more bytes, the header included; NULL without memory. */
static unsigned char *room(skald_array *array, size_t size)
{
    if (array->size == 0)
        array->size = HEADER_SIZE;
    if (array->size + size > array->capacity) {
        size_t capacity = array->capacity == 0 ? CAPACITY_MIN : array->capacity;
        while (capacity < array->size + size)
            capacity *= 2;
        unsigned char *data = realloc(array->data, capacity);
        if (data == NULL) {
            array->no_memory = true;
            return NULL;
        }
        array->data = data;
        array->capacity = capacity;
    }
    unsigned char *at = array->data + array->size;
    array->size += size;
    return at;
}

static void u32_put(unsigned char *at, uint32_t value)
{
    const uint32_t big = htobe32(value);
    memcpy(at, &big, sizeof big);
}

static void element_add(skald_array *array, const void *data, size_t size)
{
    array->count++;
    if (data == NULL) {
        array->has_null = true;
        unsigned char *at = room(array, 4);
        if (at != NULL)
            u32_put(at, UINT32_MAX);
        return;
    }
    unsigned char *at = room(array, 4 + size);
    if (at == NULL)
        return;
    u32_put(at, (uint32_t)size);
    memcpy(at + 4, data, size);
}

void skald_array_null(skald_array *array)
{
    element_add(array, NULL, 0);
}

void skald_array_text(skald_array *array, const char *text)
{
    assert(array->of == SKALD_ARRAY_TEXT);
    element_add(array, text, text == NULL ? 0 : strlen(text));
}

void skald_array_bytes(skald_array *array, skald_bytes bytes)
{
    assert(array->of == SKALD_ARRAY_BYTEA || (array->of == SKALD_ARRAY_UUID && bytes.size == 16));
    element_add(array, bytes.data == NULL && bytes.size == 0 ? "" : bytes.data, bytes.size);
}

void skald_array_integer(skald_array *array, int64_t value)
{
    const size_t size = shapes[array->of].integer_size;
    assert(size != 0);
    const uint64_t big = htobe64((uint64_t)value);
    element_add(array, (const unsigned char *)&big + (sizeof big - size), size);
}

void skald_array_time_us(skald_array *array, int64_t time_us)
{
    assert(array->of == SKALD_ARRAY_TIME);
    skald_array_integer(array, time_us - EPOCH_DIFFERENCE_US);
}

bool skald_array_ok(const skald_array *array)
{
    return !array->no_memory;
}

skald_param skald_array_param(skald_array *array)
{
    if (array->size == 0)
        room(array, 0);
    if (array->no_memory)
        return skald_null();
    const bool empty = array->count == 0;
    u32_put(array->data, empty ? 0 : 1);
    u32_put(array->data + 4, array->has_null ? 1 : 0);
    u32_put(array->data + 8, shapes[array->of].element_oid);
    u32_put(array->data + 12, array->count);
    u32_put(array->data + 16, 1);
    /* An array without elements has no dimensions, so its header ends after the OID. */
    const skald_param param = {SKALD_PARAM_BYTES, array->data, empty ? 12 : array->size,
                               (int64_t)shapes[array->of].array_oid, 0.0};
    return param;
}

void skald_arrays_done(skald_array *const *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        skald_array_done(columns[i]);
}

void skald_arrays_clear(skald_array *const *columns, size_t count)
{
    for (size_t i = 0; i < count; i++)
        skald_array_clear(columns[i]);
}

bool skald_arrays_ok(skald_array *const *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!skald_array_ok(columns[i]))
            return false;
    }
    return true;
}

void skald_arrays_params(skald_array *const *columns, size_t count, skald_param *params)
{
    for (size_t i = 0; i < count; i++)
        params[i] = skald_array_param(columns[i]);
}
