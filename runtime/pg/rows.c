/* Reads values out of PGresult in both formats. */
#include "pg/rows.h"

#include <assert.h>
#include <endian.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

/* PostgreSQL counts microseconds from 2000-01-01, we from 1970-01-01. */
static const int64_t EPOCH_DIFFERENCE_US = INT64_C(946684800000000);

uint32_t skald_rows_count(const skald_rows *rows)
{
    return (uint32_t)PQntuples(rows);
}

uint64_t skald_rows_touched(const skald_rows *rows)
{
    /* PQcmdTuples only reads, but asks for a pointer to non-const. */
    return strtoull(PQcmdTuples((PGresult *)(uintptr_t)rows), NULL, 10);
}

bool skald_rows_null(const skald_rows *rows, uint32_t row, int column)
{
    return PQgetisnull(rows, (int)row, column) != 0;
}

const char *skald_rows_text(const skald_rows *rows, uint32_t row, int column)
{
    return skald_rows_null(rows, row, column) ? NULL : PQgetvalue(rows, (int)row, column);
}

static int64_t integer_binary(skald_bytes bytes)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;
    switch (bytes.size) {
    case 1:
        return *(const unsigned char *)bytes.data;
    case sizeof two:
        memcpy(&two, bytes.data, sizeof two);
        return (int16_t)be16toh(two);
    case sizeof four:
        memcpy(&four, bytes.data, sizeof four);
        return (int32_t)be32toh(four);
    default:
        assert(bytes.size == sizeof eight);
        memcpy(&eight, bytes.data, sizeof eight);
        return (int64_t)be64toh(eight);
    }
}

int64_t skald_rows_integer(const skald_rows *rows, uint32_t row, int column)
{
    if (skald_rows_null(rows, row, column))
        return 0;
    if (PQfformat(rows, column) == 0)
        return strtoll(PQgetvalue(rows, (int)row, column), NULL, 10);
    return integer_binary(skald_rows_bytes(rows, row, column));
}

int64_t skald_rows_time_us(const skald_rows *rows, uint32_t row, int column)
{
    assert(PQfformat(rows, column) == 1);
    if (skald_rows_null(rows, row, column))
        return 0;
    return integer_binary(skald_rows_bytes(rows, row, column)) + EPOCH_DIFFERENCE_US;
}

bool skald_rows_boolean(const skald_rows *rows, uint32_t row, int column)
{
    if (skald_rows_null(rows, row, column))
        return false;
    const char first = PQgetvalue(rows, (int)row, column)[0];
    return PQfformat(rows, column) == 0 ? first == 't' : first != 0;
}

skald_bytes skald_rows_bytes(const skald_rows *rows, uint32_t row, int column)
{
    return (skald_bytes){PQgetvalue(rows, (int)row, column),
                         (size_t)PQgetlength(rows, (int)row, column)};
}

void skald_rows_free(skald_rows *rows)
{
    PQclear(rows);
}
