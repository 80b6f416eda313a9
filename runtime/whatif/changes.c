/* Rows of one table before and after the transaction.
 *
 * What is new carries its id as xmin; what it has replaced, deleted or merely locked carries it as
 * xmax, and is still to be seen from outside. The two are matched by primary key. SQL is built here
 * because names of tables and columns cannot be parameters; PostgreSQL has quoted them itself. */
#include "base/clock.h"
#include "pg/array.h"
#include "whatif/inside.h"

#include <string.h>

enum { READ_MAX = 1000 }; /* rows of one side that are matched */

/* Of both sides: where the row stands, its key, its columns. */
enum { COLUMN_PLACE, COLUMN_KEY, COLUMN_VALUES };

typedef struct change {
    skald_whatif *w;
    const skald_whatif_target *target;
    skald_whatif_table *table;
    skald_rows *old, *new;
    bool *gone;   /* which of the old ones are no more, or not as they were */
    bool *paired; /* which of the new ones replace one of them */
} change;

static void note(const change *c, const char *why)
{
    if (c->table->note == NULL)
        c->table->note = skald_whatif_keep(c->w, why);
}

static uint32_t count_of(const skald_rows *rows)
{
    const uint32_t count = rows != NULL ? skald_rows_count(rows) : 0;
    return count < READ_MAX ? count : READ_MAX;
}

/* --- reading --------------------------------------------------------------------------------- */

/* What takes too long or is refused must not end the transaction that is looked at. */
static bool inside_run(const change *c, skald_rows **rows, const char *sql, size_t count,
                       const skald_param *params)
{
    skald_error error;
    if (skald_pg_script(c->w->pg, "SAVEPOINT skald_look", &error) == SKALD_OK &&
        skald_pg_run(c->w->pg, rows, sql, count, params, &error) == SKALD_OK &&
        skald_pg_script(c->w->pg, "RELEASE SAVEPOINT skald_look", &error) == SKALD_OK)
        return true;
    skald_error again;
    skald_pg_script(c->w->pg, "ROLLBACK TO SAVEPOINT skald_look; RELEASE SAVEPOINT skald_look",
                    &again);
    note(c, error.text);
    return false;
}

/* From outside: never waits for what the transaction has locked as a whole. */
static bool past_run(const change *c, skald_rows **rows, const char *sql, size_t count,
                     const skald_param *params)
{
    skald_pg *past = c->w->past;
    skald_error error;
    const bool read = skald_pg_script(past,
                                      "BEGIN READ ONLY; SET LOCAL lock_timeout = 500;"
                                      " SET LOCAL statement_timeout = 2000",
                                      &error) == SKALD_OK &&
                      skald_pg_run(past, rows, sql, count, params, &error) == SKALD_OK;
    skald_error again;
    skald_pg_script(past, "ROLLBACK", &again);
    if (!read)
        note(c, error.text);
    return read;
}

static const char *select_write(const change *c, const char *where)
{
    const skald_whatif_target *target = c->target;
    return skald_arena_format(&c->w->report->memory,
                              "SELECT ctid::text, %s, %s FROM ONLY %s WHERE %s LIMIT %d",
                              target->key != NULL ? target->key : "NULL::text", target->texts,
                              target->name, where, READ_MAX + 1);
}

static bool new_read(change *c)
{
    const skald_param params[] = {skald_integer(c->w->transaction), skald_integer(c->w->span)};
    const char *sql = select_write(c, SKALD_WHATIF_OURS("xmin"));
    return sql != NULL && inside_run(c, &c->new, sql, 2, params);
}

/* Where others hold a key lock on the row, xmax is the number of a list of transactions: then a row
 * that somebody locks and that has the key of a new one is taken as well. */
static bool old_read(change *c)
{
    if (c->target->updated + c->target->deleted == 0)
        return true;
    skald_array keys;
    skald_array_init(&keys, SKALD_ARRAY_TEXT);
    for (uint32_t i = 0; c->target->key != NULL && i < count_of(c->new); i++)
        skald_array_text(&keys, skald_rows_text(c->new, i, COLUMN_KEY));
    const skald_param params[] = {skald_integer(c->w->transaction), skald_integer(c->w->span),
                                  skald_array_param(&keys)};
    const char *where = skald_arena_format(
        &c->w->report->memory,
        SKALD_WHATIF_OURS("xmax") " OR (xmax::text <> '0' AND %s = ANY ($3::text[]))",
        c->target->key != NULL ? c->target->key : "NULL");
    const char *sql = where != NULL ? select_write(c, where) : NULL;
    const bool read = sql != NULL && skald_array_ok(&keys) && past_run(c, &c->old, sql, 3, params);
    skald_array_done(&keys);
    return read;
}

/* --- matching -------------------------------------------------------------------------------- */

/* What was only locked stands where it stood. */
static bool locked_drop(change *c)
{
    skald_array places;
    skald_array_init(&places, SKALD_ARRAY_TEXT);
    for (uint32_t i = 0; i < count_of(c->old); i++) {
        c->gone[i] = true;
        skald_array_text(&places, skald_rows_text(c->old, i, COLUMN_PLACE));
    }
    const skald_param param = skald_array_param(&places);
    const char *sql = skald_arena_format(
        &c->w->report->memory,
        "SELECT ctid::text FROM ONLY %s WHERE ctid = ANY ($1::text[]::tid[])", c->target->name);
    skald_rows *still = NULL;
    const bool read =
        sql != NULL && skald_array_ok(&places) && inside_run(c, &still, sql, 1, &param);
    for (uint32_t k = 0; read && k < skald_rows_count(still); k++) {
        for (uint32_t i = 0; i < count_of(c->old); i++) {
            if (strcmp(skald_rows_text(still, k, 0), skald_rows_text(c->old, i, 0)) == 0)
                c->gone[i] = false;
        }
    }
    skald_rows_free(still);
    skald_array_done(&places);
    return read;
}

