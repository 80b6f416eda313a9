/* Rows of a turn, collected while it steps its sagas, and sent in a handful of statements. */
#include "engine/inside.h"
#include "leases/leases.h"
#include "saga_future.h"
#include "words.h"

#include <skald/partition.h>
#include <stdio.h>
#include <string.h>

/* The order of columns is that of the statements below. */
void skald_turn_rows_init(skald_turn *turn)
{
    skald_outbox_writer_init(&turn->events);
    skald_job_writer_init(&turn->jobs, turn->hub->name);
    skald_table_init(&turn->updates, "ttbb@tttttt444");
    skald_table_init(&turn->histories, "t4tt");
    skald_table_init(&turn->children, "t2t48tbttttttt");
    skald_table_init(&turn->told, "2tttttbt");
    skald_table_init(&turn->activities, "t2ttbtt284tttt");
    skald_table_init(&turn->abandoned, "t");
    skald_table_init(&turn->kept, "t22tb");
    skald_table_init(&turn->waits, "tt");
    skald_table_init(&turn->moved, "t288844");
    skald_array_init(&turn->used, SKALD_ARRAY_INT8);
    skald_array_init(&turn->parked, SKALD_ARRAY_INT8);
    skald_array_init(&turn->ended, SKALD_ARRAY_TEXT);
    skald_array_init(&turn->recalled, SKALD_ARRAY_TEXT);
    skald_array_init(&turn->unlocked, SKALD_ARRAY_TEXT);
}

enum { TABLES = 9 };
static void tables_list(skald_turn *turn, skald_table *tables[TABLES])
{
    skald_table *list[TABLES] = {&turn->updates, &turn->histories,  &turn->children,
                                 &turn->told,    &turn->activities, &turn->abandoned,
                                 &turn->kept,    &turn->waits,      &turn->moved};
    memcpy(tables, list, sizeof list);
}

void skald_turn_rows_done(skald_turn *turn)
{
    skald_table *tables[TABLES];
    tables_list(turn, tables);
    for (int i = 0; i < TABLES; i++)
        skald_table_done(tables[i]);
    skald_array_done(&turn->used);
    skald_array_done(&turn->parked);
    skald_array_done(&turn->ended);
    skald_array_done(&turn->recalled);
    skald_array_done(&turn->unlocked);
    skald_job_writer_done(&turn->jobs);
    skald_outbox_writer_done(&turn->events);
}

void skald_turn_rows_clear(skald_turn *turn)
{
    skald_table *tables[TABLES];
    tables_list(turn, tables);
    for (int i = 0; i < TABLES; i++)
        skald_table_clear(tables[i]);
    skald_array_clear(&turn->used);
    skald_array_clear(&turn->parked);
    skald_array_clear(&turn->ended);
    skald_array_clear(&turn->recalled);
    skald_array_clear(&turn->unlocked);
    skald_job_writer_clear(&turn->jobs);
    skald_outbox_writer_clear(&turn->events);
}

void skald_turn_tell(skald_turn *turn, const char *saga_id, const char *event,
                     const char *operation, const char *type, skald_bytes body, bool has_body,
                     const char *reason)
{
    skald_array *column = turn->told.columns;
    skald_array_integer(column++,
                        skald_partition_of(saga_id, strlen(saga_id), turn->hub->partitions));
    skald_array_text(column++, saga_id);
    skald_array_text(column++, event);
    skald_array_text(column++, operation);
    skald_array_text(column++, type);
    /* Of whom: the one that tells. */
    skald_array_text(column++, NULL);
    if (has_body)
        skald_array_bytes(column++, body);
    else
        skald_array_null(column++);
    skald_array_text(column++, reason);
}

/* --- the row of a saga ----------------------------------------------------------------------- */

static bool is_task(uint8_t state)
{
    return state == SKALD_STEP_HANDED_OVER || state == SKALD_STEP_UNDO_HANDED_OVER;
}

static bool is_debt(const skald_turn_saga *saga, uint8_t step)
{
    return saga->machine.phase == SKALD_SAGA_COMPENSATING &&
           skald_saga_owes(&saga->kind->plan, &saga->machine, step);
}

/* Names, separated by commas, of the steps for which it holds; NULL: none. A name has no comma. */
static const char *names_list(skald_turn *turn, const skald_turn_saga *saga, bool debts)
{
    char *list = NULL;
    for (uint8_t i = 0; i < saga->machine.step_count; i++) {
        const bool holds = debts ? is_debt(saga, i) : is_task(saga->machine.steps[i].state);
        const char *name = saga->kind->plan.steps[i].step->name;
        if (holds && list == NULL)
            list = skald_arena_text(&turn->memory, name);
        else if (holds)
            list = skald_arena_format(&turn->memory, "%s,%s", list, name);
    }
    return list;
}

