/* Builds a PostgreSQL array in binary format, to be passed as one parameter: how many rows travel
 * in one statement. */
#ifndef SKALD_PG_ARRAY_H
#define SKALD_PG_ARRAY_H

#include <skald/message.h>
#include <skald/param.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum skald_array_of {
    SKALD_ARRAY_TEXT,
    SKALD_ARRAY_INT2,
    SKALD_ARRAY_INT4,
    SKALD_ARRAY_INT8,
    SKALD_ARRAY_BYTEA,
    SKALD_ARRAY_UUID,
    SKALD_ARRAY_TIME,
} skald_array_of;

/* Zero-initialised but for `of` is an empty array. Memory is kept when it is cleared. */
typedef struct skald_array {
    skald_array_of of;
    unsigned char *data;
    size_t size;
    size_t capacity;
    uint32_t count;
    bool has_null;
    bool no_memory; /* an element was lost; skald_array_ok says so */
} skald_array;

void skald_array_init(skald_array *array, skald_array_of of);
void skald_array_done(skald_array *array);
void skald_array_clear(skald_array *array);

/* Append one element; NULL pointers are SQL's NULL. */
void skald_array_text(skald_array *array, const char *text);
void skald_array_integer(skald_array *array, int64_t value);   /* INT2, INT4, INT8 */
void skald_array_bytes(skald_array *array, skald_bytes bytes); /* BYTEA, UUID (16 bytes) */
void skald_array_null(skald_array *array);
void skald_array_time_us(skald_array *array, int64_t time_us); /* microseconds since 1970 */

/* False when memory ran out while it was built. */
bool skald_array_ok(const skald_array *array);

/* The array as a parameter that borrows it. */
skald_param skald_array_param(skald_array *array);

/* The same for several arrays, which are the columns of one statement. */
void skald_arrays_done(skald_array *const *columns, size_t count);
void skald_arrays_clear(skald_array *const *columns, size_t count);
bool skald_arrays_ok(skald_array *const *columns, size_t count);
void skald_arrays_params(skald_array *const *columns, size_t count, skald_param *params);

#endif
