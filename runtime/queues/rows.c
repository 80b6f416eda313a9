/* Set-based: one statement for all that succeeded, one for all that did not. */
#include "queues/rows.h"
#include "pg/array.h"

#include <string.h>

/* --- columns ------------------------------------------------------------------------------- */

enum { COLUMNS_MAX = 16 };

typedef struct columns {
    skald_array arrays[COLUMNS_MAX];
    int count;
} columns;

static void columns_init(columns *table, const skald_array_of *kinds, int count)
{
    table->count = count;
    for (int i = 0; i < count; i++)
        skald_array_init(&table->arrays[i], kinds[i]);
}

static void columns_done(columns *table)
{
    for (int i = 0; i < table->count; i++)
        skald_array_done(&table->arrays[i]);
}

static skald_status columns_params(columns *table, skald_param *params, skald_error *error)
{
    for (int i = 0; i < table->count; i++) {
        if (!skald_array_ok(&table->arrays[i]))
            return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the ends of jobs");
        params[i] = skald_array_param(&table->arrays[i]);
    }
    return SKALD_OK;
}

static const char *or_null(const char *text)
{
    return text[0] == '\0' ? NULL : text;
}

/* --- ends ---------------------------------------------------------------------------------- */

/* Of the rows named, those that are as we left them; locked ones are for later. */
#define ENDS_MINE                                                                                  \
    "WITH mine AS MATERIALIZED (SELECT j.id FROM unnest($1, $2, $3) AS e(id, starts, holder)"      \
    " JOIN skald.job AS j ON j.id = e.id WHERE j.starts = e.starts"                                \
    " AND j.holder = e.holder::uuid AND j.state = 'running' FOR NO KEY UPDATE OF j SKIP LOCKED)"

static void held_note(skald_job_end *ends, size_t count, const skald_rows *rows)
{
    for (uint32_t i = 0; i < skald_rows_count(rows); i++) {
        const int64_t id = skald_rows_integer(rows, i, 0);
        for (size_t k = 0; k < count; k++) {
            if (ends[k].job_id == id) {
                ends[k].held = true;
                ends[k].cancelled = skald_rows_boolean(rows, i, 1);
            }
        }
    }
}

static bool succeeded(const skald_job_end *end)
{
    return end->outcome == NULL && strcmp(end->state, "done") == 0;
}

static skald_status successes_write(skald_pipeline *pipeline, skald_job_end *ends, size_t count,
                                    skald_error *error)
{
    static const skald_array_of kinds[] = {SKALD_ARRAY_INT8, SKALD_ARRAY_INT4, SKALD_ARRAY_TEXT,
                                           SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_BYTEA};
    columns table;
    columns_init(&table, kinds, sizeof kinds / sizeof kinds[0]);
    skald_array *a = table.arrays;
    for (size_t i = 0; i < count; i++) {
        const skald_job_end *end = &ends[i];
        if (!succeeded(end))
            continue;
        skald_array_integer(&a[0], end->job_id);
        skald_array_integer(&a[1], end->starts);
        skald_array_text(&a[2], end->holder);
        skald_array_text(&a[3], end->note);
        skald_array_text(&a[4], end->result_type);
        if (end->result_type != NULL)
            skald_array_bytes(&a[5], end->result);
        else
            skald_array_null(&a[5]);
    }
    skald_param params[COLUMNS_MAX];
    skald_rows *rows = NULL;
    skald_status status = columns_params(&table, params, error);
    if (status == SKALD_OK && a[0].count > 0)
        status = skald_pipeline_query(
            pipeline, SKALD_PIPELINE_NOBODY, &rows,
            ENDS_MINE " UPDATE skald.job AS j SET state = 'done', ended_at = skald.now(),"
                      " due_at = 'infinity', progress = 1,"
                      " progress_note = coalesce(e.note, j.progress_note), maybe_done = false,"
                      " result_type = e.result_type, result = e.result"
                      " FROM unnest($1, $2, $3, $4, $5, $6)"
                      " AS e(id, starts, holder, note, result_type, result)"
                      " JOIN mine ON mine.id = e.id WHERE j.id = e.id RETURNING j.id, false",
            (size_t)table.count, params, error);
    if (status == SKALD_OK && rows != NULL)
        held_note(ends, count, rows);
    skald_rows_free(rows);
    columns_done(&table);
    return status;
}