typedef struct outlook {
    const char *future;
    const char *waits_for;
    int64_t due_ms;
} outlook;

static const char *future_word(skald_future_kind kind)
{
    static const char *const words[] = {
        [SKALD_FUTURE_NOTHING] = "nothing", [SKALD_FUTURE_ENDED] = "ended",
        [SKALD_FUTURE_START] = "start",     [SKALD_FUTURE_TIME] = "time",
        [SKALD_FUTURE_MESSAGE] = "message", [SKALD_FUTURE_CHILD] = "child",
        [SKALD_FUTURE_PERSON] = "person",
    };
    return words[kind];
}

static outlook outlook_of(skald_turn *turn, const skald_turn_saga *saga)
{
    if (saga->block != NULL)
        return (outlook){"blocked", saga->block, 0};
    if (saga->lock != NULL && saga->lock[0] == '\0')
        return (outlook){"lock", saga->waits_for, saga->machine.due_ms};
    if (saga->lock != NULL)
        return (outlook){"lock",
                         skald_arena_format(&turn->memory, "waits for lock \"%s\"", saga->lock),
                         saga->machine.due_ms};
    if (saga->more)
        return (outlook){"time", "goes on at once", turn->now_ms};
    char words[512];
    skald_saga_future_words(&saga->kind->plan, &saga->machine, words, sizeof words);
    return (outlook){
        future_word(skald_saga_future_of(&saga->kind->plan, &saga->machine).kind),
        skald_arena_text(&turn->memory, words),
        saga->machine.due_ms,
    };
}

static skald_bytes code_of(skald_turn *turn, const skald_turn_saga *saga)
{
    if (!saga->code_new)
        return (skald_bytes){0};
    unsigned char code[SKALD_SAGA_CODE_SIZE_MAX];
    const size_t size = skald_saga_encode(&saga->machine, code);
    return skald_arena_bytes(&turn->memory, (skald_bytes){code, size});
}

/* Those of a blocked saga wait, but for the retry, which was in vain. */
static void inputs_write(skald_turn *turn, const skald_turn_saga *saga)
{
    for (size_t i = 0; i < saga->input_count; i++) {
        const skald_turn_input *input = &turn->inputs[saga->input_first + i];
        const bool waits =
            saga->block != NULL && !(saga->blocked != NULL && input->event == SKALD_EVENT_RETRY);
        skald_array_integer(waits ? &turn->parked : &turn->used, input->id);
    }
    /* There may be more than were loaded. */
    if (saga->block == NULL && (saga->unblock || saga->input_count == SKALD_TURN_INPUTS_MAX))
        skald_array_text(&turn->recalled, saga->id);
}

static void history_write(skald_turn *turn, const skald_turn_saga *saga)
{
    skald_array *column = turn->histories.columns;
    skald_array_text(column++, saga->id);
    skald_array_integer(column++, saga->turns + 1);
    skald_array_text(column++, saga->lines_size > 0 ? saga->lines : "");
    skald_array_text(column++, saga->actor);
}

static const char *cleaned(skald_turn *turn, const char *text)
{
    char clean[SKALD_REASON_SIZE];
    skald_reason_clean(clean, text);
    return skald_arena_text(&turn->memory, clean);
}

skald_status skald_turn_write(skald_turn *turn, skald_turn_saga *saga, skald_error *error)
{
    inputs_write(turn, saga);
    if (saga->block != NULL && saga->blocked != NULL && !saga->changed)
        return SKALD_OK;
    const bool stepped = saga->kind != NULL && saga->block == NULL;
    const outlook out = outlook_of(turn, saga);
    const uint8_t phase = stepped ? saga->machine.phase : (uint8_t)saga->phase;
    skald_array *column = turn->updates.columns;
    skald_array_text(column++, saga->id);
    skald_array_text(column++, skald_saga_phase_words(phase));
    skald_table_bytes(column++, stepped ? code_of(turn, saga) : (skald_bytes){0});
    if (stepped && saga->state_new)
        skald_array_bytes(column++, saga->state);
    else
        skald_array_null(column++);
    skald_table_time(column++, out.due_ms);
    skald_array_text(column++, out.future);
    skald_array_text(column++, cleaned(turn, out.waits_for));
    skald_array_text(column++, saga->block != NULL ? cleaned(turn, saga->block) : NULL);
    /* Of a blocked saga tasks and debts stay what they were. */
    skald_array_text(column++, stepped ? names_list(turn, saga, false) : "=");
    skald_array_text(column++, stepped ? names_list(turn, saga, true) : "=");
    skald_array_text(column++, saga->reason != NULL ? cleaned(turn, saga->reason) : NULL);
    skald_array_integer(column++, saga->changed);
    skald_array_integer(column++, saga->stale);
    skald_array_integer(column++, saga->block == NULL && (saga->called || saga->unblock));
    if (saga->changed)
        history_write(turn, saga);
    if (saga->lock != NULL && saga->lock[0] != '\0') {
        skald_array_text(&turn->waits.columns[0], saga->lock);
        skald_array_text(&turn->waits.columns[1], saga->id);
    }
    if (saga->locked && saga->lock == NULL)
        skald_array_text(&turn->unlocked, saga->id);
    return out.waits_for == NULL ? skald_error_set(error, SKALD_NO_MEMORY, "no memory for a saga")
                                 : SKALD_OK;
}

