/* One function per question asked of skald.job. */
#include "followers/jobs.h"
#include "base/utf8.h"
#include "followers/follower.h"
#include "pg/array.h"

#include <assert.h>
#include <string.h>

enum { REASON_SIZE = 1024, WAIT_MS_MAX = 1000 };

/* --- reading ------------------------------------------------------------------------------- */

skald_status skald_jobs_load(skald_pg *pg, skald_lane *lane, skald_error *error)
{
    const char *follower = lane->follower->name;
    skald_key_set_done(&lane->parked);
    skald_status status =
        skald_pg_do(pg, NULL, error,
                    "UPDATE skald.job SET due_at = clock_timestamp() WHERE id IN ("
                    " SELECT id FROM (SELECT DISTINCT ON (key) id, due_at FROM skald.job"
                    "  WHERE follower = $1 AND partition = $2 AND state = 'parked' ORDER BY key, "
                    "position) AS head"
                    " WHERE due_at = 'infinity')",
                    follower, lane->partition);
    if (status != SKALD_OK)
        return status;
    skald_rows *rows = NULL;
    status = skald_pg_do(pg, &rows, error,
                         "SELECT DISTINCT key FROM skald.job"
                         " WHERE follower = $1 AND partition = $2 AND state = 'parked'",
                         follower, lane->partition);
    if (status != SKALD_OK)
        return status;
    for (uint32_t i = 0; i < skald_rows_count(rows) && status == SKALD_OK; i++) {
        if (!skald_key_set_add(&lane->parked, skald_rows_text(rows, i, 0)))
            status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for the parked keys");
    }
    skald_rows_free(rows);
    return status;
}

/* The columns of a job that make up its message, and where each goes. */
#define JOB_COLUMNS                                                                                \
    "j.id, j.attempts, j.follower, j.partition, j.position, j.published_at, j.body, j.message_id," \
    " j.source, j.type, j.key, j.content_type, j.correlation_id, j.causation_id, j.traceparent,"   \
    " j.tracestate, j.headers"

static skald_item *job_item(const skald_rows *rows, uint32_t row, skald_arena *scratch)
{
    const char *texts[10];
    for (int i = 0; i < 10; i++) {
        const skald_bytes text = skald_rows_bytes(rows, row, 7 + i);
        texts[i] = skald_rows_null(rows, row, 7 + i)
                       ? NULL
                       : skald_arena_text_sized(scratch, text.data, text.size);
    }
    const skald_message message = {
        .kind = SKALD_KIND_EVENT,
        .partition = (uint32_t)skald_rows_integer(rows, row, 3),
        .position = skald_rows_integer(rows, row, 4),
        .previous = -1,
        .time_us = skald_rows_time_us(rows, row, 5),
        .body = skald_rows_bytes(rows, row, 6),
        .id = texts[0],
        .source = texts[1],
        .type = texts[2],
        .key = texts[3],
        .content_type = texts[4],
        .correlation_id = texts[5],
        .causation_id = texts[6],
        .traceparent = texts[7],
        .tracestate = texts[8],
        .headers = texts[9],
    };
    skald_item *item = skald_item_new(&message, NULL);
    if (item == NULL)
        return NULL;
    item->job_id = skald_rows_integer(rows, row, 0);
    item->attempts = (uint32_t)skald_rows_integer(rows, row, 1);
    return item;
}

static skald_lane *lane_of_row(skald_lane *const *lanes, size_t lane_count, const skald_rows *rows,
                               uint32_t row)
{
    const skald_bytes follower = skald_rows_bytes(rows, row, 2);
    const int64_t partition = skald_rows_integer(rows, row, 3);
    for (size_t i = 0; i < lane_count; i++) {
        const char *name = lanes[i]->follower->name;
        if (lanes[i]->partition == partition && strlen(name) == follower.size &&
            memcmp(name, follower.data, follower.size) == 0)
            return lanes[i];
    }
    return NULL;
}

static skald_status items_make(skald_lane *const *lanes, size_t lane_count, const skald_rows *rows,
                               skald_item **out, skald_error *error)
{
    skald_arena scratch;
    skald_arena_init(&scratch, 0);
    skald_item *first = NULL;
    skald_item **tail = &first;
    skald_status status = SKALD_OK;
    for (uint32_t i = 0; i < skald_rows_count(rows) && status == SKALD_OK; i++) {
        skald_item *item = job_item(rows, i, &scratch);
        if (item == NULL) {
            status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for a job");
            break;
        }
        item->lane = lane_of_row(lanes, lane_count, rows, i);
        assert(item->lane != NULL);
        *tail = item;
        tail = &item->next;
    }
    skald_arena_done(&scratch);
    if (status == SKALD_OK)
        *out = first;
    else
        skald_item_free_all(first);
    return status;
}

