/* Rows of skald.suspect, and attempts that were begun and never ended. */
#include "followers/suspects.h"
#include "followers/follower.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- what a dead process had in hand -------------------------------------------------------- */

static const char *or_null(const char *text)
{
    return text[0] != '\0' ? text : NULL;
}

/* "crashed its process: SIGSEGV" */
static void crash_reason(char *out, size_t size, const skald_crash *crash)
{
    if (crash->timed_out)
        snprintf(out, size, "was past its time, and its process was ended");
    else
        snprintf(out, size, "crashed its process: %s",
                 crash->signal[0] != '\0' ? crash->signal : "nobody knows how");
}

/* The attempt that was begun, or noticed to be lost, is that one; else it is one more. An attempt
 * that was lost has been counted. */
static skald_status job_note(skald_pg *pg, const skald_crash *crash, int64_t job_id,
                             const char *host, skald_error *error)
{
    char reason[128];
    crash_reason(reason, sizeof reason, crash);
    const skald_param params[] = {
        skald_integer(job_id),
        skald_text(crash->timed_out ? "timed out" : "crashed"),
        skald_boolean(crash->sure),
        skald_text(reason),
        skald_text(host),
        skald_integer(crash->pid),
        skald_text(or_null(crash->process_id)),
        skald_text(or_null(crash->signal)),
        skald_text(or_null(crash->backtrace)),
        skald_integer(crash->started_us),
    };
    return skald_pg_run(
        pg, NULL,
        "WITH known AS (SELECT a.number, a.outcome FROM skald.attempt AS a WHERE a.job = $1"
        "  AND a.process = $7::uuid AND a.outcome IN ('begun', 'lost')"
        "  ORDER BY a.number DESC LIMIT 1),"
        " j AS (SELECT id FROM skald.job WHERE id = $1 AND (state = 'parked'"
        "   OR EXISTS (SELECT FROM known WHERE outcome = 'lost'))"
        "  AND NOT EXISTS (SELECT FROM skald.attempt AS a WHERE a.job = $1"
        "   AND a.process = $7::uuid AND a.outcome IN ('crashed', 'timed out')) FOR UPDATE),"
        " noted AS (INSERT INTO skald.attempt (job, number, outcome, started_at, ended_at, error,"
        "  host, pid, process, signal, backtrace)"
        "  SELECT j.id, coalesce((SELECT number FROM known), (SELECT coalesce(max(a.number), 0) + 1"
        "   FROM skald.attempt AS a WHERE a.job = j.id)),"
        "  CASE WHEN $3 OR EXISTS (SELECT FROM known) THEN $2::text ELSE 'lost' END,"
        "  to_timestamp($10::bigint / 1e6), skald.now(), $4::text, $5::text, $6::integer,"
        "  $7::uuid, $8::text, $9::text FROM j"
        "  ON CONFLICT (job, number) DO UPDATE SET outcome = excluded.outcome,"
        "  ended_at = excluded.ended_at, error = excluded.error, signal = excluded.signal,"
        "  backtrace = excluded.backtrace)"
        " UPDATE skald.job SET crashes = crashes + 1, attempts = attempts + 1,"
        " first_failed_at = coalesce(first_failed_at, skald.now()) WHERE id IN (SELECT id FROM j)"
        " AND NOT EXISTS (SELECT FROM known WHERE outcome = 'lost')"
        " AND ($3 OR EXISTS (SELECT FROM known))",
        sizeof params / sizeof params[0], params, error);
}

/* Only while nothing has passed the message. When the process stands there already, it ran it as a
 * suspect, and a process crashes once: it counts, unless the next owner has counted it as lost. */