/* --- sending --------------------------------------------------------------------------------- */

/* What was due and still is keeps its time: no index changes, and what was begun is ended first. */
#define UPDATE_SAGAS                                                                               \
    "UPDATE skald.saga AS s SET phase = u.phase, machine = coalesce(u.machine, s.machine),"        \
    " state = coalesce(u.state, s.state),"                                                         \
    " due_at = CASE WHEN u.due_at BETWEEN s.due_at AND skald.now() THEN s.due_at"                  \
    "  ELSE coalesce(u.due_at, 'infinity') END,"                                                   \
    " future = u.future, waits_for = u.waits_for, blocked = u.blocked,"                            \
    " tasks = CASE u.tasks WHEN '=' THEN s.tasks ELSE string_to_array(u.tasks, ',') END,"          \
    " tasks_since = CASE u.tasks WHEN '=' THEN s.tasks_since ELSE CASE WHEN u.tasks IS NOT NULL"   \
    "  THEN coalesce(s.tasks_since, skald.now()) END END,"                                         \
    " owed = CASE u.owed WHEN '=' THEN s.owed ELSE string_to_array(u.owed, ',') END,"              \
    " owed_since = CASE u.owed WHEN '=' THEN s.owed_since ELSE CASE WHEN u.owed IS NOT NULL"       \
    "  THEN coalesce(s.owed_since, skald.now()) END END,"                                          \
    " reason = coalesce(u.reason, s.reason), turns = s.turns + u.turned,"                          \
    " stale = s.stale + u.stale, crashes = CASE u.well WHEN 1 THEN 0 ELSE s.crashes END,"          \
    " changed_at = CASE u.turned WHEN 1 THEN skald.now() ELSE s.changed_at END,"                   \
    " ended_at = CASE WHEN u.phase IN ('completed', 'compensated')"                                \
    "  THEN coalesce(s.ended_at, skald.now()) END"                                                 \
    " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS u(id, phase,"    \
    " machine, state, due_at, future, waits_for, blocked, tasks, owed, reason, turned, stale,"     \
    " well) WHERE s.id = u.id"

#define INSERT_HISTORY                                                                             \
    "INSERT INTO skald.saga_history (saga, number, at, lines, actor)"                              \
    " SELECT h.saga, h.number, skald.now(), h.lines, h.actor"                                      \
    " FROM unnest($1, $2, $3, $4) AS h(saga, number, lines, actor)"

#define INSERT_CHILDREN                                                                            \
    "INSERT INTO skald.saga (id, partition, definition, version, fingerprint, state_type, state,"  \
    " parent, parent_operation, root, correlation_id, causation_id, traceparent, tracestate,"      \
    " due_at, waits_for)"                                                                          \
    " SELECT c.*, skald.now(), 'it has not begun'"                                                 \
    " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS c"               \
    " ON CONFLICT DO NOTHING"

#define INSERT_INPUTS                                                                              \
    "INSERT INTO skald.saga_input (partition, saga, event, operation, type, name, body, reason)"   \
    " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)"

#define INSERT_JOBS                                                                                \
    "INSERT INTO skald.job (queue, state, message_id, partition, type, key, body, unique_key,"     \
    " operation, maybe_done, timeout_ms, attempts, correlation_id, traceparent, tracestate, "      \
    "control,"                                                                                     \
    " begins_at, due_at, published_at, source, content_type)"                                      \
    " SELECT '" SKALD_SAGAS_NAME "', 'waiting', a.id, a.partition, a.type, a.key, a.body,"         \
    " a.unique_key, a.operation, a.verify <> 0, a.timeout_ms, a.attempts, a.correlation_id,"       \
    " a.traceparent, a.tracestate, a.plan, n.now, n.now, n.now, $15::text,"                        \
    " 'application/protobuf'"                                                                      \
    " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) AS a(id, "          \
    "partition,"                                                                                   \
    " type, key, body, unique_key, operation, verify, timeout_ms, attempts, correlation_id,"       \
    " traceparent, tracestate, plan) CROSS JOIN (SELECT skald.now() AS now) AS n"                  \
    " ON CONFLICT (queue, unique_key) WHERE unique_key IS NOT NULL"                                \
    " AND state IN ('waiting', 'running') DO NOTHING"