static skald_status wait_find(skald_pg *pg, const skald_param *params, uint32_t *wait_ms,
                              uint64_t *heads, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_run(
        pg, &rows,
        "SELECT ceil(greatest(1, extract(epoch FROM min(j.due_at) - clock_timestamp()) * 1000)),"
        " count(*) FROM skald.job AS j JOIN unnest($1, $2) AS l(follower, partition)"
        " ON j.follower = l.follower AND j.partition = l.partition"
        " WHERE j.state = 'parked' AND j.due_at < 'infinity'",
        2, params, error);
    if (status != SKALD_OK)
        return status;
    const int64_t due_ms =
        skald_rows_null(rows, 0, 0) ? WAIT_MS_MAX : skald_rows_integer(rows, 0, 0);
    *wait_ms = due_ms < WAIT_MS_MAX ? (uint32_t)due_ms : WAIT_MS_MAX;
    *heads = (uint64_t)skald_rows_integer(rows, 0, 1);
    skald_rows_free(rows);
    return SKALD_OK;
}

skald_status skald_jobs_due(skald_pg *pg, skald_lane *const *lanes, size_t lane_count,
                            uint32_t count_max, skald_item **out, uint32_t *wait_ms,
                            uint64_t *heads, skald_error *error)
{
    skald_array followers, partitions;
    skald_array_init(&followers, SKALD_ARRAY_TEXT);
    skald_array_init(&partitions, SKALD_ARRAY_INT2);
    for (size_t i = 0; i < lane_count; i++) {
        skald_array_text(&followers, lanes[i]->follower->name);
        skald_array_integer(&partitions, lanes[i]->partition);
    }
    const skald_param params[] = {skald_array_param(&followers), skald_array_param(&partitions),
                                  skald_integer(count_max)};
    skald_rows *rows = NULL;
    skald_status status = skald_pg_run_binary(
        pg, &rows,
        "SELECT " JOB_COLUMNS " FROM skald.job AS j JOIN unnest($1, $2) AS l(follower, partition)"
        " ON j.follower = l.follower AND j.partition = l.partition"
        " WHERE j.state = 'parked' AND j.due_at <= clock_timestamp() ORDER BY j.due_at LIMIT $3",
        3, params, error);
    if (status == SKALD_OK && skald_rows_count(rows) > 0)
        status = items_make(lanes, lane_count, rows, out, error);
    else if (status == SKALD_OK)
        status = wait_find(pg, params, wait_ms, heads, error);
    skald_rows_free(rows);
    skald_array_done(&followers);
    skald_array_done(&partitions);
    return status;
}

/* --- writing ------------------------------------------------------------------------------- */

/* Reasons come from user code and from bytes of strangers: PostgreSQL must be able to keep them. */
static void reason_clean(char out[REASON_SIZE], const char *reason)
{
    size_t left = strlen(reason);
    size_t used = 0;
    while (left > 0 && used + 1 < REASON_SIZE) {
        size_t valid = skald_utf8_valid_size(reason, left);
        if (valid > REASON_SIZE - 1 - used)
            break;
        memcpy(out + used, reason, valid);
        used += valid;
        reason += valid;
        left -= valid;
        if (left > 0 && used + 1 < REASON_SIZE) {
            out[used++] = '?';
            reason++;
            left--;
        }
    }
    out[used] = '\0';
}

typedef struct job_row {
    const char *state;
    uint32_t attempts;
    int64_t delay_ms; /* -1: not by itself */
    const char *reason;
    const char *sqlstate;
} job_row;

static skald_status job_insert(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               const job_row *row, skald_error *error)
{
    char reason[REASON_SIZE];
    reason_clean(reason, row->reason);
    const skald_message *message = &item->message;
    const bool placed = message->position != 0;
    const skald_param params[] = {
        skald_text(item->lane->follower->name),
        skald_integer(item->lane->partition),
        skald_text(row->state),
        placed ? skald_integer(message->position) : skald_null(),
        placed ? skald_null() : skald_integer((int64_t)item->sequence),
        skald_integer(row->attempts),
        row->delay_ms >= 0 ? skald_integer(row->delay_ms) : skald_null(),
        skald_text(reason),
        skald_text(row->sqlstate),
        skald_integer(message->time_us),
        skald_text(message->id),
        skald_text(message->source),
        skald_text(message->type),
        skald_text(message->key != NULL ? message->key : ""),
        skald_text(message->content_type),
        skald_text(message->correlation_id),
        skald_text(message->causation_id),
        skald_text(message->traceparent),
        skald_text(message->tracestate),
        skald_text(message->headers),
        skald_bytea(message->body.data, message->body.size),
    };
    return skald_pipeline_send(
        pipeline, owner,
        "INSERT INTO skald.job (follower, partition, state, position, sequence, attempts, due_at,"
        " reason, sqlstate, published_at, message_id, source, type, key, content_type,"
        " correlation_id, causation_id, traceparent, tracestate, headers, body, tried_at)"
        " VALUES ($1, $2, $3, $4, $5, $6,"
        " coalesce(clock_timestamp() + $7::bigint * interval '1 millisecond', 'infinity'), $8, $9,"
        " to_timestamp($10::bigint / 1e6), $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,"
        " CASE WHEN $6 > 0 THEN clock_timestamp() END) ON CONFLICT DO NOTHING",
        sizeof params / sizeof params[0], params, error);
}

