/* Writing what a batch has seen of flows.
 *
 * The streams of several services lead to one instance, by followers and workers that know nothing
 * of each other. So an instance is made if need be, locked, and read by a statement of its own,
 * whose snapshot is taken when the lock is held; all in the order of (flow, key), so that two
 * batches never wait for each other in a circle. What follows is decided in sagas/flow.c. */
#include "flow_code.h"
#include "flows/notes.h"
#include "pg/array.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EVENTS_KEPT_MAX = 1000,   /* of one instance, for its timeline */
    DOUBT_MS_MAX = 60 * 1000, /* how much later people are told where an event was seen late */
    WORDS_SIZE = SKALD_FLOW_ALTERNATIVES_MAX * (SKALD_STEP_TYPE_SIZE_MAX + 5),
};

/* Rows on their way, column by column. */
typedef struct columns {
    skald_array list[13];
    size_t count;
} columns;

typedef struct writing {
    skald_pipeline *pipeline;
    columns keys;      /* flow, key */
    columns instances; /* what becomes of skald.flow */
    columns events;    /* new rows of skald.flow_event */
    columns waits;     /* all that is awaited of the instances */
} writing;

/* A letter per column: t text, i and l integers of 4 and 8 bytes, @ a time. */
static void columns_init(columns *to, const char *letters)
{
    to->count = strlen(letters);
    assert(to->count <= sizeof to->list / sizeof *to->list);
    for (size_t i = 0; i < to->count; i++)
        skald_array_init(&to->list[i], letters[i] == 't'   ? SKALD_ARRAY_TEXT
                                       : letters[i] == 'i' ? SKALD_ARRAY_INT4
                                       : letters[i] == 'l' ? SKALD_ARRAY_INT8
                                                           : SKALD_ARRAY_TIME);
}

static void columns_done(columns *to)
{
    for (size_t i = 0; i < to->count; i++)
        skald_array_done(&to->list[i]);
}

static skald_status columns_params(columns *from, skald_param *params, skald_error *error)
{
    for (size_t i = 0; i < from->count; i++) {
        if (!skald_array_ok(&from->list[i]))
            return skald_error_set(error, SKALD_NO_MEMORY, "no memory for instances of flows");
        params[i] = skald_array_param(&from->list[i]);
    }
    return SKALD_OK;
}

static skald_status columns_send(writing *write, columns *from, const char *sql, skald_error *error)
{
    skald_param params[sizeof from->list / sizeof *from->list];
    const skald_status status = columns_params(from, params, error);
    return status != SKALD_OK ? status
                              : skald_pipeline_send(write->pipeline, SKALD_PIPELINE_NOBODY, sql,
                                                    from->count, params, error);
}

/* --- locking and reading ---------------------------------------------------------------------- */

static int by_instance(const void *left, const void *right)
{
    const skald_flow_noted *a = left;
    const skald_flow_noted *b = right;
    int order = strcmp(a->flow->name, b->flow->name);
    if (order == 0)
        order = strcmp(a->key, b->key);
    /* Of what was seen at once, what happened first comes first, for the eyes of people. */
    if (order == 0)
        order = (a->message->time_us > b->message->time_us) -
                (a->message->time_us < b->message->time_us);
    if (order == 0)
        order = a->place < b->place ? -1 : 1;
    return order;
}

static bool is_same_instance(const skald_flow_noted *left, const skald_flow_noted *right)
{
    return left->flow == right->flow && strcmp(left->key, right->key) == 0;
}

static void keys_list(writing *write, const skald_flow_notes *notes)
{
    for (size_t i = 0; i < notes->count; i++) {
        if (i > 0 && is_same_instance(&notes->list[i], &notes->list[i - 1]))
            continue;
        skald_array_text(&write->keys.list[0], notes->list[i].flow->name);
        skald_array_text(&write->keys.list[1], notes->list[i].key);
    }
}

static skald_status instances_lock(writing *write, skald_error *error)
{
    const skald_status status =
        columns_send(write, &write->keys,
                     "INSERT INTO skald.flow (flow, key) SELECT * FROM unnest($1, $2) AS i(f, k)"
                     " WHERE NOT EXISTS (SELECT FROM skald.flow AS o WHERE o.flow = i.f"
                     "  AND o.key = i.k) ORDER BY 1, 2 ON CONFLICT DO NOTHING",
                     error);
    return status != SKALD_OK
               ? status
               : columns_send(write, &write->keys,
                              "SELECT FROM unnest($1, $2) AS i(f, k) JOIN skald.flow AS o"
                              " ON o.flow = i.f AND o.key = i.k ORDER BY o.flow, o.key"
                              " FOR UPDATE OF o",
                              error);
}

