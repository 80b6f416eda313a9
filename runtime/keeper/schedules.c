/* Schedules: a run is an event or a job, written together with when the next one is due. */
#include "keeper/civil.h"
#include "keeper/keeper_parts.h"

#include <inttypes.h>
#include <skald/message.h>
#include <stdio.h>
#include <string.h>

enum {
    RUNS_PER_TURN = 100,
    MISSED_RUNS_MAX = 1000,
    NAME_SIZE = 128,
    TEXT_SIZE = 512,
};

/* A run that is not later than this is in time; it covers a change of keepers. */
#define LATE_US (INT64_C(60) * 1000000)

typedef enum run_missed { MISSED_ONCE, MISSED_ALL, MISSED_SKIP } run_missed;

/* A row that is due. */
typedef struct run {
    char name[NAME_SIZE];
    char cron_text[TEXT_SIZE];
    char zone[NAME_SIZE];
    bool has_queue;
    run_missed missed;
    int64_t due_us;
    int64_t now_us;
    /* What is decided about it. */
    bool happens;
    int64_t last_us;
    int64_t next_us;
} run;

/* How long until the next one is due; 0 or less: one is. */
static skald_status look(skald_keeper *keeper, uint32_t *wait_ms, bool *due, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "SELECT ceil(extract(epoch FROM min(greatest(next_at, failed_at + interval '1 minute'))"
        " - skald.now()) * 1000)::bigint FROM skald.schedule"
        " WHERE NOT paused AND next_at < 'infinity'");
    if (status != SKALD_OK)
        return status;
    *due = !skald_rows_null(rows, 0, 0) && skald_rows_integer(rows, 0, 0) <= 0;
    if (!skald_rows_null(rows, 0, 0))
        skald_keeper_sooner(wait_ms, skald_rows_integer(rows, 0, 0));
    skald_rows_free(rows);
    return SKALD_OK;
}

static void run_fill(run *out, skald_rows *rows)
{
    const char *missed = skald_rows_text(rows, 0, 3);
    *out = (run){
        .missed = strcmp(missed, "all") == 0    ? MISSED_ALL
                  : strcmp(missed, "skip") == 0 ? MISSED_SKIP
                                                : MISSED_ONCE,
        .has_queue = skald_rows_boolean(rows, 0, 4),
        .due_us = skald_rows_integer(rows, 0, 5),
        .now_us = skald_rows_integer(rows, 0, 6),
    };
    snprintf(out->name, sizeof out->name, "%s", skald_rows_text(rows, 0, 0));
    snprintf(out->cron_text, sizeof out->cron_text, "%s", skald_rows_text(rows, 0, 1));
    snprintf(out->zone, sizeof out->zone, "%s", skald_rows_text(rows, 0, 2));
}

/* Locks the next one that is due; who finds it locked leaves it to the other. One that failed is
 * tried again after a minute. */
static skald_status run_load(run *out, bool *found, skald_keeper *keeper, skald_error *error)
{
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_do(
        keeper->pg, &rows, error,
        "SELECT name, cron, time_zone, missed, queue IS NOT NULL,"
        " (extract(epoch FROM next_at) * 1000000)::bigint,"
        " (extract(epoch FROM skald.now()) * 1000000)::bigint"
        " FROM skald.schedule WHERE NOT paused AND next_at <= (SELECT skald.now())"
        " AND (failed_at IS NULL OR failed_at <= (SELECT skald.now()) - interval '1 minute')"
        " ORDER BY next_at, name LIMIT 1 FOR UPDATE SKIP LOCKED");
    if (status != SKALD_OK)
        return status;
    *found = skald_rows_count(rows) > 0;
    if (*found)
        run_fill(out, rows);
    skald_rows_free(rows);
    return SKALD_OK;
}

/* "@every" is counted from the last run. */
static void every_decide(run *due, int64_t every_us)
{
    const int64_t late_us = due->now_us - due->due_us;
    const int64_t missed = late_us / every_us; /* besides the one that is due */
    due->happens = due->missed != MISSED_SKIP || late_us <= LATE_US;
    if (due->missed == MISSED_ALL && missed >= MISSED_RUNS_MAX)
        due->due_us += (missed + 1 - MISSED_RUNS_MAX) * every_us;
    const bool one_by_one = missed == 0 || due->missed == MISSED_ALL;
    due->last_us = one_by_one ? due->due_us : due->now_us;
    due->next_us = due->happens ? due->last_us + every_us : due->due_us + (missed + 1) * every_us;
}