static skald_status failures_write(skald_pipeline *pipeline, skald_job_end *ends, size_t count,
                                   bool keep_holder, skald_error *error)
{
    static const skald_array_of kinds[] = {
        SKALD_ARRAY_INT8, SKALD_ARRAY_INT4, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_INT4,
        SKALD_ARRAY_INT8, SKALD_ARRAY_INT2, SKALD_ARRAY_INT2, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT,
        SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT};
    columns table;
    columns_init(&table, kinds, sizeof kinds / sizeof kinds[0]);
    skald_array *a = table.arrays;
    for (size_t i = 0; i < count; i++) {
        const skald_job_end *end = &ends[i];
        if (succeeded(end))
            continue;
        skald_array_integer(&a[0], end->job_id);
        skald_array_integer(&a[1], end->starts);
        skald_array_text(&a[2], end->holder);
        skald_array_text(&a[3], end->state);
        if (end->counted)
            skald_array_integer(&a[4], end->attempts);
        else
            skald_array_null(&a[4]);
        skald_array_integer(&a[5], end->delay_ms);
        skald_array_integer(&a[6], end->holds);
        skald_array_integer(&a[7], end->maybe_done);
        skald_array_text(&a[8], or_null(end->reason));
        skald_array_text(&a[9], or_null(end->error_class));
        skald_array_text(&a[10], or_null(end->sqlstate));
        skald_array_text(&a[11], or_null(end->fingerprint));
        skald_array_text(&a[12], end->note);
    }
    skald_param params[COLUMNS_MAX + 1];
    skald_rows *rows = NULL;
    skald_status status = columns_params(&table, params, error);
    params[table.count] = skald_boolean(keep_holder);
    /* Who was asked to cancel a job while it ran need not try it again. */
    if (status == SKALD_OK && a[0].count > 0)
        status = skald_pipeline_query(
            pipeline, SKALD_PIPELINE_NOBODY, &rows,
            ENDS_MINE
            " UPDATE skald.job AS j SET state = n.state, attempts = coalesce(e.attempts, "
            "j.attempts),"
            " due_at = CASE WHEN n.state = 'waiting'"
            "  THEN skald.now() + e.delay_ms * interval '1 ms' ELSE 'infinity' END,"
            " ended_at = CASE WHEN n.state <> 'waiting' THEN skald.now() END,"
            " tried_at = skald.now(), holds = e.holds = 1, maybe_done = e.maybe_done = 1,"
            " first_failed_at = CASE WHEN e.attempts IS NULL THEN j.first_failed_at"
            "  ELSE coalesce(j.first_failed_at, skald.now()) END,"
            " reason = coalesce(e.reason, j.reason), error_class = e.error_class,"
            " sqlstate = e.sqlstate, fingerprint = e.fingerprint,"
            " progress_note = coalesce(e.note, j.progress_note),"
            " holder = CASE WHEN $14 THEN j.holder END"
            " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
            " AS e(id, starts, holder, state, attempts, delay_ms, holds, maybe_done, reason,"
            "  error_class, sqlstate, fingerprint, note)"
            " JOIN mine ON mine.id = e.id JOIN skald.job AS o ON o.id = e.id"
            " CROSS JOIN LATERAL (SELECT CASE WHEN e.state = 'waiting'"
            "  AND o.cancel_reason IS NOT NULL THEN 'cancelled' ELSE e.state END AS state) AS n"
            " WHERE j.id = e.id RETURNING j.id, n.state = 'cancelled'",
            (size_t)table.count + 1, params, error);
    if (status == SKALD_OK && rows != NULL)
        held_note(ends, count, rows);
    skald_rows_free(rows);
    columns_done(&table);
    return status;
}

