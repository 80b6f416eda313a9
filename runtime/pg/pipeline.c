/* Sends in libpq's pipeline mode and matches every answer to what was sent.
 *
 * libpq reads while it cannot write, also in blocking mode, so a deep pipeline does not lock up;
 * its answers wait in memory, which the batch's size bounds. */
#include "pg/pipeline.h"
#include "base/clock.h"
#include "base/crash_point.h"
#include "pg/errors.h"
#include "pg/params.h"
#include "pg/statements.h"

#include <assert.h>
#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* "cached plan must not change result type", among others. */
#define SQLSTATE_PLAN_STALE "0A000"

typedef enum sent_kind { SENT_STATEMENT, SENT_PREPARE, SENT_HOUSEKEEPING } sent_kind;

/* Something sent whose answer has not been read. */
typedef struct sent {
    sent_kind kind;
    uint32_t owner;
    const char *sql;            /* of the caller, or literal; for error texts, may be NULL */
    skald_statement *statement; /* the prepared one, or NULL */
} sent;

struct skald_pipeline {
    skald_pg *pg;
    PGconn *connection;
    skald_statements statements;
    sent *queue; /* a ring */
    size_t queue_capacity;
    size_t queue_first;
    size_t queue_count;
    skald_error failure; /* the first one of this transaction */
    uint32_t failed_owner;
};

skald_status skald_pipeline_open(skald_pipeline **out, skald_pg *pg)
{
    skald_pipeline *pipeline = calloc(1, sizeof *pipeline);
    if (pipeline == NULL)
        return SKALD_NO_MEMORY;
    pipeline->pg = pg;
    pipeline->connection = skald_pg_raw(pg);
    pipeline->failed_owner = SKALD_PIPELINE_NOBODY;
    *out = pipeline;
    return SKALD_OK;
}

void skald_pipeline_close(skald_pipeline *pipeline)
{
    if (pipeline == NULL)
        return;
    skald_statements_done(&pipeline->statements);
    free(pipeline->queue);
    free(pipeline);
}

uint32_t skald_pipeline_failed_owner(const skald_pipeline *pipeline)
{
    return pipeline->failed_owner;
}

/* --- what was sent ------------------------------------------------------------------------- */

static bool queue_room(skald_pipeline *pipeline)
{
    if (pipeline->queue_count < pipeline->queue_capacity)
        return true;
    const size_t capacity = pipeline->queue_capacity == 0 ? 64 : pipeline->queue_capacity * 2;
    sent *queue = calloc(capacity, sizeof *queue);
    if (queue == NULL)
        return false;
    for (size_t i = 0; i < pipeline->queue_count; i++)
        queue[i] = pipeline->queue[(pipeline->queue_first + i) % pipeline->queue_capacity];
    free(pipeline->queue);
    pipeline->queue = queue;
    pipeline->queue_capacity = capacity;
    pipeline->queue_first = 0;
    return true;
}

static void queue_add(skald_pipeline *pipeline, sent entry)
{
    assert(pipeline->queue_count < pipeline->queue_capacity);
    const size_t at = (pipeline->queue_first + pipeline->queue_count) % pipeline->queue_capacity;
    pipeline->queue[at] = entry;
    pipeline->queue_count++;
}

static sent queue_take(skald_pipeline *pipeline)
{
    const sent entry = pipeline->queue[pipeline->queue_first];
    pipeline->queue_first = (pipeline->queue_first + 1) % pipeline->queue_capacity;
    pipeline->queue_count--;
    return entry;
}

/* --- failures ------------------------------------------------------------------------------ */

static bool failed(const skald_pipeline *pipeline)
{
    return pipeline->failure.status != SKALD_OK;
}

static skald_status failure_answer(const skald_pipeline *pipeline, skald_error *error)
{
    if (error != NULL)
        *error = pipeline->failure;
    return pipeline->failure.status;
}

