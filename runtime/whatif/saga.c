/* The next turn of a saga: the engine's own, with what has to be assumed for something to happen.
 */
#include "engine/inside.h"
#include "supervisor/hand.h"
#include "whatif/inside.h"

#include <string.h>

enum {
    COLUMN_DEFINITION,
    COLUMN_VERSION,
    COLUMN_PHASE,
    COLUMN_FUTURE,
    COLUMN_WAITS_FOR,
    COLUMN_TASK,
    COLUMN_DUE_MS,
    COLUMN_COMES,
    COLUMN_STATE_TYPE,
    COLUMN_STATE
};

#define SAGA                                                                                       \
    "SELECT definition, version::bigint, phase, future, waits_for, tasks[1],"                      \
    " CASE WHEN due_at < 'infinity' THEN ceil(extract(epoch FROM due_at) * 1000)::bigint END,"     \
    " due_at <= skald.now() OR EXISTS (SELECT FROM skald.saga_input AS i WHERE i.saga = s.id"      \
    "  AND NOT (i.early AND s.blocked IS NOT NULL)), state_type, state"                            \
    " FROM skald.saga AS s WHERE id = $1"

typedef struct act {
    skald_whatif *w;
    skald_rehearsal *rehearsal;
} act;

/* In binary, since a state is bytes. */
static const char *text_keep(skald_whatif *w, const skald_rows *rows, int column)
{
    const skald_bytes text = skald_rows_bytes(rows, 0, column);
    return skald_rows_null(rows, 0, column)
               ? NULL
               : skald_arena_text_sized(&w->report->memory, text.data, text.size);
}

static const char *state_show(skald_whatif *w, const skald_rows *rows)
{
    return skald_whatif_fields(w, text_keep(w, rows, COLUMN_STATE_TYPE),
                               skald_rows_bytes(rows, 0, COLUMN_STATE));
}

/* --- what is assumed -------------------------------------------------------------------------- */

static skald_status retry_ask(const act *a, skald_pipeline *pipeline, const char *step,
                              skald_error *error)
{
    skald_whatif *w = a->w;
    w->report->pretended =
        step != NULL ? skald_arena_format(&w->report->memory, "somebody asks to retry \"%s\"", step)
                     : "somebody asks to retry";
    const skald_param params[] = {skald_text(w->options->saga),
                                  step != NULL ? skald_text(step) : skald_null()};
    return skald_pipeline_send(pipeline, SKALD_PIPELINE_NOBODY,
                               "INSERT INTO skald.saga_input (partition, saga, event, step, actor)"
                               " SELECT partition, id, 'retry', $2::text, 'what-if'"
                               " FROM skald.saga WHERE id = $1",
                               2, params, error);
}

static skald_status lock_ask(const act *a, skald_pipeline *pipeline, skald_error *error)
{
    a->w->report->pretended = "the lock that it waits for is tried again";
    const skald_param param = skald_text(a->w->options->saga);
    return skald_pipeline_send(pipeline, SKALD_PIPELINE_NOBODY,
                               "UPDATE skald.saga SET due_at = skald.now() WHERE id = $1", 1,
                               &param, error);
}

static skald_status assume(const act *a, skald_pipeline *pipeline, const skald_rows *rows,
                           skald_error *error)
{
    skald_whatif *w = a->w;
    const char *future = text_keep(w, rows, COLUMN_FUTURE);
    if (future == NULL)
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for a saga");
    if (w->options->step != NULL)
        return retry_ask(a, pipeline, w->options->step, error);
    if (strcmp(future, "blocked") == 0)
        return retry_ask(a, pipeline, NULL, error);
    if (skald_rows_boolean(rows, 0, COLUMN_COMES))
        return SKALD_OK;
    if (strcmp(future, "person") == 0 && !skald_rows_null(rows, 0, COLUMN_TASK))
        return retry_ask(a, pipeline, text_keep(w, rows, COLUMN_TASK), error);
    if (strcmp(future, "lock") == 0)
        return lock_ask(a, pipeline, error);
    if (skald_rows_null(rows, 0, COLUMN_DUE_MS))
        return SKALD_OK;
    w->report->pretended = strcmp(future, "time") == 0
                               ? "the time that it waits for has come"
                               : "what it waits for does not come, and its time is over";
    a->rehearsal->now_ms = skald_rows_integer(rows, 0, COLUMN_DUE_MS);
    return SKALD_OK;
}

static void before_show(skald_whatif *w, const skald_rows *rows)
{
    skald_whatif_report *report = w->report;
    report->saga = skald_whatif_keep(w, w->options->saga);
    report->definition = text_keep(w, rows, COLUMN_DEFINITION);
    report->version = skald_rows_integer(rows, 0, COLUMN_VERSION);
    report->phase_before = text_keep(w, rows, COLUMN_PHASE);
    report->waits_before = text_keep(w, rows, COLUMN_WAITS_FOR);
    report->state_before = state_show(w, rows);
}