static skald_status attempts_write(skald_pipeline *pipeline, const skald_job_end *ends,
                                   size_t count, skald_error *error)
{
    static const skald_array_of kinds[] = {SKALD_ARRAY_INT8, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT,
                                           SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT};
    columns table;
    columns_init(&table, kinds, sizeof kinds / sizeof kinds[0]);
    skald_array *a = table.arrays;
    for (size_t i = 0; i < count; i++) {
        const skald_job_end *end = &ends[i];
        if (!end->held || end->outcome == NULL)
            continue;
        skald_array_integer(&a[0], end->job_id);
        skald_array_text(&a[1], end->outcome);
        skald_array_text(&a[2], end->reason);
        skald_array_text(&a[3], or_null(end->error_class));
        skald_array_text(&a[4], or_null(end->sqlstate));
        skald_array_text(&a[5], end->holder);
    }
    skald_param params[COLUMNS_MAX];
    skald_status status = columns_params(&table, params, error);
    if (status == SKALD_OK && a[0].count > 0)
        status = skald_pipeline_send(
            pipeline, SKALD_PIPELINE_NOBODY,
            "INSERT INTO skald.attempt (job, number, outcome, started_at, ended_at, error_class,"
            " error, sqlstate, host, pid, process)"
            " SELECT e.job, coalesce((SELECT max(number) FROM skald.attempt AS a"
            "  WHERE a.job = e.job), 0) + 1, e.outcome, j.started_at, skald.now(), e.error_class,"
            " e.error, e.sqlstate, p.host, p.pid, e.process::uuid"
            " FROM unnest($1, $2, $3, $4, $5, $6) AS e(job, outcome, error, error_class, sqlstate,"
            "  process) JOIN skald.job AS j ON j.id = e.job"
            " LEFT JOIN skald.process AS p ON p.id = e.process::uuid",
            (size_t)table.count, params, error);
    columns_done(&table);
    return status;
}

skald_status skald_job_ends_write(skald_pipeline *pipeline, skald_job_end *ends, size_t count,
                                  bool keep_holder, skald_error *error)
{
    skald_status status = successes_write(pipeline, ends, count, error);
    if (status == SKALD_OK)
        status = failures_write(pipeline, ends, count, keep_holder, error);
    if (status == SKALD_OK)
        status = attempts_write(pipeline, ends, count, error);
    return status;
}

/* --- keys ---------------------------------------------------------------------------------- */

skald_status skald_job_ends_release(skald_pipeline *pipeline, const skald_job_end *ends,
                                    size_t count, skald_error *error)
{
    static const skald_array_of kinds[] = {SKALD_ARRAY_TEXT, SKALD_ARRAY_TEXT};
    columns table;
    columns_init(&table, kinds, 2);
    for (size_t i = 0; i < count; i++) {
        /* One that waits again is still the first of its key; but where the number of running ones
         * is bounded, there is room for another. */
        if (!ends[i].held || ends[i].key == NULL || ends[i].key[0] == '\0')
            continue;
        skald_array_text(&table.arrays[0], ends[i].queue);
        skald_array_text(&table.arrays[1], ends[i].key);
    }
    skald_param params[COLUMNS_MAX];
    skald_status status = columns_params(&table, params, error);
    if (status == SKALD_OK && table.arrays[0].count > 0)
        status = skald_pipeline_send(pipeline, SKALD_PIPELINE_NOBODY,
                                     "SELECT skald.queue_release($1, $2)", 2, params, error);
    columns_done(&table);
    return status;
}

skald_status skald_job_fate_find(skald_pipeline *pipeline, const skald_job_end *end,
                                 skald_job_fate *out, skald_error *error)
{
    const skald_param params[] = {skald_integer(end->job_id), skald_integer(end->starts),
                                  skald_text(end->holder)};
    skald_rows *rows = NULL;
    const skald_status status =
        skald_pipeline_query(pipeline, SKALD_PIPELINE_NOBODY, &rows,
                             "SELECT state = 'running' FROM skald.job"
                             " WHERE id = $1 AND starts = $2 AND holder = $3::uuid",
                             sizeof params / sizeof params[0], params, error);
    if (status != SKALD_OK)
        return status;
    *out = skald_rows_count(rows) == 0      ? SKALD_JOB_FENCED
           : skald_rows_boolean(rows, 0, 0) ? SKALD_JOB_LOCKED
                                            : SKALD_JOB_SETTLED;
    skald_rows_free(rows);
    return SKALD_OK;
}
