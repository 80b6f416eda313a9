/* One function per question asked of skald.job. */
#include "followers/jobs.h"
#include "base/clock.h"
#include "followers/follower.h"
#include "pg/array.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS_MAX = 1000, WAIT_MS_MIN = 20 };

/* Is this job the first of its key that is not over? */
#define JOB_FIRST                                                                                  \
    "j.id = (SELECT f.id FROM skald.job AS f WHERE f.follower = j.follower"                        \
    " AND f.partition = j.partition AND f.key = j.key"                                             \
    " AND (f.state = 'parked' OR (f.state = 'dead' AND f.holds))"                                  \
    " ORDER BY f.position NULLS FIRST, f.id LIMIT 1)"

/* --- keys ---------------------------------------------------------------------------------- */

static skald_status keys_mend(skald_pg *pg, const skald_lane *lane, skald_error *error)
{
    skald_status status = skald_pg_do(
        pg, NULL, error,
        "UPDATE skald.job AS j SET due_at = 'infinity' WHERE follower = $1 AND partition = $2"
        " AND state = 'parked' AND due_at < 'infinity' AND NOT (" JOB_FIRST ")",
        lane->follower->name, lane->partition);
    if (status != SKALD_OK)
        return status;
    return skald_pg_do(
        pg, NULL, error,
        "UPDATE skald.job SET due_at = skald.now() WHERE id IN ("
        " SELECT id FROM (SELECT DISTINCT ON (key) id, state, due_at FROM skald.job"
        "  WHERE follower = $1 AND partition = $2 AND (state = 'parked' OR (state = 'dead'"
        "   AND holds)) ORDER BY key, position NULLS FIRST, id) AS head"
        " WHERE state = 'parked' AND due_at = 'infinity')",
        lane->follower->name, lane->partition);
}

skald_status skald_jobs_load(skald_pg *pg, skald_lane *lane, skald_error *error)
{
    skald_key_set_done(&lane->parked);
    skald_status status = keys_mend(pg, lane, error);
    if (status != SKALD_OK)
        return status;
    skald_rows *rows = NULL;
    status = skald_pg_do(pg, &rows, error,
                         "SELECT DISTINCT key FROM skald.job WHERE follower = $1 AND partition = $2"
                         " AND (state = 'parked' OR (state = 'dead' AND holds))",
                         lane->follower->name, lane->partition);
    if (status != SKALD_OK)
        return status;
    for (uint32_t i = 0; i < skald_rows_count(rows) && status == SKALD_OK; i++) {
        if (!skald_key_set_add(&lane->parked, skald_rows_text(rows, i, 0)))
            status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for the parked keys");
    }
    skald_rows_free(rows);
    return status;
}

/* The lanes as two arrays, to be joined with. */
typedef struct lane_arrays {
    skald_array followers, partitions;
} lane_arrays;

static void lanes_list(lane_arrays *arrays, skald_lane *const *lanes, size_t lane_count)
{
    skald_array_init(&arrays->followers, SKALD_ARRAY_TEXT);
    skald_array_init(&arrays->partitions, SKALD_ARRAY_INT2);
    for (size_t i = 0; i < lane_count; i++) {
        skald_array_text(&arrays->followers, lanes[i]->follower->name);
        skald_array_integer(&arrays->partitions, lanes[i]->partition);
    }
}

static void lanes_forget(lane_arrays *arrays)
{
    skald_array_done(&arrays->followers);
    skald_array_done(&arrays->partitions);
}

static uint64_t keys_count(skald_lane *const *lanes, size_t lane_count)
{
    uint64_t keys = 0;
    for (size_t i = 0; i < lane_count; i++)
        keys += lanes[i]->parked.count;
    return keys;
}

