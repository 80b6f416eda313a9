/* One question for everything: which sagas, their rows, and what happened to them. */
#include "engine/inside.h"
#include "words.h"

#include <string.h>

/* What was told and what is due, partition after partition until the turn is full: nothing is read
 * that is not taken, and a turn moves few positions. Every turn begins at another partition, and
 * what was told takes half of it at most, so that nobody waits for ever. */
#define PICK                                                                                       \
    "SELECT DISTINCT w.id FROM (SELECT d.id FROM unnest($1::smallint[]) AS p(partition)"           \
    " CROSS JOIN LATERAL"                                                                          \
    " ((SELECT n.saga AS id FROM skald.saga_input AS n WHERE n.partition = p.partition"            \
    "   AND NOT n.early ORDER BY n.id LIMIT 32)"                                                   \
    "  UNION ALL"                                                                                  \
    "  (SELECT s.id FROM skald.saga AS s WHERE s.partition = p.partition AND s.blocked IS NULL"    \
    "   AND s.due_at < 'infinity' AND s.due_at <= (SELECT skald.now())"                            \
    "   ORDER BY s.due_at LIMIT 64)) AS d LIMIT 64) AS w"
#define NAMED "SELECT id FROM unnest($1::text[]) AS n(id)"

/* The rows are named by an array, so that they are found by their ids whatever the planner thinks
 * of the table's size. */
#define LOAD(wanted)                                                                               \
    "WITH wanted AS MATERIALIZED (" wanted "),"                                                    \
    " held AS MATERIALIZED (SELECT s.* FROM skald.saga AS s"                                       \
    "  WHERE s.id = ANY (ARRAY(SELECT id FROM wanted)) ORDER BY s.id"                              \
    "  FOR NO KEY UPDATE SKIP LOCKED)"                                                             \
    " SELECT (SELECT (extract(epoch FROM skald.now()) * 1000)::bigint), w.id, h.id IS NOT NULL,"   \
    " h.partition, h.definition, h.version, h.fingerprint, h.phase, h.machine, h.state,"           \
    " h.state_type, coalesce(h.due_at <= (SELECT skald.now()), false), h.future = 'lock',"         \
    " h.blocked, h.waits_for, h.parent, h.parent_operation, h.root, h.crashes, h.turns,"           \
    " h.correlation_id, h.causation_id, h.traceparent, h.tracestate,"                              \
    " i.id, i.event, i.operation, i.step, i.name, i.type, i.body, i.reason, i.actor, i.message_id" \
    " FROM wanted AS w LEFT JOIN held AS h ON h.id = w.id"                                         \
    " LEFT JOIN LATERAL (SELECT n.* FROM skald.saga_input AS n WHERE n.saga = h.id"                \
    "  AND NOT (n.early AND h.blocked IS NOT NULL)"                                                \
    "  ORDER BY n.id LIMIT 32) AS i ON true ORDER BY w.id, i.id"

enum {
    COLUMN_NOW,
    COLUMN_ID,
    COLUMN_HELD,
    COLUMN_PARTITION,
    COLUMN_DEFINITION,
    COLUMN_VERSION,
    COLUMN_FINGERPRINT,
    COLUMN_PHASE,
    COLUMN_MACHINE,
    COLUMN_STATE,
    COLUMN_STATE_TYPE,
    COLUMN_DUE,
    COLUMN_LOCKED,
    COLUMN_BLOCKED,
    COLUMN_WAITS_FOR,
    COLUMN_PARENT,
    COLUMN_PARENT_OPERATION,
    COLUMN_ROOT,
    COLUMN_CRASHES,
    COLUMN_TURNS,
    COLUMN_CORRELATION,
    COLUMN_CAUSATION,
    COLUMN_TRACEPARENT,
    COLUMN_TRACESTATE,
    COLUMN_INPUT,
    COLUMN_EVENT,
    COLUMN_OPERATION,
    COLUMN_STEP,
    COLUMN_NAME,
    COLUMN_TYPE,
    COLUMN_BODY,
    COLUMN_REASON,
    COLUMN_ACTOR,
    COLUMN_MESSAGE_ID,
};

static const char *text_of(const skald_rows *rows, uint32_t row, int column)
{
    /* libpq ends every value with a NUL, and a text of PostgreSQL has none inside. */
    return skald_rows_null(rows, row, column) ? NULL : skald_rows_bytes(rows, row, column).data;
}

