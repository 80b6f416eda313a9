/* Reads in rounds: rows, and where they show a gap, who could still fill it. */
#include "outbox/reader.h"
#include "gap.h"
#include "outbox/rows.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ROWS_MIN = 16,
    ROWS_START = 256,
    ROWS_MAX = 512,                /* however small they are: the next ones may be large */
    ROUND_BYTES = 4 * 1024 * 1024, /* what one reading should bring at most */
    WAIT_IDLE_MS = 100,            /* the slow look, when nobody rings */
    WAIT_GAP_MS_MAX = 20,
};

struct skald_outbox_reader {
    skald_pg *pg;
    const char *source;
    skald_gap gap;
    uint32_t gap_rounds; /* readings that were stopped by the gap in hand */
    uint32_t rows_max;
    skald_arena arena;
    skald_message messages[ROWS_MAX];
    int64_t positions[ROWS_MAX];
};

skald_status skald_outbox_reader_open(skald_outbox_reader **out, skald_pg *pg, const char *source,
                                      int64_t position)
{
    skald_outbox_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return SKALD_NO_MEMORY;
    reader->pg = pg;
    reader->source = source;
    reader->rows_max = ROWS_START;
    skald_gap_init(&reader->gap, position);
    skald_arena_init(&reader->arena, 0);
    *out = reader;
    return SKALD_OK;
}

void skald_outbox_reader_close(skald_outbox_reader *reader)
{
    if (reader == NULL)
        return;
    skald_arena_done(&reader->arena);
    free(reader);
}

int64_t skald_outbox_reader_position(const skald_outbox_reader *reader)
{
    return reader->gap.position;
}

/* Bodies differ in size by four orders of magnitude, so the next reading's limit follows this
 * one's. */
static void rows_max_adapt(skald_outbox_reader *reader, uint32_t count)
{
    if (count == 0)
        return;
    const size_t average = reader->arena.size / count + 1;
    size_t wanted = ROUND_BYTES / average;
    if (wanted > reader->rows_max * 2u)
        wanted = reader->rows_max * 2u;
    reader->rows_max = (uint32_t)(wanted < ROWS_MIN   ? ROWS_MIN
                                  : wanted > ROWS_MAX ? ROWS_MAX
                                                      : wanted);
}

static const char sql_read[] = "SELECT " SKALD_OUTBOX_COLUMNS " FROM skald.outbox"
                               " WHERE position > $1 ORDER BY position LIMIT $2";

static skald_status rows_read(skald_outbox_reader *reader, size_t *count, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_param params[] = {skald_integer(reader->gap.position),
                                  skald_integer(reader->rows_max)};
    skald_status status = skald_pg_run_pinned(reader->pg, &rows, sql_read, 2, params, error);
    if (status != SKALD_OK)
        return status;
    skald_arena_reset(&reader->arena);
    const uint32_t found = skald_rows_count(rows);
    for (uint32_t i = 0; i < found && status == SKALD_OK; i++) {
        status = skald_outbox_row(&reader->messages[i], rows, i, reader->source, &reader->arena);
        reader->positions[i] = reader->messages[i].position;
    }
    skald_rows_free(rows);
    if (status != SKALD_OK)
        return skald_error_set(error, status, "no memory to read the outbox");
    *count = found;
    rows_max_adapt(reader, found);
    return SKALD_OK;
}

/* Who could still fill the gap: every transaction that has written to the outbox and has not ended.
 */
static skald_status suspects_look(skald_outbox_reader *reader, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        reader->pg, &rows, error,
        "SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
        " AND relation = 'skald.outbox'::regclass AND mode = 'RowExclusiveLock' AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())");
    if (status != SKALD_OK)
        return status;
    static_assert(SKALD_GAP_SUSPECTS_MAX >= 1, "the array below");
    skald_gap_suspect holders[SKALD_GAP_SUSPECTS_MAX + 1];
    uint32_t count = skald_rows_count(rows);
    if (count > SKALD_GAP_SUSPECTS_MAX + 1)
        count = SKALD_GAP_SUSPECTS_MAX + 1;
    for (uint32_t i = 0; i < count; i++) {
        char *slash = NULL;
        const char *text = skald_rows_text(rows, i, 0);
        holders[i].backend = (int32_t)strtol(text, &slash, 10);
        assert(*slash == '/');
        holders[i].transaction = (uint32_t)strtoul(slash + 1, NULL, 10);
    }
    skald_gap_suspects(&reader->gap, holders, count);
    skald_rows_free(rows);
    return SKALD_OK;
}

/* One reading stopped by a gap at its very front. The first time the gap is most likely a commit
 * that is just happening, so the rows are read once more before the locks are looked at. */
static skald_status gap_wait(skald_outbox_reader *reader, uint32_t *wait_ms, skald_error *error)
{
    reader->gap_rounds++;
    *wait_ms = reader->gap_rounds < WAIT_GAP_MS_MAX ? reader->gap_rounds : WAIT_GAP_MS_MAX;
    if (reader->gap_rounds == 1)
        return SKALD_OK;
    const skald_status status = suspects_look(reader, error);
    if (reader->gap.phase == SKALD_GAP_CLEARED)
        *wait_ms = 0;
    return status;
}

skald_status skald_outbox_reader_next(skald_outbox_reader *reader, const skald_message **messages,
                                      size_t *count, uint32_t *wait_ms, skald_error *error)
{
    const uint32_t limit = reader->rows_max;
    size_t found = 0;
    skald_status status = rows_read(reader, &found, error);
    if (status != SKALD_OK)
        return status;
    const size_t ready = skald_gap_read(&reader->gap, reader->positions, found);
    *messages = reader->messages;
    *count = ready;
    *wait_ms = found == limit ? 0 : WAIT_IDLE_MS;
    if (ready > 0)
        reader->gap_rounds = 0;
    if (ready < found) {
        if (ready > 0)
            *wait_ms = 1;
        else
            status = gap_wait(reader, wait_ms, error);
    }
    return status;
}
