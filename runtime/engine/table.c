/* Arrays side by side. */
#include "engine/table.h"

#include <assert.h>
#include <string.h>

static skald_array_of kind_of(char letter)
{
    switch (letter) {
    case 'b':
        return SKALD_ARRAY_BYTEA;
    case '2':
        return SKALD_ARRAY_INT2;
    case '4':
        return SKALD_ARRAY_INT4;
    case '8':
        return SKALD_ARRAY_INT8;
    case '@':
        return SKALD_ARRAY_TIME;
    default:
        return SKALD_ARRAY_TEXT;
    }
}

void skald_table_init(skald_table *table, const char *kinds)
{
    table->count = (uint32_t)strlen(kinds);
    assert(table->count <= SKALD_TABLE_COLUMNS_MAX);
    for (uint32_t i = 0; i < table->count; i++)
        skald_array_init(&table->columns[i], kind_of(kinds[i]));
}

void skald_table_done(skald_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        skald_array_done(&table->columns[i]);
}

void skald_table_clear(skald_table *table)
{
    for (uint32_t i = 0; i < table->count; i++)
        skald_array_clear(&table->columns[i]);
}

skald_status skald_table_send(skald_table *table, skald_pipeline *pipeline, const char *sql,
                              const char *text, skald_error *error)
{
    if (skald_table_rows(table) == 0)
        return SKALD_OK;
    skald_param params[SKALD_TABLE_COLUMNS_MAX + 1];
    for (uint32_t i = 0; i < table->count; i++) {
        if (!skald_array_ok(&table->columns[i]))
            return skald_error_set(error, SKALD_NO_MEMORY, "no memory for rows of sagas");
        params[i] = skald_array_param(&table->columns[i]);
    }
    params[table->count] = skald_text(text);
    return skald_pipeline_send(pipeline, SKALD_PIPELINE_NOBODY, sql,
                               table->count + (text != NULL ? 1u : 0u), params, error);
}

void skald_table_bytes(skald_array *column, skald_bytes bytes)
{
    if (bytes.data == NULL)
        skald_array_null(column);
    else
        skald_array_bytes(column, bytes);
}

void skald_table_time(skald_array *column, int64_t time_ms)
{
    if (time_ms == 0)
        skald_array_null(column);
    else
        skald_array_time_us(column, time_ms * 1000);
}