enum { PLACE, SEEN, EVENTS, CLOSED, KNOWN };

/* A row per note, in their order. */
static skald_status instances_read(writing *write, const skald_flow_notes *notes, skald_rows **rows,
                                   skald_error *error)
{
    columns asked;
    skald_param params[3];
    columns_init(&asked, "ttt");
    for (size_t i = 0; i < notes->count; i++) {
        skald_array_text(&asked.list[0], notes->list[i].flow->name);
        skald_array_text(&asked.list[1], notes->list[i].key);
        skald_array_text(&asked.list[2], notes->list[i].id);
    }
    skald_status status = columns_params(&asked, params, error);
    if (status == SKALD_OK)
        status = skald_pipeline_query(
            write->pipeline, SKALD_PIPELINE_NOBODY, rows,
            "SELECT n.place, f.seen, f.events, coalesce(f.outcome = 'closed', false),"
            " EXISTS (SELECT FROM skald.flow_event AS e WHERE e.flow = n.flow AND e.key = n.key"
            "  AND e.message_id = n.id)"
            " FROM unnest($1, $2, $3) WITH ORDINALITY AS n(flow, key, id, place)"
            " JOIN skald.flow AS f ON f.flow = n.flow AND f.key = n.key ORDER BY n.place",
            3, params, error);
    columns_done(&asked);
    return status;
}

/* --- one instance ----------------------------------------------------------------------------- */

static void event_write(writing *write, const skald_flow_noted *noted, int64_t number,
                        skald_flow_note note, int64_t time_us)
{
    skald_array *to = write->events.list;
    if (number > EVENTS_KEPT_MAX)
        return;
    skald_array_text(&to[0], noted->flow->name);
    skald_array_text(&to[1], noted->key);
    skald_array_integer(&to[2], number);
    skald_array_time_us(&to[3], time_us);
    skald_array_text(&to[4], noted->message->type);
    skald_array_text(&to[5], noted->source);
    skald_array_text(&to[6], skald_flow_note_word(note));
    skald_array_text(&to[7], noted->id);
    skald_array_integer(&to[8], noted->message->position);
}

static void time_or_null(skald_array *to, bool known, int64_t time_us)
{
    if (known)
        skald_array_time_us(to, time_us);
    else
        skald_array_null(to);
}

/* What it is now. What a person has closed keeps its end. */
static void instance_write(writing *write, const skald_flow_noted *noted,
                           const skald_flow_state *state, const skald_flow_view *view,
                           int64_t events)
{
    static const char *const phases[] = {"early", "open", "ended"};
    static const char *const outcomes[] = {NULL, "well", "badly"};
    const skald_flow *flow = noted->flow;
    char seen[SKALD_FLOW_CODE_SIZE];
    skald_array *to = write->instances.list;
    const bool ended = view->ended_by != SKALD_FLOW_NO_EVENT;
    assert(view->last != SKALD_FLOW_NO_EVENT);
    skald_flow_encode(flow, state, seen);
    skald_array_text(&to[0], flow->name);
    skald_array_text(&to[1], noted->key);
    skald_array_integer(&to[2], flow->version);
    skald_array_text(&to[3], phases[view->phase]);
    skald_array_text(&to[4], seen);
    skald_array_integer(&to[5], events);
    time_or_null(&to[6], view->begun, view->began_us);
    skald_array_text(&to[7], flow->events.list[view->last].type);
    skald_array_text(&to[8], flow->events.list[view->last].from);
    skald_array_time_us(&to[9], view->last_us);
    time_or_null(&to[10], ended, view->ended_us);
    skald_array_text(&to[11], ended ? flow->events.list[view->ended_by].type : NULL);
    skald_array_text(&to[12], outcomes[view->end]);
}

static const skald_flow_event *alternative(const skald_flow *flow,
                                           const skald_flow_expectation *expectation, size_t place)
{
    return &flow->events.list[skald_flow_event_find(flow, expectation->expect[place])];
}

static bool is_source_known(const skald_flow *flow, const skald_flow_expectation *expectation,
                            size_t place)
{
    for (size_t i = 0; i < place; i++) {
        if (strcmp(alternative(flow, expectation, i)->from,
                   alternative(flow, expectation, place)->from) == 0)
            return true;
    }
    return false;
}