static skald_status fresh_note(skald_pg *pg, const skald_crash *crash, const char *host,
                               skald_error *error)
{
    const skald_param params[] = {
        skald_text(crash->work.subscription),
        skald_integer(crash->work.partition),
        skald_integer(crash->work.position),
        skald_boolean(crash->sure),
        skald_boolean(crash->timed_out),
        skald_text(host),
        skald_integer(crash->pid),
        skald_text(or_null(crash->process_id)),
        skald_text(or_null(crash->signal)),
        skald_text(or_null(crash->backtrace)),
    };
    return skald_pg_run(
        pg, NULL,
        "INSERT INTO skald.suspect AS s (follower, partition, position, crashes, crashed_at,"
        " timed_out, host, pid, process, signal, backtrace)"
        " SELECT p.follower, p.partition, $3::bigint, CASE WHEN $4 THEN 1 ELSE 0 END, skald.now(),"
        " $5::boolean, $6::text, $7::integer, $8::uuid, $9::text, $10::text FROM skald.position AS "
        "p"
        " WHERE p.follower = $1 AND p.partition = $2 AND p.position < $3"
        " ON CONFLICT (follower, partition, position) DO UPDATE SET"
        " crashes = s.crashes + CASE WHEN s.process IS DISTINCT FROM excluded.process"
        "  THEN excluded.crashes WHEN s.started_at IS NULL THEN 0 ELSE 1 END,"
        " started_at = CASE WHEN s.process = excluded.process THEN NULL ELSE s.started_at END,"
        " crashed_at = excluded.crashed_at, timed_out = excluded.timed_out, host = excluded.host,"
        " pid = excluded.pid, process = excluded.process, signal = excluded.signal,"
        " backtrace = excluded.backtrace",
        sizeof params / sizeof params[0], params, error);
}

/* The job that the message in this place has become meanwhile; 0: none. */
static skald_status job_find(skald_pg *pg, const skald_crash *crash, int64_t *job_id,
                             skald_error *error)
{
    *job_id = crash->work.job_id;
    if (*job_id != 0)
        return SKALD_OK;
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        pg, &rows, error,
        "SELECT id FROM skald.job WHERE follower = $1 AND partition = $2 AND position = $3",
        crash->work.subscription, crash->work.partition, crash->work.position);
    if (status != SKALD_OK)
        return status;
    if (skald_rows_count(rows) == 1)
        *job_id = skald_rows_integer(rows, 0, 0);
    skald_rows_free(rows);
    return SKALD_OK;
}

skald_status skald_suspects_note(skald_pg *pg, const skald_crash *crash, skald_error *error)
{
    char host[SKALD_HOST_SIZE] = "";
    gethostname(host, sizeof host - 1);
    int64_t job_id = 0;
    const skald_status status = job_find(pg, crash, &job_id, error);
    if (status != SKALD_OK)
        return status;
    return job_id != 0 ? job_note(pg, crash, job_id, host, error)
                       : fresh_note(pg, crash, host, error);
}

/* A job's attempt is as if it had not begun: it had no effect, and there is nothing to decide about
 * it. */
skald_status skald_suspects_acquit(skald_pg *pg, const char *process_id, skald_error *error)
{
    const skald_status status =
        skald_pg_do(pg, NULL, error,
                    "DELETE FROM skald.attempt AS a USING skald.job AS j WHERE j.state = 'parked'"
                    " AND a.job = j.id AND a.outcome = 'begun' AND a.process = $1::uuid",
                    process_id);
    return status != SKALD_OK ? status
                              : skald_pg_do(pg, NULL, error,
                                            "UPDATE skald.suspect SET started_at = NULL"
                                            " WHERE process = $1::uuid AND started_at IS NOT NULL",
                                            process_id);
}

/* --- loading ------------------------------------------------------------------------------- */

/* The process that began an attempt does not show signs of life, and it is not this one. */
#define PROCESS_GONE(row)                                                                          \
    row ".process IS DISTINCT FROM $3::uuid AND NOT EXISTS (SELECT FROM skald.process AS o"        \
        " WHERE o.id = " row ".process AND o.expires_at > clock_timestamp())"