static const char **values_keep(const change *c, const skald_rows *rows, uint32_t row)
{
    const uint32_t count = c->table->column_count;
    const char **values = skald_arena_alloc(&c->w->report->memory, count * sizeof *values);
    for (uint32_t i = 0; values != NULL && i < count; i++)
        values[i] = skald_whatif_keep(c->w, skald_rows_text(rows, row, COLUMN_VALUES + (int)i));
    return values;
}

static void row_add(const change *c, const uint32_t *old, const uint32_t *new)
{
    skald_whatif_table *table = c->table;
    table->inserted += old == NULL;
    table->deleted += new == NULL;
    table->updated += old != NULL && new != NULL;
    if (table->row_count == SKALD_WHATIF_ROWS_MAX)
        return;
    skald_whatif_row *row = &table->rows[table->row_count++];
    row->before = old != NULL ? values_keep(c, c->old, *old) : NULL;
    row->after = new != NULL ? values_keep(c, c->new, *new) : NULL;
}

/* The new row with the key of this old one; without a primary key there is none. */
static bool pair_find(const change *c, uint32_t old, uint32_t *new)
{
    const char *key = skald_rows_text(c->old, old, COLUMN_KEY);
    for (*new = 0; key != NULL &&*new < count_of(c->new); ++*new) {
        if (!c->paired[*new] && strcmp(skald_rows_text(c->new, *new, COLUMN_KEY), key) == 0)
            return true;
    }
    return false;
}

static void match(change *c)
{
    for (uint32_t old = 0; old < count_of(c->old); old++) {
        if (!c->gone[old])
            continue;
        uint32_t new;
        const bool pair = pair_find(c, old, &new);
        if (pair)
            c->paired[new] = true;
        row_add(c, &old, pair ? &new : NULL);
    }
    for (uint32_t new = 0; new < count_of(c->new); new ++) {
        if (!c->paired[new])
            row_add(c, NULL, &new);
    }
}

/* --- the table ------------------------------------------------------------------------------- */

static bool columns_split(change *c)
{
    skald_arena *memory = &c->w->report->memory;
    skald_whatif_table *table = c->table;
    uint32_t count = 1;
    for (const char *at = c->target->columns; *at != '\0'; at++)
        count += *at == '\n';
    table->columns = skald_arena_alloc(memory, count * sizeof *table->columns);
    const char *at = c->target->columns;
    while (table->columns != NULL && table->column_count < count) {
        const size_t size = strcspn(at, "\n");
        table->columns[table->column_count++] = skald_arena_text_sized(memory, at, size);
        at += size + (at[size] == '\n');
    }
    return table->columns != NULL;
}

/* There may be more than was read; then PostgreSQL's own count is told. */
static void counts_correct(const change *c)
{
    const bool all = (c->old == NULL || skald_rows_count(c->old) <= READ_MAX) &&
                     (c->new == NULL || skald_rows_count(c->new) <= READ_MAX);
    if (all && c->table->note == NULL)
        return;
    c->table->inserted = c->target->inserted;
    c->table->updated = c->target->updated;
    c->table->deleted = c->target->deleted;
    note(c, "too many rows to match all of them");
}

static skald_status table_new(change *c, skald_error *error)
{
    skald_arena *memory = &c->w->report->memory;
    c->table = skald_arena_alloc(memory, sizeof *c->table);
    c->gone = skald_arena_alloc(memory, READ_MAX * sizeof *c->gone);
    c->paired = skald_arena_alloc(memory, READ_MAX * sizeof *c->paired);
    if (c->table == NULL || c->gone == NULL || c->paired == NULL || !columns_split(c))
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for rows of %s", c->target->name);
    c->table->name = skald_whatif_keep(c->w, c->target->name);
    return SKALD_OK;
}

/* What was counted may have been rolled back, or come and gone: then there is nothing to show. */
static void table_keep(const change *c)
{
    if (c->table->row_count == 0 && c->table->note == NULL)
        return;
    skald_whatif_table **tail = &c->w->report->tables;
    while (*tail != NULL)
        tail = &(*tail)->next;
    *tail = c->table;
}

skald_status skald_whatif_changes(skald_whatif *w, const skald_whatif_target *target,
                                  skald_error *error)
{
    change c = {.w = w, .target = target};
    const skald_status status = table_new(&c, error);
    if (status != SKALD_OK)
        return status;
    if (target->whole)
        note(&c, "it is locked as a whole, so what was in it before cannot be seen");
    else if (skald_clock_ms() > w->look_until_ms)
        note(&c, "not looked through: that would have held locks for too long");
    else if (new_read(&c) && old_read(&c) && (count_of(c.old) == 0 || locked_drop(&c)))
        match(&c);
    counts_correct(&c);
    table_keep(&c);
    skald_rows_free(c.old);
    skald_rows_free(c.new);
    return skald_pg_alive(w->pg)
               ? SKALD_OK
               : skald_error_set(error, SKALD_UNAVAILABLE, "the connection was lost while looking");
}
