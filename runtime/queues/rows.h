/* Rows of skald.job as queues write them: how attempts end. Every function queues statements in the
 * transaction in hand. */
#ifndef SKALD_QUEUES_ROWS_H
#define SKALD_QUEUES_ROWS_H

#include "fingerprint.h"
#include "followers/attempts.h"
#include "pg/pipeline.h"

#include <skald/context.h>

/* How one attempt ends. Who ends it names the start it means, and who held it: another start, or
 * another holder, and nothing happens. */
typedef struct skald_job_end {
    int64_t job_id;
    uint32_t starts;
    const char *holder;
    const char *queue;
    const char *key;
    const char *state;   /* "done", "waiting", ... */
    const char *outcome; /* of the row in skald.attempt; NULL: none, it succeeded */
    bool counted;        /* a failure: attempts and the time of the first one are set */
    uint32_t attempts;
    int64_t delay_ms; /* of "waiting" */
    bool holds;
    bool maybe_done;
    char reason[SKALD_REASON_SIZE];
    char error_class[SKALD_ERROR_CLASS_SIZE_MAX + 1];
    char sqlstate[6];
    char fingerprint[SKALD_FINGERPRINT_SIZE];
    char why[160];    /* it is dead: which bound of the policy was reached */
    const char *note; /* of the progress; NULL: as it is */
    const char *result_type;
    skald_bytes result;
    bool held;      /* out: the row was as we left it, and is changed */
    bool cancelled; /* out: instead of waiting again, because somebody asked for it */
} skald_job_end;

/* Changes the rows and writes the attempts; ends[].held says of which. A row that somebody has
 * locked is not waited for. `keep_holder` leaves the holder's name, so that it knows its own ends.
 */
skald_status skald_job_ends_write(skald_pipeline *pipeline, skald_job_end *ends, size_t count,
                                  bool keep_holder, skald_error *error);

/* The next job of each key whose job is over (ends[].held) has its turn. */
skald_status skald_job_ends_release(skald_pipeline *pipeline, const skald_job_end *ends,
                                    size_t count, skald_error *error);

/* What has become of a row whose end was not written. */
typedef enum skald_job_fate {
    SKALD_JOB_FENCED,  /* somebody else has it */
    SKALD_JOB_LOCKED,  /* still ours: try again */
    SKALD_JOB_SETTLED, /* we ended it before, but did not hear that it was committed */
} skald_job_fate;
skald_status skald_job_fate_find(skald_pipeline *pipeline, const skald_job_end *end,
                                 skald_job_fate *out, skald_error *error);

#endif