skald_status skald_jobs_check(skald_pg *pg, skald_lane *const *lanes, size_t lane_count,
                              bool *changed, skald_error *error)
{
    lane_arrays arrays;
    lanes_list(&arrays, lanes, lane_count);
    const skald_param params[] = {skald_array_param(&arrays.followers),
                                  skald_array_param(&arrays.partitions)};
    skald_rows *rows = NULL;
    /* Every key that is held back begins with a job that is due at some time, or with a dead one;
     * and no other one of it is due. */
    const skald_status status = skald_pg_run(
        pg, &rows,
        "WITH l AS MATERIALIZED (SELECT * FROM unnest($1, $2) AS l(follower, partition)),"
        " due AS (SELECT " JOB_FIRST " AS first FROM l JOIN skald.job AS j USING (follower,"
        "  partition) WHERE j.state = 'parked' AND j.due_at < 'infinity'),"
        " held AS (SELECT " JOB_FIRST " AS first FROM l JOIN skald.job AS j USING (follower,"
        "  partition) WHERE j.state = 'dead' AND j.holds)"
        " SELECT (SELECT count(*) FROM due WHERE first) + (SELECT count(*) FROM held WHERE first),"
        " (SELECT count(*) FROM due WHERE NOT first)",
        2, params, error);
    lanes_forget(&arrays);
    if (status != SKALD_OK)
        return status;
    *changed = (uint64_t)skald_rows_integer(rows, 0, 0) != keys_count(lanes, lane_count) ||
               skald_rows_integer(rows, 0, 1) != 0;
    skald_rows_free(rows);
    return SKALD_OK;
}

/* --- what is due --------------------------------------------------------------------------- */

/* The columns of a job that make up its message, and where each goes. */
#define JOB_COLUMNS                                                                                \
    "j.id, j.attempts, j.follower, j.partition, j.position, j.published_at, j.body, j.message_id," \
    " j.source, j.type, j.key, j.content_type, j.correlation_id, j.causation_id, j.traceparent,"   \
    " j.tracestate, j.headers, j.addressee, j.control, j.crashes, j.not_yets,"                     \
    " (extract(epoch FROM skald.now() - j.first_failed_at) * 1000)::bigint,"                       \
    " (extract(epoch FROM skald.now() - j.not_yet_since) * 1000)::bigint,"                         \
    " coalesce(j.expires_at <= skald.now(), false), a.number, a.outcome, a.ended_at >= j.due_at,"  \
    " a.signal"

enum {
    COLUMN_TEXTS = 7,
    TEXT_COUNT = 12,
    COLUMN_CRASHES = COLUMN_TEXTS + TEXT_COUNT, /* what is known of its failures */
    COLUMN_ATTEMPT = COLUMN_CRASHES + 5,        /* the last one */
};

/* What is known of a job's earlier attempts. */
static void job_history(skald_item *item, const skald_rows *rows, uint32_t row)
{
    const uint64_t now_ms = skald_clock_ms();
    item->job_id = skald_rows_integer(rows, row, 0);
    item->attempts = (uint32_t)skald_rows_integer(rows, row, 1);
    item->crashes = (uint32_t)skald_rows_integer(rows, row, COLUMN_CRASHES);
    item->not_yets = (uint32_t)skald_rows_integer(rows, row, COLUMN_CRASHES + 1);
    item->failing_since_ms = now_ms - (uint64_t)skald_rows_integer(rows, row, COLUMN_CRASHES + 2);
    item->not_yet_since_ms = now_ms - (uint64_t)skald_rows_integer(rows, row, COLUMN_CRASHES + 3);
    item->expired = skald_rows_boolean(rows, row, COLUMN_CRASHES + 4);
    char outcome[16];
    const skald_bytes text = skald_rows_bytes(rows, row, COLUMN_ATTEMPT + 1);
    snprintf(outcome, sizeof outcome, "%.*s", (int)text.size, (const char *)text.data);
    const skald_item_crash crash = strcmp(outcome, "crashed") == 0     ? SKALD_ITEM_CRASHED
                                   : strcmp(outcome, "timed out") == 0 ? SKALD_ITEM_TIMED_OUT
                                   : strcmp(outcome, "lost") == 0      ? SKALD_ITEM_LOST
                                                                       : SKALD_ITEM_NO_CRASH;
    const bool begun = strcmp(outcome, "begun") == 0;
    item->begun = begun ? (uint32_t)skald_rows_integer(rows, row, COLUMN_ATTEMPT) : 0;
    item->alone = item->crashes > 0 || begun || crash != SKALD_ITEM_NO_CRASH;
    /* Nothing was decided yet about a crash that came after the job was due. */
    item->crash = skald_rows_boolean(rows, row, COLUMN_ATTEMPT + 2) ? crash : SKALD_ITEM_NO_CRASH;
    const skald_bytes signal = skald_rows_bytes(rows, row, COLUMN_ATTEMPT + 3);
    snprintf(item->signal, sizeof item->signal, "%.*s", (int)signal.size,
             (const char *)signal.data);
}