static skald_status cron_decide(run *due, skald_pg *pg, const skald_cron *cron, skald_error *error)
{
    due->happens = due->missed != MISSED_SKIP || due->now_us - due->due_us <= LATE_US;
    skald_status status = SKALD_OK;
    if (due->missed == MISSED_ALL)
        status = skald_civil_skip(&due->due_us, pg, cron, due->zone, due->now_us, MISSED_RUNS_MAX,
                                  error);
    due->last_us = due->due_us;
    if (status == SKALD_OK)
        status = skald_civil_next(&due->next_us, pg, cron, due->zone,
                                  due->missed == MISSED_ALL ? due->due_us : due->now_us, error);
    return status;
}

static skald_status run_decide(run *due, skald_pg *pg, skald_error *error)
{
    skald_cron cron;
    const skald_status status = skald_cron_parse(&cron, due->cron_text, error);
    if (status != SKALD_OK)
        return status;
    if (cron.every_ms == 0)
        return cron_decide(due, pg, &cron, error);
    every_decide(due, (int64_t)cron.every_ms * 1000);
    return SKALD_OK;
}

/* The body goes from row to row inside the database. */
static skald_status run_write(skald_keeper *keeper, const run *due, skald_error *error)
{
    char id[37];
    skald_uuid7(id);
    if (due->has_queue)
        return skald_pg_do(
            keeper->pg, NULL, error,
            "SELECT skald.enqueue($1, s.queue, $2, s.partition, s.type, s.key, s.body,"
            " 1::smallint, 0, NULL, NULL, NULL, '/' || $1::text, $2, NULL, NULL, NULL, NULL)"
            " FROM skald.schedule AS s WHERE s.name = $3",
            keeper->options.service, id, due->name);
    return skald_pg_do(keeper->pg, NULL, error,
                       "SELECT skald.publish($1, $2::text::uuid, s.partition, s.type, s.key,"
                       " $2::text, NULL, NULL, NULL, NULL, s.body)"
                       " FROM skald.schedule AS s WHERE s.name = $3",
                       keeper->options.service, id, due->name);
}

static skald_status run_note(skald_keeper *keeper, const run *due, skald_error *error)
{
    return skald_pg_do(
        keeper->pg, NULL, error,
        "UPDATE skald.schedule SET failed_at = NULL, failure = NULL,"
        " last_at = CASE WHEN $2 THEN timestamptz 'epoch' + $3::bigint * interval '1 microsecond'"
        "  ELSE last_at END,"
        " next_at = timestamptz 'epoch' + $4::bigint * interval '1 microsecond' WHERE name = $1",
        due->name, due->happens, due->last_us, due->next_us);
}

/* It holds up no other: it is put off, and people are alerted. */
static skald_status failure_note(skald_keeper *keeper, const run *due, const skald_error *failure,
                                 skald_error *error)
{
    skald_log_say(keeper->options.log, SKALD_LOG_ERROR, "KEEPER-SCHEDULE-FAILED",
                  "schedule \"%s\" cannot run: %s", due->name, failure->text);
    return skald_pg_do(keeper->pg, NULL, error,
                       "UPDATE skald.schedule SET failed_at = skald.now(), failure = $2"
                       " WHERE name = $1",
                       due->name, failure->text);
}

/* One run, one transaction. */
static skald_status run_once(skald_keeper *keeper, bool *found, skald_error *error)
{
    run due = {0};
    *found = false;
    skald_status status = skald_keeper_begin(keeper, error);
    if (status != SKALD_OK)
        return status;
    status = run_load(&due, found, keeper, error);
    if (status == SKALD_OK && *found) {
        status = run_decide(&due, keeper->pg, error);
        if (status == SKALD_OK && due.happens)
            status = run_write(keeper, &due, error);
        if (status == SKALD_OK)
            status = run_note(keeper, &due, error);
    }
    status = skald_keeper_end(keeper, status, error);
    if (status == SKALD_OK && due.happens)
        keeper->options.published(keeper->options.user);
    if ((status == SKALD_DATABASE || status == SKALD_INVALID) && *found) {
        const skald_error failure = *error;
        status = failure_note(keeper, &due, &failure, error);
    }
    return status;
}

skald_status skald_keeper_schedules(skald_keeper *keeper, uint32_t *wait_ms, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (int i = 0; i < RUNS_PER_TURN && status == SKALD_OK; i++) {
        const uint32_t longest_ms = *wait_ms;
        bool due = false;
        status = look(keeper, wait_ms, &due, error);
        if (status != SKALD_OK || !due)
            return status;
        bool found = false;
        status = run_once(keeper, &found, error);
        /* Due, but locked: by another keeper or by a person. */
        *wait_ms = found ? longest_ms : longest_ms / 10;
        if (!found)
            return status;
    }
    *wait_ms = 0;
    return status;
}