skald_status skald_pipeline_failure(const skald_pipeline *pipeline, skald_error *error)
{
    return failed(pipeline) ? failure_answer(pipeline, error) : SKALD_OK;
}

static skald_status failure_lost(skald_pipeline *pipeline, skald_error *error)
{
    if (!failed(pipeline) || pipeline->failure.status != SKALD_UNAVAILABLE) {
        skald_pg_error_of_connection(pipeline->connection, &pipeline->failure);
        pipeline->failed_owner = SKALD_PIPELINE_NOBODY;
    }
    return failure_answer(pipeline, error);
}

/* --- answers ------------------------------------------------------------------------------- */

static void answer_note(skald_pipeline *pipeline, const sent *entry, const PGresult *result)
{
    const ExecStatusType outcome = PQresultStatus(result);
    if (outcome == PGRES_COMMAND_OK || outcome == PGRES_TUPLES_OK) {
        if (entry->kind == SENT_PREPARE)
            entry->statement->confirmed = true;
        return;
    }
    /* After the first error everything is answered PIPELINE_ABORTED until the next sync. */
    if (failed(pipeline) || outcome == PGRES_PIPELINE_ABORTED)
        return;
    skald_pg_error_of_result(pipeline->connection, result, entry->sql, &pipeline->failure);
    pipeline->failed_owner = entry->owner;
    /* The tables have changed under a prepared statement: the next attempt needs a new plan, and
     * must not fail the same way until the old one has aged. */
    if (entry->statement != NULL && strcmp(pipeline->failure.sqlstate, SQLSTATE_PLAN_STALE) == 0)
        entry->statement->expired = true;
}

/* Reads the answer to the oldest statement; *result is the caller's to clear. */
static skald_status answer_read(skald_pipeline *pipeline, PGresult **result, sent *entry)
{
    *entry = queue_take(pipeline);
    *result = PQgetResult(pipeline->connection);
    if (*result == NULL)
        return failure_lost(pipeline, NULL);
    answer_note(pipeline, entry, *result);
    /* Every statement's results end with a NULL. */
    PGresult *rest = PQgetResult(pipeline->connection);
    while (rest != NULL) {
        PQclear(rest);
        rest = PQgetResult(pipeline->connection);
    }
    return SKALD_OK;
}

static skald_status answers_read_until(skald_pipeline *pipeline, size_t left)
{
    while (pipeline->queue_count > left) {
        PGresult *result = NULL;
        sent entry;
        const skald_status status = answer_read(pipeline, &result, &entry);
        PQclear(result);
        if (status != SKALD_OK)
            return status;
    }
    return SKALD_OK;
}

/* The answer to a sync, behind those to everything before it. */
static skald_status sync_read(skald_pipeline *pipeline)
{
    PGresult *result = PQgetResult(pipeline->connection);
    const bool synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
    PQclear(result);
    return synced ? SKALD_OK : failure_lost(pipeline, NULL);
}

/* Reads up to a sync that was sent; afterwards the connection takes statements again. */
static skald_status sync_wait(skald_pipeline *pipeline)
{
    const skald_status status = answers_read_until(pipeline, 0);
    return status == SKALD_OK ? sync_read(pipeline) : status;
}

static skald_status sync_all(skald_pipeline *pipeline)
{
    if (PQpipelineSync(pipeline->connection) != 1)
        return failure_lost(pipeline, NULL);
    return sync_wait(pipeline);
}

/* --- sending ------------------------------------------------------------------------------- */

static skald_status plain_send(skald_pipeline *pipeline, sent_kind kind, uint32_t owner,
                               const char *sql, const skald_pg_params *params, int format)
{
    if (!queue_room(pipeline))
        return skald_error_set(&pipeline->failure, SKALD_NO_MEMORY, "no memory for a statement");
    static const skald_pg_params none;
    if (params == NULL)
        params = &none;
    if (PQsendQueryParams(pipeline->connection, sql, params->count, params->types, params->values,
                          params->lengths, params->formats, format) != 1)
        return failure_lost(pipeline, NULL);
    queue_add(pipeline, (sent){.kind = kind, .owner = owner, .sql = sql});
    return SKALD_OK;
}