static skald_saga_phase phase_of(const char *words)
{
    for (uint8_t i = 0; i < SKALD_SAGA_PHASE_COUNT; i++) {
        if (strcmp(skald_saga_phase_words(i), words) == 0)
            return (skald_saga_phase)i;
    }
    return SKALD_SAGA_NEW;
}

/* What it becomes begins empty; buffers are kept for their memory. */
static void saga_reset(skald_turn_saga *saga)
{
    char *lines = saga->lines;
    const size_t capacity = saga->lines_capacity;
    skald_turn_pending *pending = saga->pending;
    memset(saga, 0, offsetof(skald_turn_saga, calls));
    saga->call_count = 0;
    saga->lines = lines;
    saga->lines_capacity = capacity;
    saga->pending = pending;
}

static void saga_fill(skald_turn_saga *saga, const skald_rows *rows, uint32_t row)
{
    saga_reset(saga);
    saga->id = text_of(rows, row, COLUMN_ID);
    saga->partition = (uint32_t)skald_rows_integer(rows, row, COLUMN_PARTITION);
    saga->definition = text_of(rows, row, COLUMN_DEFINITION);
    saga->version = (uint32_t)skald_rows_integer(rows, row, COLUMN_VERSION);
    saga->fingerprint = (uint64_t)skald_rows_integer(rows, row, COLUMN_FINGERPRINT);
    saga->phase = phase_of(text_of(rows, row, COLUMN_PHASE));
    if (!skald_rows_null(rows, row, COLUMN_MACHINE))
        saga->code = skald_rows_bytes(rows, row, COLUMN_MACHINE);
    saga->state = skald_rows_bytes(rows, row, COLUMN_STATE);
    saga->state_type = text_of(rows, row, COLUMN_STATE_TYPE);
    saga->due = skald_rows_boolean(rows, row, COLUMN_DUE);
    saga->locked = skald_rows_boolean(rows, row, COLUMN_LOCKED);
    saga->blocked = text_of(rows, row, COLUMN_BLOCKED);
    saga->waits_for = text_of(rows, row, COLUMN_WAITS_FOR);
    saga->parent = text_of(rows, row, COLUMN_PARENT);
    saga->parent_operation = text_of(rows, row, COLUMN_PARENT_OPERATION);
    saga->root = text_of(rows, row, COLUMN_ROOT);
    saga->crashes = (uint32_t)skald_rows_integer(rows, row, COLUMN_CRASHES);
    saga->turns = (uint32_t)skald_rows_integer(rows, row, COLUMN_TURNS);
    saga->correlation_id = text_of(rows, row, COLUMN_CORRELATION);
    saga->causation_id = text_of(rows, row, COLUMN_CAUSATION);
    saga->traceparent = text_of(rows, row, COLUMN_TRACEPARENT);
    saga->tracestate = text_of(rows, row, COLUMN_TRACESTATE);
}

static void input_fill(skald_turn_input *input, const skald_rows *rows, uint32_t row)
{
    *input = (skald_turn_input){
        .id = skald_rows_integer(rows, row, COLUMN_INPUT),
        .event = skald_saga_event_find(text_of(rows, row, COLUMN_EVENT)),
        .operation = text_of(rows, row, COLUMN_OPERATION),
        .step = text_of(rows, row, COLUMN_STEP),
        .name = text_of(rows, row, COLUMN_NAME),
        .type = text_of(rows, row, COLUMN_TYPE),
        .has_body = !skald_rows_null(rows, row, COLUMN_BODY),
        .reason = text_of(rows, row, COLUMN_REASON),
        .actor = text_of(rows, row, COLUMN_ACTOR),
        .message_id = text_of(rows, row, COLUMN_MESSAGE_ID),
    };
    if (input->has_body)
        input->body = skald_rows_bytes(rows, row, COLUMN_BODY);
}