/* One that waits is over; one that runs is told by its heartbeat. */
#define CANCEL_JOBS                                                                                \
    "SELECT skald.job_cancel(j.message_id, '" SKALD_SAGAS_NAME "', 'its time is over')"            \
    " FROM unnest($1) AS a(unique_key) CROSS JOIN LATERAL (SELECT o.message_id FROM skald.job AS"  \
    " o WHERE o.queue = '" SKALD_SAGAS_NAME "' AND o.unique_key = a.unique_key"                    \
    " AND o.state IN ('waiting', 'running')) AS j"

#define AWAIT_LOCKS                                                                                \
    "SELECT skald.saga_lock_await(w.name, w.saga) FROM unnest($1, $2) AS w(name, saga)"            \
    " ORDER BY w.name"

#define ADVANCE "SELECT skald.advance($1, $2, $3, $4, $5, $6, $7)"

static skald_status array_send(skald_turn *turn, skald_array *array, const char *sql,
                               skald_error *error)
{
    if (array->count == 0)
        return SKALD_OK;
    if (!skald_array_ok(array))
        return skald_error_set(error, SKALD_NO_MEMORY, "no memory for rows of sagas");
    const skald_param param = skald_array_param(array);
    return skald_pipeline_send(turn->pipeline, SKALD_PIPELINE_NOBODY, sql, 1, &param, error);
}

static uint32_t stepped_in(const skald_turn *turn, uint32_t partition)
{
    uint32_t count = 0;
    for (size_t i = 0; i < turn->saga_count; i++)
        count += turn->sagas[i].partition == partition;
    return count;
}

/* Nobody steps a saga but who owns its partition: another owner's epoch refuses all of it. */
static skald_status advance(skald_turn *turn, skald_error *error)
{
    for (size_t i = 0; i < turn->partition_count; i++) {
        const skald_turn_partition *partition = &turn->partitions[i];
        const uint32_t count = stepped_in(turn, partition->number);
        if (count == 0 && !turn->strangers)
            continue;
        skald_array *column = turn->moved.columns;
        skald_array_text(column++, SKALD_SAGAS_NAME);
        skald_array_integer(column++, partition->number);
        skald_array_integer(column++, partition->epoch);
        skald_array_integer(column++, partition->position);
        skald_array_integer(column++, partition->position);
        skald_array_integer(column++, count);
        skald_array_integer(column++, 0);
    }
    return skald_table_send(&turn->moved, turn->pipeline, ADVANCE, NULL, error);
}

skald_status skald_turn_send(skald_turn *turn, skald_error *error)
{
    skald_pipeline *pipeline = turn->pipeline;
    skald_status status = skald_table_send(&turn->updates, pipeline, UPDATE_SAGAS, NULL, error);
    if (status == SKALD_OK)
        status = skald_table_send(&turn->children, pipeline, INSERT_CHILDREN, NULL, error);
    if (status == SKALD_OK)
        status = skald_table_send(&turn->told, pipeline, INSERT_INPUTS, NULL, error);
    if (status == SKALD_OK)
        status =
            skald_table_send(&turn->activities, pipeline, INSERT_JOBS, turn->jobs.source, error);
    if (status == SKALD_OK)
        status = skald_table_send(&turn->abandoned, pipeline, CANCEL_JOBS, NULL, error);
    if (status == SKALD_OK)
        status = skald_table_send(&turn->kept, pipeline, SKALD_TURN_KEEP, NULL, error);
    if (status == SKALD_OK)
        status = skald_table_send(&turn->histories, pipeline, INSERT_HISTORY, NULL, error);
    if (status == SKALD_OK)
        status = array_send(turn, &turn->used, "DELETE FROM skald.saga_input WHERE id = ANY ($1)",
                            error);
    if (status == SKALD_OK)
        status = array_send(turn, &turn->parked,
                            "UPDATE skald.saga_input SET early = true WHERE id = ANY ($1)", error);
    if (status == SKALD_OK)
        status = array_send(turn, &turn->recalled,
                            "UPDATE skald.saga_input SET early = false"
                            " WHERE saga = ANY ($1) AND early",
                            error);
    if (status == SKALD_OK)
        status = array_send(turn, &turn->ended, "SELECT skald.saga_lock_free($1)", error);
    if (status == SKALD_OK)
        status = array_send(turn, &turn->unlocked, "SELECT skald.saga_lock_leave($1)", error);
    if (status == SKALD_OK)
        status = skald_table_send(&turn->waits, pipeline, AWAIT_LOCKS, NULL, error);
    if (status == SKALD_OK)
        status = skald_outbox_writer_send(&turn->events, pipeline, error);
    if (status == SKALD_OK)
        status = skald_job_writer_send(&turn->jobs, pipeline, error);
    return status == SKALD_OK ? advance(turn, error) : status;
}