static skald_status prepare_send(skald_pipeline *pipeline, uint32_t owner, const char *sql,
                                 const skald_pg_params *params, skald_statement *statement)
{
    if (!queue_room(pipeline))
        return skald_error_set(&pipeline->failure, SKALD_NO_MEMORY, "no memory for a statement");
    if (PQsendPrepare(pipeline->connection, statement->name, sql, params->count, params->types) !=
        1)
        return failure_lost(pipeline, NULL);
    queue_add(pipeline,
              (sent){.kind = SENT_PREPARE, .owner = owner, .sql = sql, .statement = statement});
    return SKALD_OK;
}

/* The prepared statement for `sql`, preparing it now if need be; NULL: send it unprepared. */
static skald_status statement_ready(skald_pipeline *pipeline, uint32_t owner, const char *sql,
                                    const skald_pg_params *params, skald_statement **out)
{
    *out = NULL;
    if (skald_pg_pooled(pipeline->pg))
        return SKALD_OK;
    char stale[SKALD_STATEMENT_NAME_SIZE];
    const uint64_t now_ms = skald_clock_ms();
    *out = skald_statements_find(&pipeline->statements, sql, now_ms, stale);
    if (stale[0] != '\0') {
        char deallocate[64];
        snprintf(deallocate, sizeof deallocate, "DEALLOCATE %s", stale);
        const skald_status status =
            plain_send(pipeline, SENT_HOUSEKEEPING, SKALD_PIPELINE_NOBODY, deallocate, NULL, 0);
        if (status != SKALD_OK)
            return status;
        /* The text is gone when the answer comes. */
        const size_t last = pipeline->queue_first + pipeline->queue_count - 1;
        pipeline->queue[last % pipeline->queue_capacity].sql = "DEALLOCATE";
    }
    if (*out != NULL)
        return SKALD_OK;
    *out = skald_statements_add(&pipeline->statements, sql, now_ms);
    return *out == NULL ? SKALD_OK : prepare_send(pipeline, owner, sql, params, *out);
}

static skald_status statement_send(skald_pipeline *pipeline, uint32_t owner, const char *sql,
                                   const skald_pg_params *params, int format)
{
    skald_statement *statement = NULL;
    const skald_status status = statement_ready(pipeline, owner, sql, params, &statement);
    if (status != SKALD_OK)
        return status;
    if (statement == NULL)
        return plain_send(pipeline, SENT_STATEMENT, owner, sql, params, format);
    if (!queue_room(pipeline))
        return skald_error_set(&pipeline->failure, SKALD_NO_MEMORY, "no memory for a statement");
    if (PQsendQueryPrepared(pipeline->connection, statement->name, params->count, params->values,
                            params->lengths, params->formats, format) != 1)
        return failure_lost(pipeline, NULL);
    queue_add(pipeline,
              (sent){.kind = SENT_STATEMENT, .owner = owner, .sql = sql, .statement = statement});
    return SKALD_OK;
}

/* Behind a comment as PostgreSQL reads it, nested ones included; `sql` where there is none. */
static const char *comment_skip(const char *sql)
{
    if (strncmp(sql, "--", 2) == 0)
        return sql + strcspn(sql, "\n");
    if (strncmp(sql, "/*", 2) != 0)
        return sql;
    size_t depth = 0;
    do {
        const bool opens = strncmp(sql, "/*", 2) == 0;
        const bool closes = strncmp(sql, "*/", 2) == 0;
        depth = depth + opens - closes;
        sql += opens || closes ? 2 : 1;
    } while (depth > 0 && *sql != '\0');
    return sql;
}