skald_status skald_jobs_park(skald_pipeline *pipeline, const skald_item *item, uint32_t delay_ms,
                             const skald_error *reason, skald_error *error)
{
    const job_row row = {.state = "parked",
                         .attempts = item->attempts,
                         .delay_ms = delay_ms,
                         .reason = reason->text,
                         .sqlstate = reason->sqlstate[0] == '\0' ? NULL : reason->sqlstate};
    return job_insert(pipeline, SKALD_PIPELINE_NOBODY, item, &row, error);
}

skald_status skald_jobs_queue(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                              skald_error *error)
{
    const job_row row = {.state = "parked", .delay_ms = -1, .reason = ""};
    return job_insert(pipeline, owner, item, &row, error);
}

skald_status skald_jobs_set_aside(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                                  const char *reason, skald_error *error)
{
    const job_row row = {.state = "dead", .delay_ms = -1, .reason = reason};
    return job_insert(pipeline, owner, item, &row, error);
}

skald_status skald_jobs_failed(skald_pipeline *pipeline, const skald_item *item, uint32_t delay_ms,
                               const skald_error *reason, skald_error *error)
{
    char text[REASON_SIZE];
    reason_clean(text, reason->text);
    const skald_param params[] = {
        skald_integer(item->job_id), skald_integer(item->attempts), skald_integer(delay_ms),
        skald_text(text), skald_text(reason->sqlstate[0] == '\0' ? NULL : reason->sqlstate)};
    return skald_pipeline_send(
        pipeline, SKALD_PIPELINE_NOBODY,
        "UPDATE skald.job SET attempts = $2, tried_at = clock_timestamp(),"
        " due_at = clock_timestamp() + $3::bigint * interval '1 millisecond', reason = $4,"
        " sqlstate = $5 WHERE id = $1 AND state = 'parked'",
        sizeof params / sizeof params[0], params, error);
}

/* The other half of ending a job: the next one of its key has its turn. */
#define JOB_FOLLOWING                                                                              \
    ", following AS (UPDATE skald.job SET due_at = clock_timestamp() WHERE id ="                   \
    " (SELECT id FROM skald.job WHERE follower = $3 AND partition = $4 AND key = $5"               \
    "  AND state = 'parked' AND id <> $1 ORDER BY position LIMIT 1) RETURNING id)"                 \
    " SELECT (SELECT count(*) FROM ended), (SELECT count(*) FROM following)"

skald_status skald_jobs_finish(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               const char *dead_reason, bool *more, skald_error *error)
{
    char reason[REASON_SIZE];
    reason_clean(reason, dead_reason != NULL ? dead_reason : "");
    const skald_param params[] = {
        skald_integer(item->job_id), skald_text(reason), skald_text(item->lane->follower->name),
        skald_integer(item->lane->partition), skald_text(item->message.key)};
    const char *sql =
        dead_reason == NULL
            ? "WITH ended AS (DELETE FROM skald.job WHERE id = $1 AND state = 'parked'"
              " AND $2 = '' RETURNING id)" JOB_FOLLOWING
            : "WITH ended AS (UPDATE skald.job SET state = 'dead', reason = $2,"
              " due_at = 'infinity' WHERE id = $1 AND state = 'parked' RETURNING id)" JOB_FOLLOWING;
    skald_rows *rows = NULL;
    const skald_status status = skald_pipeline_query(
        pipeline, owner, &rows, sql, sizeof params / sizeof params[0], params, error);
    if (status != SKALD_OK)
        return status;
    const bool ended = skald_rows_integer(rows, 0, 0) == 1;
    *more = skald_rows_integer(rows, 0, 1) == 1;
    skald_rows_free(rows);
    return ended ? SKALD_OK
                 : skald_error_set(error, SKALD_NOT_FOUND, "job %lld was taken away meanwhile",
                                   (long long)item->job_id);
}
