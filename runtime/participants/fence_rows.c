/* Two statements per transaction, however many commands it has. */
#include "participants/fence_rows.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 7, KEYS_MIN = 64 };

static void columns_list(skald_fence *fence, skald_array *columns[COLUMNS])
{
    for (int i = 0; i < COLUMNS; i++)
        columns[i] = &fence->columns[i];
}

void skald_fence_init(skald_fence *fence)
{
    static const skald_array_of kinds[COLUMNS] = {
        SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT,  SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT,
        SKALD_ARRAY_TEXT, SKALD_ARRAY_BYTEA, SKALD_ARRAY_INT2};
    *fence = (skald_fence){0};
    for (int i = 0; i < COLUMNS; i++)
        skald_array_init(&fence->columns[i], kinds[i]);
}

void skald_fence_done(skald_fence *fence)
{
    skald_array *columns[COLUMNS];
    columns_list(fence, columns);
    skald_arrays_done(columns, COLUMNS);
    skald_arena_done(&fence->memory);
}

void skald_fence_clear(skald_fence *fence)
{
    skald_arena_reset(&fence->memory);
    fence->keys = NULL;
    fence->rows = NULL;
    fence->key_count = fence->key_room = fence->count = 0;
}

static bool keys_reserve(skald_fence *fence)
{
    if (fence->key_count < fence->key_room)
        return true;
    const size_t room = fence->key_room == 0 ? KEYS_MIN : 2 * fence->key_room;
    const char **keys = skald_arena_alloc(&fence->memory, room * sizeof *keys);
    if (keys == NULL)
        return false;
    if (fence->key_count > 0)
        memcpy(keys, fence->keys, fence->key_count * sizeof *keys);
    fence->keys = keys;
    fence->key_room = room;
    return true;
}

skald_status skald_fence_want(skald_fence *fence, const char *key)
{
    if (key == NULL)
        return SKALD_OK;
    const char *copy = keys_reserve(fence) ? skald_arena_text(&fence->memory, key) : NULL;
    if (copy == NULL)
        return SKALD_NO_MEMORY;
    fence->keys[fence->key_count++] = copy;
    return SKALD_OK;
}

static int keys_compare(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* One row for each key, in order, of which nothing is known yet. */
static bool rows_make(skald_fence *fence)
{
    qsort(fence->keys, fence->key_count, sizeof *fence->keys, keys_compare);
    fence->rows = skald_arena_alloc(&fence->memory, fence->key_count * sizeof *fence->rows);
    if (fence->rows == NULL)
        return false;
    for (size_t i = 0; i < fence->key_count; i++) {
        if (i == 0 || strcmp(fence->keys[i - 1], fence->keys[i]) != 0)
            fence->rows[fence->count++] = (skald_fence_row){
                .key = fence->keys[i], .state = SKALD_FENCE_UNKNOWN, .partition = -1};
    }
    return true;
}

static int row_compare(const void *key, const void *row)
{
    return strcmp(key, ((const skald_fence_row *)row)->key);
}

skald_fence_row *skald_fence_find(skald_fence *fence, const char *key)
{
    skald_fence_row *row =
        bsearch(key, fence->rows, fence->count, sizeof *fence->rows, row_compare);
    assert(row != NULL);
    return row;
}

static const char *text_copy(skald_fence *fence, const skald_rows *rows, uint32_t row, int column)
{
    if (skald_rows_null(rows, row, column))
        return NULL;
    const skald_bytes text = skald_rows_bytes(rows, row, column);
    return skald_arena_text_sized(&fence->memory, text.data, text.size);
}

static bool row_read(skald_fence *fence, const skald_rows *rows, uint32_t at)
{
    const char *key = text_copy(fence, rows, at, 0);
    const char *state = text_copy(fence, rows, at, 1);
    if (key == NULL || state == NULL)
        return false;
    skald_fence_row *row = skald_fence_find(fence, key);
    row->state = skald_fence_state_find(state);
    assert(row->state != SKALD_FENCE_STATES);
    row->answer = (skald_command_answer){
        .outcome = text_copy(fence, rows, at, 2),
        .reason = text_copy(fence, rows, at, 3),
        .type = text_copy(fence, rows, at, 4),
    };
    if (row->answer.type != NULL)
        row->answer.body = skald_arena_bytes(&fence->memory, skald_rows_bytes(rows, at, 5));
    return true;
}

static skald_status no_memory(skald_error *error)
{
    return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the operations of commands");
}

skald_status skald_fence_load(skald_fence *fence, skald_pipeline *pipeline, skald_error *error)
{
    if (fence->key_count == 0)
        return SKALD_OK;
    if (!rows_make(fence))
        return no_memory(error);
    skald_array keys;
    skald_array_init(&keys, SKALD_ARRAY_TEXT);
    for (size_t i = 0; i < fence->count; i++)
        skald_array_text(&keys, fence->rows[i].key);
    const skald_param param = skald_array_param(&keys);
    skald_rows *rows = NULL;
    skald_status status =
        skald_array_ok(&keys)
            ? skald_pipeline_query_binary(pipeline, SKALD_PIPELINE_NOBODY, &rows,
                                          "SELECT key, state, outcome, reason, reply_type, reply"
                                          " FROM skald.fence WHERE key = ANY ($1)",
                                          1, &param, error)
            : no_memory(error);
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++) {
        if (!row_read(fence, rows, i))
            status = no_memory(error);
    }
    skald_rows_free(rows);
    skald_array_done(&keys);
    return status;
}