/* Where the first word of a statement begins. */
static const char *first_word(const char *sql)
{
    const char *before = NULL;
    while (sql != before) {
        before = sql;
        while (isspace((unsigned char)*sql) || *sql == ';')
            sql++;
        sql = comment_skip(sql);
    }
    return sql;
}

/* A handler must not end the batch's transaction: its neighbours are in it. */
static bool controls_transaction(const char *sql)
{
    static const char *const words[] = {"BEGIN", "START",     "COMMIT",  "END",    "ROLLBACK",
                                        "ABORT", "SAVEPOINT", "RELEASE", "PREPARE"};
    sql = first_word(sql);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const size_t size = strlen(words[i]);
        if (strncasecmp(sql, words[i], size) == 0 && !isalnum((unsigned char)sql[size]) &&
            sql[size] != '_')
            return true;
    }
    return false;
}

static skald_status sql_check(const char *sql, skald_error *error)
{
    if (sql != NULL && !controls_transaction(sql))
        return SKALD_OK;
    return skald_error_set(error, SKALD_INVALID,
                           "a handler's SQL must be one statement that does not control the "
                           "transaction: \"%.60s\"",
                           sql == NULL ? "NULL" : sql);
}

skald_status skald_pipeline_check(const char *sql, size_t count, const skald_param *params,
                                  skald_error *error)
{
    const skald_status status = sql_check(sql, error);
    skald_pg_params filled;
    return status == SKALD_OK ? skald_pg_params_fill(&filled, count, params, error) : status;
}

static skald_status send_checked(skald_pipeline *pipeline, uint32_t owner, const char *sql, size_t count,
                         const skald_param *params, int format, skald_error *error)
{
    if (failed(pipeline))
        return failure_answer(pipeline, error);
    skald_status status = sql_check(sql, error);
    if (status != SKALD_OK)
        return status;
    skald_pg_params filled;
    status = skald_pg_params_fill(&filled, count, params, error);
    if (status != SKALD_OK)
        return status;
    status = statement_send(pipeline, owner, sql, &filled, format);
    return status == SKALD_OK ? SKALD_OK : failure_answer(pipeline, error);
}

skald_status skald_pipeline_send(skald_pipeline *pipeline, uint32_t owner, const char *sql,
                                 size_t count, const skald_param *params, skald_error *error)
{
    return send_checked(pipeline, owner, sql, count, params, 0, error);
}

static skald_status query_wait(skald_pipeline *pipeline, uint32_t owner, skald_rows **rows,
                          const char *sql, size_t count, const skald_param *params, int format,
                          skald_error *error)
{
    skald_status status = send_checked(pipeline, owner, sql, count, params, format, error);
    if (status != SKALD_OK)
        return status;
    /* A sync, not a mere flush: only after one does PostgreSQL count the session as idle, and end
     * it when the handler that got this answer never comes back. */
    if (PQpipelineSync(pipeline->connection) != 1)
        return failure_lost(pipeline, error);
    if (answers_read_until(pipeline, 1) != SKALD_OK)
        return failure_answer(pipeline, error);
    PGresult *result = NULL;
    sent entry;
    status = answer_read(pipeline, &result, &entry);
    if (status == SKALD_OK)
        status = sync_read(pipeline);
    if (status == SKALD_OK && !failed(pipeline)) {
        *rows = result;
        return SKALD_OK;
    }
    PQclear(result);
    return failure_answer(pipeline, error);
}

skald_status skald_pipeline_query(skald_pipeline *pipeline, uint32_t owner, skald_rows **rows,
                                  const char *sql, size_t count, const skald_param *params,
                                  skald_error *error)
{
    return query_wait(pipeline, owner, rows, sql, count, params, 0, error);
}

skald_status skald_pipeline_query_binary(skald_pipeline *pipeline, uint32_t owner,
                                         skald_rows **rows, const char *sql, size_t count,
                                         const skald_param *params, skald_error *error)
{
    return query_wait(pipeline, owner, rows, sql, count, params, 1, error);
}