static skald_status begin(void *user, skald_pipeline *pipeline, skald_error *error)
{
    const act *a = user;
    skald_whatif *w = a->w;
    skald_status status = skald_whatif_mark(w, pipeline, error);
    if (status != SKALD_OK)
        return status;
    const skald_param param = skald_text(w->options->saga);
    skald_rows *rows = NULL;
    status = skald_pipeline_query_binary(pipeline, SKALD_PIPELINE_NOBODY, &rows,
                                         SAGA " FOR NO KEY UPDATE", 1, &param, error);
    if (status == SKALD_OK && skald_rows_count(rows) == 0)
        status = skald_error_set(error, SKALD_NOT_FOUND, "there is no saga \"%.160s\"",
                                 w->options->saga);
    if (status == SKALD_OK) {
        before_show(w, rows);
        status = assume(a, pipeline, rows, error);
    }
    skald_rows_free(rows);
    return status;
}

/* --- what has come of it ---------------------------------------------------------------------- */

/* The worst of what came of it, and who says so. */
static void outcome_find(skald_whatif_report *report, const skald_turn_saga *saga)
{
    if (saga->block != NULL) {
        report->outcome = "blocked";
        report->text = saga->block;
    } else if (saga->lock != NULL) {
        report->outcome = "waits for a lock";
        report->text = saga->lock;
    } else if (saga->reason != NULL) {
        report->outcome = saga->said == SKALD_EVENT_REFUSED ? "refused" : "failed";
        report->text = saga->reason;
    } else if (saga->denied != NULL) {
        report->outcome = "denied";
        report->text = saga->denied;
    } else {
        report->good = true;
        report->outcome = saga->changed ? "done" : "nothing to do by itself";
        report->text = saga->changed ? NULL : saga->waits_for;
    }
}

static void outcome_show(skald_whatif *w, const skald_turn_saga *saga)
{
    skald_whatif_report *report = w->report;
    outcome_find(report, saga);
    report->text = skald_whatif_keep(w, report->text);
    report->lines = saga->lines_size > 0 ? skald_whatif_keep(w, saga->lines) : NULL;
}

static skald_status after_show(skald_whatif *w, skald_error *error)
{
    const skald_param param = skald_text(w->options->saga);
    skald_rows *rows = NULL;
    const skald_status status = skald_pg_run_binary(w->pg, &rows, SAGA, 1, &param, error);
    if (status == SKALD_OK && skald_rows_count(rows) > 0) {
        w->report->phase_after = text_keep(w, rows, COLUMN_PHASE);
        w->report->waits_after = text_keep(w, rows, COLUMN_WAITS_FOR);
        w->report->state_after = state_show(w, rows);
    }
    skald_rows_free(rows);
    return status;
}

static skald_status look(void *user, const skald_turn *turn, skald_error *error)
{
    const act *a = user;
    outcome_show(a->w, &turn->sagas[0]);
    const skald_status status = after_show(a->w, error);
    return status == SKALD_OK ? skald_whatif_look(a->w, error) : status;
}

/* --- the saga --------------------------------------------------------------------------------- */

static skald_status turn_rehearse(skald_whatif *w, skald_turn *turn, skald_error *error)
{
    skald_rehearsal rehearsal = {.saga = w->options->saga, .begin = begin, .look = look};
    act a = {w, &rehearsal};
    rehearsal.user = &a;
    const skald_status status = skald_turn_rehearse(turn, &rehearsal, error);
    if (status == SKALD_TIMEOUT || status == SKALD_CONFLICT)
        return skald_whatif_gave_up(error);
    return status == SKALD_OK && w->report->outcome == NULL ? skald_whatif_gave_up(error) : status;
}

skald_status skald_whatif_saga(skald_whatif *w, skald_error *error)
{
    skald_hub *hub = w->options->hub;
    if (hub->sagas == NULL)
        return skald_error_set(error, SKALD_INVALID, "this program has no definitions of sagas");
    if (strlen(w->options->saga) > SKALD_SAGA_ID_SIZE_MAX)
        return skald_error_set(error, SKALD_NOT_FOUND, "no saga has so long an id");
    skald_turn *turn = NULL;
    skald_hand *hand = skald_hand_claim();
    skald_status status = skald_turn_open(&turn, hub, w->pg, hand, error);
    if (status == SKALD_OK)
        status = turn_rehearse(w, turn, error);
    skald_turn_close(turn);
    skald_hand_release(hand);
    return status;
}