static skald_status lost_count(skald_pg *pg, const skald_lane *lane, skald_error *error)
{
    const char *process_id = lane->follower->hub->process_id;
    skald_status status = skald_pg_do(
        pg, NULL, error,
        "WITH lost AS (UPDATE skald.attempt AS a SET outcome = 'lost', ended_at = skald.now(),"
        "  error = 'its process or host is gone' FROM skald.job AS j WHERE a.job = j.id"
        "  AND a.outcome = 'begun' AND j.follower = $1 AND j.partition = $2 AND " PROCESS_GONE(
            "a") "  RETURNING a.job)"
                 " UPDATE skald.job SET crashes = crashes + 1, attempts = attempts + 1,"
                 " first_failed_at = coalesce(first_failed_at, skald.now())"
                 " WHERE id IN (SELECT job FROM lost) AND state = 'parked'",
        lane->follower->name, lane->partition, process_id);
    if (status == SKALD_OK)
        status = skald_pg_do(
            pg, NULL, error,
            "UPDATE skald.suspect AS s SET crashes = crashes + 1, started_at = NULL,"
            " crashed_at = skald.now(), timed_out = false, signal = NULL, backtrace = NULL"
            " WHERE follower = $1 AND partition = $2 AND started_at IS NOT NULL"
            " AND " PROCESS_GONE("s"),
            lane->follower->name, lane->partition, process_id);
    return status;
}

/* A row whose message was passed before it was noted has nothing to say any more. */
static skald_status passed_delete(skald_pg *pg, const skald_lane *lane, skald_error *error)
{
    return skald_pg_do(pg, NULL, error,
                       "DELETE FROM skald.suspect AS s USING skald.position AS p"
                       " WHERE s.follower = $1 AND s.partition = $2 AND p.follower = s.follower"
                       " AND p.partition = s.partition AND s.position <= p.position",
                       lane->follower->name, lane->partition);
}

void skald_suspects_forget(skald_lane *lane)
{
    free(lane->suspects);
    lane->suspects = NULL;
    lane->suspect_count = 0;
}

static void suspect_read(skald_suspect *out, const skald_rows *rows, uint32_t row)
{
    const char *signal = skald_rows_text(rows, row, 3);
    *out = (skald_suspect){.position = skald_rows_integer(rows, row, 0),
                           .crashes = (uint32_t)skald_rows_integer(rows, row, 1)};
    out->crash = skald_rows_boolean(rows, row, 2) ? SKALD_ITEM_TIMED_OUT
                 : signal != NULL                 ? SKALD_ITEM_CRASHED
                                                  : SKALD_ITEM_LOST;
    snprintf(out->signal, sizeof out->signal, "%s", signal != NULL ? signal : "");
}