/* Between transactions the connection takes statements that are waited for. */
static void pipeline_leave(skald_pipeline *pipeline)
{
    const int left = PQexitPipelineMode(pipeline->connection);
    assert(left == 1 || PQstatus(pipeline->connection) != CONNECTION_OK);
    (void)left;
}

/* --- the transaction ----------------------------------------------------------------------- */

skald_status skald_pipeline_begin(skald_pipeline *pipeline, uint32_t idle_ms_max,
                                  skald_error *error)
{
    assert(pipeline->queue_count == 0);
    pipeline->failure = (skald_error){0};
    pipeline->failed_owner = SKALD_PIPELINE_NOBODY;
    if (PQpipelineStatus(pipeline->connection) == PQ_PIPELINE_OFF &&
        PQenterPipelineMode(pipeline->connection) != 1)
        return failure_lost(pipeline, error);
    char idle[32];
    snprintf(idle, sizeof idle, "%u", idle_ms_max);
    const skald_param param = skald_text(idle);
    skald_pg_params filled;
    skald_pg_params_fill(&filled, 1, &param, NULL);
    if (plain_send(pipeline, SENT_HOUSEKEEPING, SKALD_PIPELINE_NOBODY,
                   "BEGIN ISOLATION LEVEL READ COMMITTED", NULL, 0) != SKALD_OK ||
        statement_send(pipeline, SKALD_PIPELINE_NOBODY,
                       "SELECT set_config('idle_in_transaction_session_timeout', $1, true)",
                       &filled, 0) != SKALD_OK)
        return failure_answer(pipeline, error);
    return SKALD_OK;
}

skald_status skald_pipeline_rollback(skald_pipeline *pipeline, skald_error *error)
{
    const skald_error cause = pipeline->failure;
    const uint32_t owner = pipeline->failed_owner;
    /* The sync ends the aborted state; only then is ROLLBACK executed. */
    skald_status status = sync_all(pipeline);
    if (status == SKALD_OK)
        status = plain_send(pipeline, SENT_HOUSEKEEPING, SKALD_PIPELINE_NOBODY, "ROLLBACK", NULL, 0);
    if (status == SKALD_OK)
        status = sync_all(pipeline);
    skald_statements_forget_unconfirmed(&pipeline->statements);
    if (status != SKALD_OK)
        return failure_answer(pipeline, error);
    pipeline_leave(pipeline);
    if (cause.status != SKALD_OK) {
        pipeline->failure = cause;
        pipeline->failed_owner = owner;
    }
    return SKALD_OK;
}

/* Waits for what was sent, and leaves the pipeline; what has failed is rolled back. */
static skald_status finish(skald_pipeline *pipeline, skald_error *error)
{
    if (sync_wait(pipeline) != SKALD_OK)
        return failure_answer(pipeline, error);
    if (!failed(pipeline)) {
        pipeline_leave(pipeline);
        return SKALD_OK;
    }
    const skald_status status = skald_pipeline_rollback(pipeline, error);
    return status == SKALD_OK ? failure_answer(pipeline, error) : status;
}

skald_status skald_pipeline_commit(skald_pipeline *pipeline, skald_error *error)
{
    if (!failed(pipeline))
        plain_send(pipeline, SENT_HOUSEKEEPING, SKALD_PIPELINE_NOBODY, "COMMIT", NULL, 0);
    if (PQpipelineSync(pipeline->connection) != 1)
        return failure_lost(pipeline, error);
    skald_crash_here(SKALD_CRASH_BATCH_COMMIT_SENT);
    return finish(pipeline, error);
}

skald_status skald_pipeline_leave_open(skald_pipeline *pipeline, skald_error *error)
{
    if (PQpipelineSync(pipeline->connection) != 1)
        return failure_lost(pipeline, error);
    return finish(pipeline, error);
}