static skald_item *job_item(const skald_rows *rows, uint32_t row, skald_arena *scratch)
{
    const char *texts[TEXT_COUNT];
    for (int i = 0; i < TEXT_COUNT; i++) {
        const skald_bytes text = skald_rows_bytes(rows, row, COLUMN_TEXTS + i);
        texts[i] = skald_rows_null(rows, row, COLUMN_TEXTS + i)
                       ? NULL
                       : skald_arena_text_sized(scratch, text.data, text.size);
    }
    const skald_message message = {
        /* A reply never waits in a row. */
        .kind = texts[10] == NULL ? SKALD_KIND_EVENT : SKALD_KIND_COMMAND,
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
        .addressee = texts[10],
        .control = texts[11],
    };
    skald_item *item = skald_item_new(&message, NULL);
    if (item == NULL)
        return NULL;
    job_history(item, rows, row);
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

/* One look per lane at the first that is due. One whose turn has not come is mended by and by. */
static skald_status wait_find(skald_pg *pg, const skald_param *params, uint32_t *wait_ms,
                              skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_run(
        pg, &rows,
        "SELECT ceil(extract(epoch FROM min(d.due_at) - skald.now()) * 1000)"
        " FROM unnest($1, $2) AS l(follower, partition), LATERAL (SELECT j.due_at FROM skald.job"
        "  AS j WHERE j.follower = l.follower AND j.partition = l.partition AND j.state = 'parked'"
        "  AND j.due_at < 'infinity' ORDER BY j.due_at LIMIT 1) AS d",
        2, params, error);
    if (status != SKALD_OK)
        return status;
    const int64_t due_ms =
        skald_rows_null(rows, 0, 0) ? WAIT_MS_MAX : skald_rows_integer(rows, 0, 0);
    *wait_ms = due_ms < 0             ? WAIT_MS_MIN
               : due_ms < 1           ? 1
               : due_ms < WAIT_MS_MAX ? (uint32_t)due_ms
                                      : WAIT_MS_MAX;
    skald_rows_free(rows);
    return SKALD_OK;
}

skald_status skald_jobs_due(skald_pg *pg, skald_lane *const *lanes, size_t lane_count,
                            uint32_t count_max, skald_item **out, uint32_t *wait_ms,
                            skald_error *error)
{
    lane_arrays arrays;
    lanes_list(&arrays, lanes, lane_count);
    const skald_param params[] = {skald_array_param(&arrays.followers),
                                  skald_array_param(&arrays.partitions), skald_integer(count_max)};
    skald_rows *rows = NULL;
    skald_status status = skald_pg_run_binary(
        pg, &rows,
        "SELECT " JOB_COLUMNS " FROM unnest($1, $2) AS l(follower, partition)"
        " JOIN skald.job AS j ON j.follower = l.follower AND j.partition = l.partition"
        " LEFT JOIN LATERAL (SELECT * FROM skald.attempt AS t WHERE t.job = j.id"
        "  ORDER BY t.number DESC LIMIT 1) AS a ON true"
        " WHERE j.state = 'parked' AND j.due_at <= (SELECT skald.now()) AND " JOB_FIRST
        " ORDER BY j.due_at LIMIT $3",
        3, params, error);
    if (status == SKALD_OK && skald_rows_count(rows) > 0)
        status = items_make(lanes, lane_count, rows, out, error);
    else if (status == SKALD_OK && keys_count(lanes, lane_count) > 0)
        status = wait_find(pg, params, wait_ms, error);
    else
        *wait_ms = WAIT_MS_MAX;
    skald_rows_free(rows);
    lanes_forget(&arrays);
    return status;
}

skald_status skald_jobs_find(skald_pg *pg, int64_t id, skald_item **out, skald_error *error)
{
    const skald_param param = skald_integer(id);
    skald_rows *rows = NULL;
    skald_status status = skald_pg_run_binary(
        pg, &rows,
        "SELECT " JOB_COLUMNS " FROM skald.job AS j"
        " LEFT JOIN LATERAL (SELECT * FROM skald.attempt AS t WHERE t.job = j.id"
        "  ORDER BY t.number DESC LIMIT 1) AS a ON true WHERE j.id = $1",
        1, &param, error);
    if (status != SKALD_OK)
        return status;
    skald_arena scratch;
    skald_arena_init(&scratch, 0);
    skald_item *item = skald_rows_count(rows) > 0 ? job_item(rows, 0, &scratch) : NULL;
    if (item == NULL && skald_rows_count(rows) > 0)
        status = skald_error_set(error, SKALD_NO_MEMORY, "no memory for a job");
    else
        *out = item;
    skald_arena_done(&scratch);
    skald_rows_free(rows);
    return status;
}
