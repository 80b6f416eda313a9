/* Two connections, one transaction, no thread. */
#include "whatif/inside.h"

#include <skald/context.h>

const char *skald_whatif_keep(skald_whatif *w, const char *text)
{
    return skald_arena_text(&w->report->memory, text);
}

skald_status skald_whatif_gave_up(skald_error *error)
{
    return skald_error_set(error, SKALD_TIMEOUT,
                           "gave up, so as not to hold up the running service: a lock was not free "
                           "within %d s, or a statement took longer than %d s; try again",
                           SKALD_WHATIF_LOCK_MS / 1000, SKALD_WHATIF_STATEMENT_MS / 1000);
}

skald_status skald_whatif_mark(skald_whatif *w, skald_pipeline *pipeline, skald_error *error)
{
    char lock[16], statement[16], idle[16];
    snprintf(lock, sizeof lock, "%d", SKALD_WHATIF_LOCK_MS);
    snprintf(statement, sizeof statement, "%d", SKALD_WHATIF_STATEMENT_MS);
    snprintf(idle, sizeof idle, "%d", SKALD_WHATIF_IDLE_MS);
    const skald_param params[] = {skald_text(lock), skald_text(statement), skald_text(idle)};
    skald_rows *rows = NULL;
    const skald_status status = skald_pipeline_query(
        pipeline, SKALD_PIPELINE_NOBODY, &rows,
        "SELECT pg_current_xact_id()::text::bigint,"
        " coalesce(pg_sequence_last_value(pg_get_serial_sequence('skald.outbox', 'position')"
        "  ::regclass), 0),"
        " coalesce(pg_sequence_last_value(pg_get_serial_sequence('skald.job', 'id')::regclass), 0),"
        " set_config('lock_timeout', $1, true), set_config('statement_timeout', $2, true),"
        " set_config('idle_in_transaction_session_timeout', $3, true)",
        3, params, error);
    if (status != SKALD_OK)
        return status;
    w->transaction = skald_rows_integer(rows, 0, 0);
    w->outbox_before = skald_rows_integer(rows, 0, 1);
    w->job_before = skald_rows_integer(rows, 0, 2);
    skald_rows_free(rows);
    return SKALD_OK;
}

skald_status skald_whatif_settle(skald_pipeline *pipeline, uint32_t owner, skald_error *error)
{
    const skald_status status =
        skald_pipeline_send(pipeline, owner, "SET CONSTRAINTS ALL IMMEDIATE", 0, NULL, error);
    if (status == SKALD_OK)
        return skald_pipeline_leave_open(pipeline, error);
    skald_error lost;
    if (skald_pipeline_rollback(pipeline, &lost) != SKALD_OK)
        *error = lost;
    return error->status;
}

void skald_whatif_report_done(skald_whatif_report *report)
{
    skald_arena_done(&report->memory);
}

skald_status skald_whatif_run(const skald_whatif_options *options, skald_whatif_report *report,
                              skald_error *error)
{
    skald_whatif w = {.options = options, .report = report};
    skald_arena_init(&report->memory, 0);
    skald_hub *hub = options->hub;
    hub->types_seen = &w.seen;
    skald_status status = skald_pg_open(&w.pg, hub->database, hub->application, error);
    if (status == SKALD_OK)
        status = skald_pg_open(&w.past, hub->database, hub->application, error);
    if (status == SKALD_OK)
        status = options->job != NULL ? skald_whatif_job(&w, error) : skald_whatif_saga(&w, error);
    hub->types_seen = NULL;
    /* Whatever is still open ends without effect. */
    skald_pg_close(w.pg);
    skald_pg_close(w.past);
    return status;
}
