/* Jobs that were in hand when their process ended, as a supervisor has found out. */
#include "queues/queues.h"
#include "queues/rows.h"

#include <stdio.h>

/* Whoever claimed it in the meantime has another start, and is left alone. It is tried again at
 * once: whoever claims it next counts its crashes (queues/runner.c). */
skald_status skald_queue_crash_note(skald_pg *pg, const skald_crash *crash, skald_error *error)
{
    skald_job_end end = {0};
    char text[SKALD_REASON_SIZE];
    snprintf(text, sizeof text, "%s while it was in hand",
             crash->timed_out ? "past its deadline, its process was ended" : crash->signal);
    skald_reason_clean(end.reason, text);
    const char *outcome = crash->timed_out && crash->sure ? "timed out"
                          : crash->sure                   ? "crashed"
                                                          : "lost";
    const skald_param params[] = {
        skald_integer(crash->work.job_id),
        skald_integer(crash->work.starts),
        skald_text(crash->process_id),
        skald_boolean(crash->sure),
        skald_text(outcome),
        skald_text(end.reason),
        skald_text(crash->signal),
        skald_text(crash->backtrace[0] != '\0' && crash->sure ? crash->backtrace : NULL),
        skald_integer(crash->pid),
        skald_integer(crash->started_us),
    };
    return skald_pg_run(
        pg, NULL,
        "WITH ended AS (UPDATE skald.job SET"
        " state = CASE WHEN cancel_reason IS NULL THEN 'waiting' ELSE 'cancelled' END,"
        " due_at = CASE WHEN cancel_reason IS NULL THEN skald.now() ELSE 'infinity' END,"
        " ended_at = CASE WHEN cancel_reason IS NOT NULL THEN skald.now() END,"
        " holder = NULL, maybe_done = true, crashes = crashes + $4::boolean::integer,"
        " attempts = attempts + $4::boolean::integer, tried_at = skald.now(),"
        " first_failed_at = CASE WHEN $4::boolean THEN coalesce(first_failed_at, skald.now())"
        "  ELSE first_failed_at END, reason = $6, error_class = NULL, sqlstate = NULL"
        " WHERE id = $1 AND starts = $2 AND holder = $3::uuid AND state = 'running'"
        " RETURNING id, state, queue, key)"
        ", attempted AS (INSERT INTO skald.attempt (job, number, outcome, started_at, ended_at,"
        "  error, host, pid, process, signal, backtrace)"
        " SELECT e.id, coalesce((SELECT max(number) FROM skald.attempt AS a WHERE a.job = e.id), 0)"
        "  + 1, $5, '1970-01-01 00:00:00Z'::timestamptz + $10::bigint * interval '1 us',"
        "  skald.now(), $6, (SELECT host FROM skald.process WHERE id = $3::uuid), $9, $3::uuid, $7,"
        "  $8 FROM ended AS e)"
        " SELECT skald.queue_release(ARRAY[queue], ARRAY[key]) FROM ended"
        " WHERE state = 'cancelled'",
        sizeof params / sizeof params[0], params, error);
}

skald_status skald_queue_crash_rest(skald_pg *pg, const char *process_id, skald_error *error)
{
    return skald_pg_do(pg, NULL, error,
                       "UPDATE skald.job SET state = 'waiting', starts = starts - 1,"
                       " due_at = skald.now(), holder = NULL"
                       " WHERE state = 'running' AND holder = $1::uuid",
                       process_id);
}
