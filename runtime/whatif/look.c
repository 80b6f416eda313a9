/* What a transaction has left behind, read before it is rolled back. */
#include "base/clock.h"
#include "whatif/inside.h"

#include <string.h>

/* How many ids were given out since that of the transaction: its subtransactions are among them.
 * Asked from outside, because age() counts from the transaction's own id within. */
static skald_status span_find(skald_whatif *w, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        w->past, &rows, error, "SELECT age(($1::bigint & 4294967295)::text::xid)", w->transaction);
    if (status != SKALD_OK)
        return status;
    w->span = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return SKALD_OK;
}

/* Is it still the same transaction? From now on only we ask something in it. */
static skald_status transaction_check(skald_whatif *w, skald_error *error)
{
    char scan[16];
    snprintf(scan, sizeof scan, "%d", SKALD_WHATIF_SCAN_MS);
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pg_do(w->pg, &rows, error,
                    "SELECT coalesce(pg_current_xact_id_if_assigned()::text::bigint, 0),"
                    " current_setting('track_counts'), set_config('statement_timeout', $1, true)",
                    scan);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_integer(rows, 0, 0) != w->transaction)
        w->report->warning =
            "user code has ended the transaction: what it did before that may have been kept";
    else if (strcmp(skald_rows_text(rows, 0, 1), "on") != 0)
        w->report->warning = "track_counts is off, so it is not known which tables have changed";
    skald_rows_free(rows);
    return SKALD_OK;
}

/* --- tables ---------------------------------------------------------------------------------- */

/* Messages, jobs and the saga's own rows are shown otherwise. */
#define SHOWN_OTHERWISE                                                                            \
    "n.nspname = 'skald' AND (c.relname ~ '^outbox' OR (c.relname = 'job' AND s.n_tup_upd = 0"     \
    " AND s.n_tup_del = 0) OR ($1 AND c.relname IN ('saga', 'saga_history', 'saga_input')))"

#define CHANGED_TABLES                                                                             \
    "SELECT format('%I.%I', n.nspname, c.relname), a.names, a.texts, k.expression, s.n_tup_ins,"   \
    " s.n_tup_upd, s.n_tup_del, l.whole FROM pg_stat_xact_all_tables AS s"                         \
    " JOIN pg_class AS c ON c.oid = s.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace"      \
    " CROSS JOIN LATERAL (SELECT string_agg(attname, E'\\n' ORDER BY attnum) AS names,"            \
    "  string_agg(format('left(%I::text, 4000)', attname), ', ' ORDER BY attnum) AS texts"         \
    "  FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS a"         \
    " LEFT JOIN LATERAL (SELECT CASE WHEN count(*) > 0 THEN format('ROW(%s)::text',"               \
    "  string_agg(quote_ident(t.attname), ', ' ORDER BY t.attnum)) END AS expression FROM "        \
    "pg_index AS i JOIN pg_attribute AS t"                                                         \
    "  ON t.attrelid = i.indrelid AND t.attnum = ANY (i.indkey)"                                   \
    "  WHERE i.indrelid = c.oid AND i.indisprimary) AS k ON true"                                  \
    " CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM pg_locks WHERE relation = c.oid"              \
    "  AND pid = pg_backend_pid() AND mode = 'AccessExclusiveLock' AND database ="                 \
    "  (SELECT oid FROM pg_database WHERE datname = current_database())) AS whole) AS l"           \
    " WHERE (s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0 OR l.whole) AND a.names IS NOT NULL"      \
    " AND n.nspname NOT IN ('pg_catalog', 'pg_toast', 'information_schema')"                       \
    " AND NOT (" SHOWN_OTHERWISE ") ORDER BY 1"

static skald_status tables_look(skald_whatif *w, skald_error *error)
{
    const skald_param param = skald_boolean(w->options->saga != NULL);
    skald_rows *rows = NULL;
    skald_status status = skald_pg_run(w->pg, &rows, CHANGED_TABLES, 1, &param, error);
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++) {
        const skald_whatif_target target = {
            .name = skald_rows_text(rows, i, 0),
            .columns = skald_rows_text(rows, i, 1),
            .texts = skald_rows_text(rows, i, 2),
            .key = skald_rows_text(rows, i, 3),
            .inserted = (uint64_t)skald_rows_integer(rows, i, 4),
            .updated = (uint64_t)skald_rows_integer(rows, i, 5),
            .deleted = (uint64_t)skald_rows_integer(rows, i, 6),
            .whole = skald_rows_boolean(rows, i, 7),
        };
        status = skald_whatif_changes(w, &target, error);
    }
    skald_rows_free(rows);
    return status;
}