static void rows_take(skald_turn *turn)
{
    const skald_rows *rows = turn->rows;
    turn->saga_count = 0;
    turn->input_count = 0;
    turn->strangers = false;
    for (uint32_t i = 0; i < skald_rows_count(rows); i++) {
        turn->now_ms = skald_rows_integer(rows, i, COLUMN_NOW);
        if (!skald_rows_boolean(rows, i, COLUMN_HELD)) {
            turn->strangers = true;
            continue;
        }
        skald_turn_saga *saga = &turn->sagas[turn->saga_count];
        const bool same =
            turn->saga_count > 0 && strcmp(saga[-1].id, text_of(rows, i, COLUMN_ID)) == 0;
        if (same) {
            saga--;
        } else {
            saga_fill(saga, rows, i);
            saga->input_first = turn->input_count;
            turn->saga_count++;
        }
        if (skald_rows_null(rows, i, COLUMN_INPUT))
            continue;
        input_fill(&turn->inputs[turn->input_count++], rows, i);
        saga->input_count++;
    }
}

static skald_status wanted_list(skald_turn *turn, skald_array *wanted, const size_t *ids,
                                size_t count, skald_error *error)
{
    skald_array_init(wanted, count > 0 ? SKALD_ARRAY_TEXT : SKALD_ARRAY_INT2);
    for (size_t i = 0; i < count; i++)
        skald_array_text(wanted, turn->ids[ids[i]]);
    if (count == 0)
        turn->round++;
    for (size_t i = 0; i < turn->partition_count && count == 0; i++)
        skald_array_integer(wanted,
                            turn->partitions[(turn->round + i) % turn->partition_count].number);
    return skald_array_ok(wanted)
               ? SKALD_OK
               : skald_error_set(error, SKALD_NO_MEMORY, "no memory for the names of sagas");
}

skald_status skald_turn_load(skald_turn *turn, const size_t *ids, size_t count, skald_error *error)
{
    skald_array wanted;
    skald_status status = wanted_list(turn, &wanted, ids, count, error);
    skald_rows_free(turn->rows);
    turn->rows = NULL;
    turn->saga_count = 0;
    if (status == SKALD_OK) {
        const skald_param param = skald_array_param(&wanted);
        status =
            skald_pipeline_query_binary(turn->pipeline, SKALD_PIPELINE_NOBODY, &turn->rows,
                                        count > 0 ? LOAD(NAMED) : LOAD(PICK), 1, &param, error);
    }
    skald_array_done(&wanted);
    if (status == SKALD_OK)
        rows_take(turn);
    return status;
}

/* A signal may come before its saga: the first turn of that takes it. */
skald_status skald_turn_strangers(skald_turn *turn, skald_error *error)
{
    skald_array partitions;
    skald_array_init(&partitions, SKALD_ARRAY_INT2);
    for (size_t i = 0; i < turn->partition_count; i++)
        skald_array_integer(&partitions, turn->partitions[i].number);
    const skald_param param = skald_array_param(&partitions);
    skald_rows *rows = NULL;
    skald_status status = skald_pipeline_query(
        turn->pipeline, SKALD_PIPELINE_NOBODY, &rows,
        "WITH strange AS MATERIALIZED (SELECT i.id, i.event FROM unnest($1::smallint[]) AS p(n)"
        " CROSS JOIN LATERAL (SELECT w.id, w.event, w.saga FROM skald.saga_input AS w"
        "  WHERE w.partition = p.n AND NOT w.early ORDER BY w.id LIMIT 64) AS i"
        " WHERE NOT EXISTS (SELECT FROM skald.saga AS s WHERE s.id = i.saga)),"
        " waits AS (UPDATE skald.saga_input SET early = true"
        "  WHERE id = ANY (ARRAY(SELECT id FROM strange WHERE event = 'signal')))"
        " DELETE FROM skald.saga_input"
        " WHERE id = ANY (ARRAY(SELECT id FROM strange WHERE event <> 'signal'))"
        " RETURNING saga, event, coalesce(operation, step, '')",
        1, &param, error);
    for (uint32_t i = 0; status == SKALD_OK && i < skald_rows_count(rows); i++)
        skald_log_say(turn->hub->log, SKALD_LOG_WARNING, "SAGA-UNKNOWN",
                      "%s %s for saga \"%s\", which does not exist, is forgotten",
                      skald_rows_text(rows, i, 1), skald_rows_text(rows, i, 2),
                      skald_rows_text(rows, i, 0));
    skald_rows_free(rows);
    skald_array_done(&partitions);
    return status;
}