/* The types that are awaited, and the services they come from, each once; with blanks between. */
static void alternatives_list(const skald_flow *flow, const skald_flow_expectation *expectation,
                              char *types, char *sources, size_t size)
{
    size_t type_size = 0;
    size_t source_size = 0;
    for (size_t i = 0; i < SKALD_FLOW_ALTERNATIVES_MAX && expectation->expect[i] != NULL; i++) {
        const char *blank = i > 0 ? " " : "";
        const skald_flow_event *event = alternative(flow, expectation, i);
        type_size +=
            (size_t)snprintf(types + type_size, size - type_size, "%s%s", blank, event->type);
        if (!is_source_known(flow, expectation, i))
            source_size += (size_t)snprintf(sources + source_size, size - source_size, "%s%s",
                                            blank, event->from);
    }
}

static void wait_write(writing *write, const skald_flow_noted *noted,
                       const skald_flow_awaited *awaited)
{
    const skald_flow_expectation *expectation =
        &noted->flow->expectations.list[awaited->expectation];
    char words[WORDS_SIZE];
    char types[WORDS_SIZE];
    char sources[WORDS_SIZE];
    skald_array *to = write->waits.list;
    const uint64_t within_ms = expectation->within_ms;
    skald_flow_expectation_words(expectation, words, sizeof words);
    alternatives_list(noted->flow, expectation, types, sources, sizeof types);
    skald_array_text(&to[0], noted->flow->name);
    skald_array_text(&to[1], noted->key);
    skald_array_text(&to[2], expectation->after);
    skald_array_text(&to[3], words);
    skald_array_text(&to[4], types);
    skald_array_text(&to[5], sources);
    skald_array_time_us(&to[6], awaited->since_us);
    skald_array_time_us(&to[7], awaited->due_us);
    skald_array_integer(&to[8], within_ms < DOUBT_MS_MAX ? (int64_t)within_ms : DOUBT_MS_MAX);
}

static int64_t time_of(const skald_message *message)
{
    const int64_t time_us = message->time_us;
    if (time_us > SKALD_FLOW_TIME_US_MAX)
        return SKALD_FLOW_TIME_US_MAX;
    return time_us < -SKALD_FLOW_TIME_US_MAX ? -SKALD_FLOW_TIME_US_MAX : time_us;
}

/* The events of one instance, of which `rows` has the rows from `first` on. */
static skald_status instance_take(writing *write, const skald_flow_noted *noted, size_t count,
                                  const skald_rows *rows, uint32_t first, skald_error *error)
{
    const skald_flow *flow = noted->flow;
    skald_flow_state state = {.closed = skald_rows_boolean(rows, first, CLOSED)};
    int64_t events = skald_rows_integer(rows, first, EVENTS);
    size_t fresh = 0;
    const skald_status status =
        skald_flow_decode(flow, skald_rows_text(rows, first, SEEN), &state, error);
    if (status != SKALD_OK)
        return status;
    for (size_t i = 0; i < count; i++) {
        /* Whoever reads a stream again changes nothing. */
        if (skald_rows_boolean(rows, first + (uint32_t)i, KNOWN))
            continue;
        const int64_t time_us = time_of(noted[i].message);
        const skald_flow_note note = skald_flow_take(flow, &state, noted[i].event, time_us);
        event_write(write, &noted[i], ++events, note, time_us);
        fresh++;
    }
    if (fresh == 0)
        return SKALD_OK;
    skald_flow_view view;
    skald_flow_look(flow, &state, &view);
    instance_write(write, noted, &state, &view, events);
    for (size_t i = 0; i < view.awaited_count; i++)
        wait_write(write, noted, &view.awaited[i]);
    return SKALD_OK;
}

static skald_status instances_take(writing *write, const skald_flow_notes *notes,
                                   const skald_rows *rows, skald_error *error)
{
    skald_status status = SKALD_OK;
    if (skald_rows_count(rows) != notes->count)
        return skald_error_set(error, SKALD_CONFLICT,
                               "an instance of a flow was forgotten in between");
    for (size_t first = 0, next = 0; first < notes->count && status == SKALD_OK; first = next) {
        for (next = first + 1; next < notes->count; next++) {
            if (!is_same_instance(&notes->list[first], &notes->list[next]))
                break;
        }
        status =
            instance_take(write, &notes->list[first], next - first, rows, (uint32_t)first, error);
    }
    return status;
}

/* --- writing ---------------------------------------------------------------------------------- */

