/* Rows on their way into one statement: a column of each is one array parameter. */
#ifndef SKALD_ENGINE_TABLE_H
#define SKALD_ENGINE_TABLE_H

#include "pg/array.h"
#include "pg/pipeline.h"

enum { SKALD_TABLE_COLUMNS_MAX = 24 };

/* Add a cell to each column, in their order, for every row. */
typedef struct skald_table {
    skald_array columns[SKALD_TABLE_COLUMNS_MAX];
    uint32_t count;
} skald_table;

/* `kinds`: one letter per column: t text, b bytea, 2 4 8 integers, @ time. */
void skald_table_init(skald_table *table, const char *kinds);
void skald_table_done(skald_table *table);
void skald_table_clear(skald_table *table);

/* How many rows. */
static inline uint32_t skald_table_rows(const skald_table *table)
{
    return table->columns[0].count;
}

/* Queues `sql`, whose parameters are the columns and behind them one text (NULL: none); nothing
 * without rows. */
skald_status skald_table_send(skald_table *table, skald_pipeline *pipeline, const char *sql,
                              const char *text, skald_error *error);

/* Bytes, or SQL's NULL where there are none. */
void skald_table_bytes(skald_array *column, skald_bytes bytes);

/* Milliseconds since 1970, or SQL's NULL for 0. */
void skald_table_time(skald_array *column, int64_t time_ms);

#endif
