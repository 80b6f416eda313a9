/* Messages become rows of skald.job, change, and go. */
#include "followers/follower.h"
#include "followers/jobs.h"

#include "base/clock.h"

#include <string.h>

static const char *or_null(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* How long ago, for SQL to count back from the database's time; NULL: never. */
static skald_param ago(uint64_t since_ms, bool ever)
{
    return ever ? skald_integer((int64_t)(skald_clock_ms() - since_ms)) : skald_null();
}

/* The columns in which an item's failures are counted, $1 to $15 of both statements. */
enum { END_PARAMS = 15 };
static void end_params(skald_param out[END_PARAMS], const skald_item *item,
                       const skald_job_end *end)
{
    const skald_hub *hub = item->lane->follower->hub;
    const skald_param params[END_PARAMS] = {
        skald_text(end->state),
        end->delay_ms >= 0 ? skald_integer(end->delay_ms) : skald_null(),
        skald_boolean(end->holds),
        skald_boolean(end->over),
        skald_text(end->reason),
        skald_text(or_null(end->error_class)),
        skald_text(or_null(end->sqlstate)),
        skald_text(or_null(end->fingerprint)),
        skald_integer(item->attempts),
        skald_integer(item->crashes),
        skald_integer(item->not_yets),
        ago(item->failing_since_ms, item->attempts > 0),
        ago(item->not_yet_since_ms, item->not_yets > 0),
        skald_text(hub->host),
        skald_integer(hub->pid),
    };
    memcpy(out, params, sizeof params);
}

#define MS_AGO(number) "skald.now() - $" number "::bigint * interval '1 ms'"

/* The other half of either statement: its attempts, whose number begins at `first`. */
#define ATTEMPTS_INSERT(first)                                                                     \
    " INSERT INTO skald.attempt (job, number, outcome, started_at, ended_at, error_class, error,"  \
    " sqlstate, host, pid, process)"                                                               \
    " SELECT j.id, " first " + a.n - 1, a.outcome,"                                                \
    " skald.now() - (a.ago + a.took) * interval '1 ms', skald.now() - a.ago * interval '1 ms',"    \
    " a.class, a.error, a.sqlstate, $14::text, $15::integer, $16::uuid FROM j,"                    \
    " unnest($17, $18, $19, $20, $21, $22) WITH ORDINALITY"                                        \
    " AS a(outcome, ago, took, class, error, sqlstate, n)"

enum { ATTEMPTS_AT = 16, MORE_AT = ATTEMPTS_AT + SKALD_ATTEMPTS_PARAMS };

static skald_status no_memory(skald_error *error)
{
    return skald_error_set(error, SKALD_NO_MEMORY, "no memory for the attempts of a message");
}

skald_status skald_jobs_insert(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               const skald_job_end *end, skald_attempts *attempts,
                               skald_error *error)
{
    const skald_message *message = &item->message;
    const skald_follower *follower = item->lane->follower;
    const bool placed = message->position != 0;
    const uint64_t expire_ms = follower->options.expire_ms;
    skald_param params[MORE_AT + 20];
    end_params(params, item, end);
    params[15] = skald_text(follower->hub->process_id);
    if (!skald_attempts_params(attempts, params + ATTEMPTS_AT))
        return no_memory(error);
    const skald_param message_params[] = {
        skald_text(follower->name),
        skald_integer(item->lane->partition),
        placed ? skald_integer(message->position) : skald_null(),
        placed ? skald_null() : skald_integer((int64_t)item->sequence),
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
        expire_ms > 0 ? skald_integer((int64_t)expire_ms) : skald_null(),
        /* The first attempt is the one in which it became a suspect. */
        skald_integer(item->suspect ? 2 : 1),
        skald_text(message->addressee),
        skald_text(message->control),
    };
    memcpy(params + MORE_AT, message_params, sizeof message_params);
    return skald_pipeline_send(
        pipeline, owner,
        "WITH j AS (INSERT INTO skald.job (state, due_at, holds, ended_at, reason, error_class,"
        " sqlstate, fingerprint, attempts, crashes, not_yets, first_failed_at, not_yet_since,"
        " tried_at, follower, partition, position, sequence, published_at, message_id, source,"
        " type, key, content_type, correlation_id, causation_id, traceparent, tracestate, headers,"
        " body, expires_at, addressee, control)"
        " VALUES ($1, coalesce(skald.now() + $2::bigint * interval '1 ms', 'infinity'), $3,"
        " CASE WHEN $4 THEN skald.now() END, $5, $6, $7, $8, $9, $10, $11, " MS_AGO(
            "12") ", " MS_AGO("13") ", CASE WHEN $9::integer + $11::integer > 0 THEN skald.now() "
                                    "END, $23, $24, $25, $26,"
                                    " to_timestamp($27::bigint / 1e6), $28, $29, $30, $31, $32, "
                                    "$33, $34, $35, $36,"
                                    " $37, $38, to_timestamp($27::bigint / 1e6) + $39::bigint * "
                                    "interval '1 ms', $41, $42)"
                                    " ON CONFLICT DO NOTHING RETURNING id)" ATTEMPTS_INSERT(
                                        "$40::integer"),
        sizeof params / sizeof params[0], params, error);
}

skald_status skald_jobs_change(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               const skald_job_end *end, skald_attempts *attempts,
                               skald_error *error)
{
    skald_param params[MORE_AT + 2];
    end_params(params, item, end);
    params[15] = skald_text(item->lane->follower->hub->process_id);
    if (!skald_attempts_params(attempts, params + ATTEMPTS_AT))
        return no_memory(error);
    params[MORE_AT] = skald_integer(item->job_id);
    /* An attempt that was noted as begun is that one, and no other. */
    params[MORE_AT + 1] = item->begun > 0 ? skald_integer(item->begun) : skald_null();
    return skald_pipeline_send(
        pipeline, owner,
        "WITH j AS (UPDATE skald.job SET state = $1,"
        " due_at = coalesce(skald.now() + $2::bigint * interval '1 ms', 'infinity'), holds = $3,"
        " ended_at = CASE WHEN $4 THEN skald.now() END, reason = $5, error_class = $6,"
        " sqlstate = $7, fingerprint = $8, attempts = $9, crashes = $10, not_yets = $11,"
        " first_failed_at = coalesce(first_failed_at, " MS_AGO(
            "12") "),"
                  " not_yet_since = CASE WHEN $11 > 0 THEN coalesce(not_yet_since, " MS_AGO(
                      "13") ") END,"
                            " tried_at = skald.now() WHERE id = $23 AND state = 'parked'"
                            " RETURNING id)" ATTEMPTS_INSERT(
                                "coalesce($24::integer, (SELECT coalesce(max(number), 0) + 1"
                                " FROM skald.attempt WHERE job = $23))") " ON CONFLICT (job, "
                                                                         "number) DO UPDATE SET"
                                                                         " outcome = "
                                                                         "excluded.outcome, "
                                                                         "ended_at = "
                                                                         "excluded.ended_at,"
                                                                         " error_class = "
                                                                         "excluded.error_class, "
                                                                         "error = excluded.error,"
                                                                         " sqlstate = "
                                                                         "excluded.sqlstate",
        sizeof params / sizeof params[0], params, error);
}

skald_status skald_jobs_queue(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                              skald_error *error)
{
    const skald_job_end end = {.state = "parked", .delay_ms = -1, .reason = ""};
    skald_attempts none;
    skald_attempts_init(&none);
    const skald_status status = skald_jobs_insert(pipeline, owner, item, &end, &none, error);
    skald_attempts_done(&none);
    return status;
}

/* The first one of the key that is left has its turn, unless it is a dead one that holds the key.
 */
#define JOB_FOLLOWING                                                                              \
    "following AS (SELECT id, state FROM skald.job WHERE follower = $2 AND partition = $3"         \
    " AND key = $4 AND id <> $1 AND (state = 'parked' OR (state = 'dead' AND holds))"              \
    " ORDER BY position NULLS FIRST, id LIMIT 1),"                                                 \
    " turned AS (UPDATE skald.job SET due_at = skald.now() WHERE id = (SELECT id FROM following)"  \
    " AND state = 'parked' AND due_at = 'infinity')"

static skald_status following_turn(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                                   const char *sql, skald_rows **rows, skald_error *error)
{
    const skald_param params[] = {
        skald_integer(item->job_id), skald_text(item->lane->follower->name),
        skald_integer(item->lane->partition), skald_text(item->message.key)};
    return skald_pipeline_query(pipeline, owner, rows, sql, sizeof params / sizeof params[0],
                                params, error);
}

skald_status skald_jobs_finish(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                               bool *more, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = following_turn(
        pipeline, owner, item,
        "WITH ended AS (DELETE FROM skald.job WHERE id = $1 AND state = 'parked' RETURNING id),"
        " " JOB_FOLLOWING " SELECT (SELECT count(*) FROM following), (SELECT count(*) FROM ended)",
        &rows, error);
    if (status != SKALD_OK)
        return status;
    *more = skald_rows_integer(rows, 0, 0) == 1;
    const bool ended = skald_rows_integer(rows, 0, 1) == 1;
    skald_rows_free(rows);
    return ended ? SKALD_OK
                 : skald_error_set(error, SKALD_NOT_FOUND, "job %lld was taken away meanwhile",
                                   (long long)item->job_id);
}

skald_status skald_jobs_release(skald_pipeline *pipeline, uint32_t owner, const skald_item *item,
                                bool *more, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = following_turn(
        pipeline, owner, item, "WITH " JOB_FOLLOWING " SELECT (SELECT count(*) FROM following)",
        &rows, error);
    if (status != SKALD_OK)
        return status;
    *more = skald_rows_integer(rows, 0, 0) == 1;
    skald_rows_free(rows);
    return SKALD_OK;
}