static skald_status instances_send(writing *write, skald_error *error)
{
    return columns_send(
        write, &write->instances,
        "UPDATE skald.flow AS f SET version = n.version, phase = n.phase, seen = n.seen,"
        " events = n.events, began_at = n.began_at, last_type = n.last_type,"
        " last_source = n.last_source, last_at = n.last_at,"
        " ended_at = coalesce(n.ended_at, f.ended_at), ended_by = n.ended_by,"
        " outcome = coalesce(n.outcome, f.outcome), changed_at = (SELECT skald.now())"
        " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS n(flow, key,"
        " version, phase, seen, events, began_at, last_type, last_source, last_at, ended_at,"
        " ended_by, outcome)"
        " WHERE f.flow = n.flow AND f.key = n.key",
        error);
}

static skald_status events_send(writing *write, skald_error *error)
{
    return columns_send(write, &write->events,
                        "INSERT INTO skald.flow_event (flow, key, number, at, type, source, note,"
                        " message_id, position)"
                        " SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)"
                        " ON CONFLICT (flow, key, message_id) DO NOTHING",
                        error);
}

/* What is met is gone. */
static skald_status met_send(writing *write, skald_error *error)
{
    skald_param params[6];
    for (int i = 0; i < 2; i++)
        params[i] = skald_array_param(&write->instances.list[i]);
    for (int i = 0; i < 4; i++)
        params[2 + i] = skald_array_param(&write->waits.list[i]);
    return skald_pipeline_send(
        write->pipeline, SKALD_PIPELINE_NOBODY,
        "DELETE FROM skald.flow_wait AS w USING unnest($1, $2) AS i(f, k)"
        " WHERE w.flow = i.f AND w.key = i.k AND NOT EXISTS"
        " (SELECT FROM unnest($3, $4, $5, $6) AS n(f, k, after, words) WHERE n.f = w.flow"
        "  AND n.k = w.key AND n.after = w.after AND n.words = w.words)",
        6, params, error);
}

/* What was seen late, as by a service that was down, is told of later: what is awaited may be on
 * its way by another stream. */
static skald_status waits_send(writing *write, skald_error *error)
{
    if (write->waits.list[0].count == 0)
        return SKALD_OK;
    return columns_send(
        write, &write->waits,
        "INSERT INTO skald.flow_wait AS w (flow, key, after, words, expects, sources, since,"
        " due_at, alarm_at) SELECT n.f, n.k, n.after, n.words, string_to_array(n.expects, ' '),"
        " string_to_array(n.sources, ' '), n.since, n.due_at,"
        " greatest(n.due_at, (SELECT skald.now()) + n.doubt_ms * interval '1 ms')"
        " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)"
        " AS n(f, k, after, words, expects, sources, since, due_at, doubt_ms)"
        " ON CONFLICT (flow, key, after, words) DO UPDATE SET since = excluded.since,"
        " due_at = excluded.due_at, alarm_at = excluded.alarm_at, alerted_at = NULL,"
        " tried_at = NULL WHERE w.due_at <> excluded.due_at",
        error);
}

static skald_status all_send(writing *write, skald_error *error)
{
    if (write->instances.list[0].count == 0)
        return SKALD_OK;
    skald_status status = instances_send(write, error);
    if (status == SKALD_OK)
        status = events_send(write, error);
    if (status == SKALD_OK)
        status = met_send(write, error);
    return status == SKALD_OK ? waits_send(write, error) : status;
}

static void writing_init(writing *write, skald_pipeline *pipeline)
{
    write->pipeline = pipeline;
    columns_init(&write->keys, "tt");
    columns_init(&write->instances, "ttitti@tt@@tt");
    columns_init(&write->events, "tti@ttttl");
    columns_init(&write->waits, "tttttt@@i");
}

static void writing_done(writing *write)
{
    columns_done(&write->keys);
    columns_done(&write->instances);
    columns_done(&write->events);
    columns_done(&write->waits);
}

skald_status skald_flow_notes_send(skald_flow_notes *notes, skald_pipeline *pipeline,
                                   skald_error *error)
{
    if (notes->count == 0)
        return SKALD_OK;
    writing write;
    skald_rows *rows = NULL;
    writing_init(&write, pipeline);
    qsort(notes->list, notes->count, sizeof *notes->list, by_instance);
    keys_list(&write, notes);
    skald_status status = instances_lock(&write, error);
    if (status == SKALD_OK)
        status = instances_read(&write, notes, &rows, error);
    if (status == SKALD_OK)
        status = instances_take(&write, notes, rows, error);
    if (status == SKALD_OK)
        status = all_send(&write, error);
    skald_rows_free(rows);
    writing_done(&write);
    return status;
}