/* --- messages and jobs ----------------------------------------------------------------------- */

/* kind or state, type, key, addressee or queue, operation, due, body */
#define NEW_MESSAGES                                                                               \
    "SELECT CASE kind WHEN 'c' THEN 'command' WHEN 'r' THEN 'reply' ELSE 'event' END, type, key,"  \
    " addressee, substring(control FROM 'Skald-Operation: ([^\\n]*)'), NULL::text, body,"          \
    " count(*) OVER () FROM skald.outbox WHERE position > $3 AND " SKALD_WHATIF_OURS(              \
        "xmin") " ORDER BY position LIMIT $4"

#define NEW_JOBS                                                                                   \
    "SELECT CASE WHEN operation IS NULL THEN 'job' ELSE 'activity' END, type, key,"                \
    " coalesce(queue, follower), operation,"                                                       \
    " CASE WHEN due_at > skald.now() THEN due_at::text END, body, count(*) OVER ()"                \
    " FROM skald.job WHERE id > $3 AND " SKALD_WHATIF_OURS("xmin") " ORDER BY id LIMIT $4"

static const char *text_keep(skald_whatif *w, const skald_rows *rows, uint32_t row, int column)
{
    const skald_bytes text = skald_rows_bytes(rows, row, column);
    return skald_rows_null(rows, row, column)
               ? NULL
               : skald_arena_text_sized(&w->report->memory, text.data, text.size);
}

static skald_status message_add(skald_whatif *w, skald_whatif_message ***tail,
                                const skald_rows *rows, uint32_t row, skald_error *error)
{
    skald_whatif_message *message = skald_arena_alloc(&w->report->memory, sizeof *message);
    if (message == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for what it would send");
    *message = (skald_whatif_message){
        .what = text_keep(w, rows, row, 0),
        .type = text_keep(w, rows, row, 1),
        .key = text_keep(w, rows, row, 2),
        .addressee = text_keep(w, rows, row, 3),
        .operation = text_keep(w, rows, row, 4),
        .due = text_keep(w, rows, row, 5),
        .body = skald_arena_bytes(&w->report->memory, skald_rows_bytes(rows, row, 6)),
    };
    message->fields = skald_whatif_fields(w, message->type, message->body);
    **tail = message;
    *tail = &message->next;
    return SKALD_OK;
}

static skald_status messages_look(skald_whatif *w, const char *sql, int64_t after,
                                  skald_whatif_message **out, uint64_t *more, skald_error *error)
{
    const skald_param params[] = {skald_integer(w->transaction), skald_integer(w->span),
                                  skald_integer(after), skald_integer(SKALD_WHATIF_MESSAGES_MAX)};
    skald_rows *rows = NULL;
    skald_status status = skald_pg_run_binary(w->pg, &rows, sql, 4, params, error);
    while (*out != NULL)
        out = &(*out)->next;
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++)
        status = message_add(w, &out, rows, i, error);
    if (status == SKALD_OK && skald_rows_count(rows) > 0)
        *more = (uint64_t)skald_rows_integer(rows, 0, 7) - skald_rows_count(rows);
    skald_rows_free(rows);
    return status;
}

skald_status skald_whatif_look(skald_whatif *w, skald_error *error)
{
    w->look_until_ms = skald_clock_ms() + SKALD_WHATIF_LOOK_MS;
    skald_status status = transaction_check(w, error);
    if (status == SKALD_OK)
        status = span_find(w, error);
    if (status == SKALD_OK)
        status = messages_look(w, NEW_MESSAGES, w->outbox_before, &w->report->messages,
                               &w->report->messages_more, error);
    if (status == SKALD_OK)
        status = messages_look(w, NEW_JOBS, w->job_before, &w->report->jobs, &w->report->jobs_more,
                               error);
    if (status == SKALD_OK)
        status = tables_look(w, error);
    /* A connection that is lost has rolled back by itself. */
    skald_error lost;
    if (skald_pg_alive(w->pg))
        skald_pg_script(w->pg, "ROLLBACK", &lost);
    return status;
}