skald_status skald_suspects_load(skald_pg *pg, skald_lane *lane, skald_error *error)
{
    skald_suspects_forget(lane);
    skald_status status = lost_count(pg, lane, error);
    if (status == SKALD_OK)
        status = passed_delete(pg, lane, error);
    skald_rows *rows = NULL;
    if (status == SKALD_OK)
        status = skald_pg_do(pg, &rows, error,
                             "SELECT position, crashes, timed_out, signal FROM skald.suspect"
                             " WHERE follower = $1 AND partition = $2 ORDER BY position",
                             lane->follower->name, lane->partition);
    if (status != SKALD_OK)
        return status;
    const size_t count = skald_rows_count(rows);
    skald_suspect *suspects = count > 0 ? calloc(count, sizeof *suspects) : NULL;
    for (uint32_t i = 0; i < count && suspects != NULL; i++)
        suspect_read(&suspects[i], rows, i);
    skald_rows_free(rows);
    if (count > 0 && suspects == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for suspects");
    lane->suspects = suspects;
    lane->suspect_count = count;
    return SKALD_OK;
}

const skald_suspect *skald_suspects_find(const skald_lane *lane, int64_t position)
{
    for (size_t i = 0; i < lane->suspect_count; i++) {
        if (lane->suspects[i].position == position)
            return &lane->suspects[i];
    }
    return NULL;
}

/* --- running ------------------------------------------------------------------------------- */

/* Both statements name the epoch, so that who has lost the partition begins nothing. */
static skald_status fresh_begin(skald_pg *pg, const skald_item *item, int64_t epoch,
                                skald_rows **rows, skald_error *error)
{
    const skald_hub *hub = item->lane->follower->hub;
    return skald_pg_do(pg, rows, error,
                       "UPDATE skald.suspect AS s SET started_at = skald.now(), process = $4::uuid,"
                       " host = $5, pid = $6, signal = NULL, backtrace = NULL"
                       " FROM skald.position AS p WHERE s.follower = $1 AND s.partition = $2"
                       " AND s.position = $3 AND p.follower = $1 AND p.partition = $2"
                       " AND p.epoch = $7 RETURNING 0",
                       item->lane->follower->name, item->lane->partition, item->message.position,
                       hub->process_id, hub->host, hub->pid, epoch);
}

static skald_status job_begin(skald_pg *pg, const skald_item *item, int64_t epoch,
                              skald_rows **rows, skald_error *error)
{
    const skald_hub *hub = item->lane->follower->hub;
    return skald_pg_do(
        pg, rows, error,
        "INSERT INTO skald.attempt (job, number, outcome, started_at, ended_at, host, pid, process)"
        " SELECT j.id, coalesce(nullif($7::integer, 0), (SELECT coalesce(max(number), 0) + 1"
        "  FROM skald.attempt WHERE job = $3)), 'begun', skald.now(), skald.now(), $5::text,"
        "  $6::integer, $4::uuid FROM skald.job AS j JOIN skald.position AS p ON p.follower = "
        "j.follower"
        "  AND p.partition = j.partition"
        " WHERE j.id = $3 AND j.state = 'parked' AND j.follower = $1 AND j.partition = $2"
        " AND p.epoch = $8"
        " ON CONFLICT (job, number) DO UPDATE SET started_at = excluded.started_at,"
        " ended_at = excluded.ended_at, host = excluded.host, pid = excluded.pid,"
        " process = excluded.process RETURNING number",
        item->lane->follower->name, item->lane->partition, item->job_id, hub->process_id, hub->host,
        hub->pid, item->begun, epoch);
}

skald_status skald_suspects_begin(skald_pg *pg, skald_item *item, int64_t epoch, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = item->job_id == 0 ? fresh_begin(pg, item, epoch, &rows, error)
                                                  : job_begin(pg, item, epoch, &rows, error);
    if (status != SKALD_OK)
        return status;
    const bool begun = skald_rows_count(rows) == 1;
    item->begun = begun ? (uint32_t)skald_rows_integer(rows, 0, 0) : 0;
    skald_rows_free(rows);
    return begun ? SKALD_OK
                 : skald_error_set(error, SKALD_FENCED,
                                   "the suspect at position %lld of \"%s\" is no longer ours",
                                   (long long)item->message.position, item->lane->follower->name);
}

skald_status skald_suspects_pass(skald_pipeline *pipeline, const skald_item *item,
                                 skald_error *error)
{
    const skald_param params[] = {skald_text(item->lane->follower->name),
                                  skald_integer(item->lane->partition),
                                  skald_integer(item->message.position)};
    return skald_pipeline_send(
        pipeline, SKALD_PIPELINE_NOBODY,
        "WITH passed AS (DELETE FROM skald.suspect WHERE follower = $1 AND partition = $2"
        " AND position = $3 RETURNING *)"
        " INSERT INTO skald.attempt (job, number, outcome, started_at, ended_at, error, host, pid,"
        " process, signal, backtrace)"
        " SELECT j.id, 1, CASE WHEN s.timed_out THEN 'timed out' WHEN s.crashes > 0"
        "  AND s.signal IS NOT NULL THEN 'crashed' ELSE 'lost' END, s.started_at, s.crashed_at,"
        " CASE WHEN s.timed_out THEN 'was past its time, and its process was ended'"
        "  WHEN s.crashes > 0 AND s.signal IS NOT NULL THEN 'crashed its process: ' || s.signal"
        "  ELSE 'was in hand when its process was lost' END,"
        " s.host, s.pid, s.process, s.signal, s.backtrace FROM passed AS s JOIN skald.job AS j"
        " ON j.follower = s.follower AND j.partition = s.partition AND j.position = s.position"
        " ON CONFLICT DO NOTHING",
        sizeof params / sizeof params[0], params, error);
}