skald_status skald_fence_note(skald_fence *fence, skald_fence_row *row, skald_fence_state state,
                              const skald_command_answer *answer)
{
    row->state = state;
    row->changed = true;
    if (answer == NULL)
        return SKALD_OK;
    row->answer = *answer;
    row->answer.reason = skald_arena_text(&fence->memory, answer->reason);
    row->answer.type = skald_arena_text(&fence->memory, answer->type);
    row->answer.body =
        answer->type != NULL ? skald_arena_bytes(&fence->memory, answer->body) : (skald_bytes){0};
    return (answer->reason == NULL || row->answer.reason != NULL) &&
                   (answer->type == NULL || row->answer.type != NULL)
               ? SKALD_OK
               : SKALD_NO_MEMORY;
}

static void row_add(skald_fence *fence, const skald_fence_row *row)
{
    skald_array *columns = fence->columns;
    skald_array_text(&columns[0], row->key);
    skald_array_text(&columns[1], skald_fence_state_words(row->state));
    skald_array_text(&columns[2], row->answer.outcome);
    skald_array_text(&columns[3], row->answer.reason);
    skald_array_text(&columns[4], row->answer.type);
    if (row->answer.type != NULL)
        skald_array_bytes(&columns[5], row->answer.body);
    else
        skald_array_null(&columns[5]);
    if (row->partition >= 0)
        skald_array_integer(&columns[6], row->partition);
    else
        skald_array_null(&columns[6]);
}

skald_status skald_fence_send(skald_fence *fence, skald_pipeline *pipeline, skald_error *error)
{
    if (fence->count == 0)
        return SKALD_OK;
    skald_array *columns[COLUMNS];
    columns_list(fence, columns);
    skald_arrays_clear(columns, COLUMNS);
    for (size_t i = 0; i < fence->count; i++) {
        if (fence->rows[i].changed)
            row_add(fence, &fence->rows[i]);
    }
    if (!skald_arrays_ok(columns, COLUMNS))
        return no_memory(error);
    if (fence->columns[0].count == 0)
        return SKALD_OK;
    skald_param params[COLUMNS];
    skald_arrays_params(columns, COLUMNS, params);
    return skald_pipeline_send(
        pipeline, SKALD_PIPELINE_NOBODY,
        "INSERT INTO skald.fence (key, state, outcome, reason, reply_type, reply, partition)"
        " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7)"
        " ON CONFLICT (key) DO UPDATE SET state = excluded.state, outcome = excluded.outcome,"
        " reason = excluded.reason, reply_type = excluded.reply_type, reply = excluded.reply,"
        " partition = excluded.partition, answered_at = excluded.answered_at,"
        " look_at = excluded.look_at",
        COLUMNS, params, error);
}
