/* What a query answered. An alias of libpq's PGresult, so that nobody outside runtime/pg calls
 * libpq. */
#ifndef SKALD_PG_ROWS_H
#define SKALD_PG_ROWS_H

#include <skald/message.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct pg_result skald_rows;

uint32_t skald_rows_count(const skald_rows *rows);

/* Rows that an INSERT, UPDATE or DELETE touched. */
uint64_t skald_rows_touched(const skald_rows *rows);

bool skald_rows_null(const skald_rows *rows, uint32_t row, int column);

/* Text format only; NULL for SQL's NULL. Lives as long as the rows. */
const char *skald_rows_text(const skald_rows *rows, uint32_t row, int column);

/* Both formats (text decimal; binary int2, int4, int8, timestamptz as microseconds since 1970-01-01
 * UTC is skald_rows_time). NULL counts as 0. */
int64_t skald_rows_integer(const skald_rows *rows, uint32_t row, int column);
int64_t skald_rows_time_us(const skald_rows *rows, uint32_t row, int column); /* binary only */
bool skald_rows_boolean(const skald_rows *rows, uint32_t row, int column);

/* The raw bytes of a value in binary format (bytea, text, uuid); borrowed from the rows. */
skald_bytes skald_rows_bytes(const skald_rows *rows, uint32_t row, int column);

/* NULL is accepted. */
void skald_rows_free(skald_rows *rows);

#endif
