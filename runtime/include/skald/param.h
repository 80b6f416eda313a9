/* The parameters $1, $2, ... of a SQL statement. They are always sent apart from the SQL text. */
#ifndef SKALD_PARAM_H
#define SKALD_PARAM_H

#include <skald/api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum skald_param_kind {
    SKALD_PARAM_NULL,
    SKALD_PARAM_TEXT,
    SKALD_PARAM_INTEGER,
    SKALD_PARAM_REAL,
    SKALD_PARAM_BOOLEAN,
    SKALD_PARAM_BYTES,
} skald_param_kind;

/* A value that borrows its text or bytes until the call returns. Make it with a function below.
 * All but bytes go as text, so PostgreSQL infers the type from the statement, as psql does. */
typedef struct skald_param {
    skald_param_kind kind;
    const void *data; /* TEXT, BYTES */
    size_t size;      /* BYTES */
    int64_t integer;  /* INTEGER, BOOLEAN; BYTES: OID of the value's type, 0 for bytea */
    double real;      /* REAL */
} skald_param;

static inline skald_param skald_null(void)
{
    skald_param param = {SKALD_PARAM_NULL, NULL, 0, 0, 0.0};
    return param;
}

/* A NULL pointer is SQL's NULL. */
static inline skald_param skald_text(const char *text)
{
    skald_param param = {text != NULL ? SKALD_PARAM_TEXT : SKALD_PARAM_NULL, text, 0, 0, 0.0};
    return param;
}

static inline skald_param skald_integer(int64_t value)
{
    skald_param param = {SKALD_PARAM_INTEGER, NULL, 0, value, 0.0};
    return param;
}

static inline skald_param skald_real(double value)
{
    skald_param param = {SKALD_PARAM_REAL, NULL, 0, 0, value};
    return param;
}

static inline skald_param skald_boolean(bool value)
{
    skald_param param = {SKALD_PARAM_BOOLEAN, NULL, 0, value ? 1 : 0, 0.0};
    return param;
}

static inline skald_param skald_bytea(const void *data, size_t size)
{
    skald_param param = {data != NULL || size == 0 ? SKALD_PARAM_BYTES : SKALD_PARAM_NULL, data,
                         size, 0, 0.0};
    return param;
}

static inline skald_param skald_param_same(skald_param param)
{
    return param;
}

#ifdef __cplusplus
}
#endif

/* Turns a C value into a parameter by its type; a uint64_t above INT64_MAX must go as text. */
#ifndef __cplusplus
#define SKALD_PARAM(value)                                                                         \
    _Generic((value),                                                                              \
        char *: skald_text,                                                                        \
        const char *: skald_text,                                                                  \
        bool: skald_boolean,                                                                       \
        float: skald_real,                                                                         \
        double: skald_real,                                                                        \
        skald_param: skald_param_same,                                                             \
        default: skald_integer)(value)

/* SKALD_SQL("... $1 $2", a, b) becomes the three arguments: sql, count, params. At most 12 values;
 * for more, pass an array to the function itself. */
#define SKALD_SQL(...)                                                                             \
    SKALD_SQL_PICK_(__VA_ARGS__, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0)(__VA_ARGS__)
#define SKALD_SQL_PICK_(sql, a, b, c, d, e, f, g, h, i, j, k, l, count, ...) SKALD_SQL_##count##_
#define SKALD_SQL_0_(sql) (sql), 0, NULL
#define SKALD_SQL_N_(sql, count, ...)                                                              \
    (sql), (count), (const skald_param[])                                                          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
#define SKALD_P_(value) SKALD_PARAM(value)
#define SKALD_SQL_1_(q, a) SKALD_SQL_N_(q, 1, SKALD_P_(a))
#define SKALD_SQL_2_(q, a, b) SKALD_SQL_N_(q, 2, SKALD_P_(a), SKALD_P_(b))
#define SKALD_SQL_3_(q, a, b, c) SKALD_SQL_N_(q, 3, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c))
#define SKALD_SQL_4_(q, a, b, c, d)                                                                \
    SKALD_SQL_N_(q, 4, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d))
#define SKALD_SQL_5_(q, a, b, c, d, e)                                                             \
    SKALD_SQL_N_(q, 5, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e))
#define SKALD_SQL_6_(q, a, b, c, d, e, f)                                                          \
    SKALD_SQL_N_(q, 6, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e), SKALD_P_(f))
#define SKALD_SQL_7_(q, a, b, c, d, e, f, g)                                                       \
    SKALD_SQL_N_(q, 7, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e),            \
                 SKALD_P_(f), SKALD_P_(g))
#define SKALD_SQL_8_(q, a, b, c, d, e, f, g, h)                                                    \
    SKALD_SQL_N_(q, 8, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e),            \
                 SKALD_P_(f), SKALD_P_(g), SKALD_P_(h))
#define SKALD_SQL_9_(q, a, b, c, d, e, f, g, h, i)                                                 \
    SKALD_SQL_N_(q, 9, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e),            \
                 SKALD_P_(f), SKALD_P_(g), SKALD_P_(h), SKALD_P_(i))
#define SKALD_SQL_10_(q, a, b, c, d, e, f, g, h, i, j)                                             \
    SKALD_SQL_N_(q, 10, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e),           \
                 SKALD_P_(f), SKALD_P_(g), SKALD_P_(h), SKALD_P_(i), SKALD_P_(j))
#define SKALD_SQL_11_(q, a, b, c, d, e, f, g, h, i, j, k)                                          \
    SKALD_SQL_N_(q, 11, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e),           \
                 SKALD_P_(f), SKALD_P_(g), SKALD_P_(h), SKALD_P_(i), SKALD_P_(j), SKALD_P_(k))
#define SKALD_SQL_12_(q, a, b, c, d, e, f, g, h, i, j, k, l)                                       \
    SKALD_SQL_N_(q, 12, SKALD_P_(a), SKALD_P_(b), SKALD_P_(c), SKALD_P_(d), SKALD_P_(e),           \
                 SKALD_P_(f), SKALD_P_(g), SKALD_P_(h), SKALD_P_(i), SKALD_P_(j), SKALD_P_(k),     \
                 SKALD_P_(l))
#endif

#endif
