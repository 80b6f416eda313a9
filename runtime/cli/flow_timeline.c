/* One table for what came and what is awaited, in the order of time. */
#include "cli/flow_timeline.h"
#include "cli/listing.h"
#include "cli/table.h"
#include "cli/terminal.h"

/* --- what there is ---------------------------------------------------------------------------- */

enum { FLOW, KEY, STATE, OUTCOME, VERSION, BEGAN };

static const listing_column columns[] = {
    {"flow", NULL, LISTING_TEXT},         {"key", NULL, LISTING_TEXT},
    {"state", NULL, LISTING_TEXT},        {"outcome", NULL, LISTING_TEXT},
    {"version", NULL, LISTING_COUNT},     {"began_at", NULL, LISTING_TIME},
    {"ended_at", NULL, LISTING_TIME},     {"ended_by", NULL, LISTING_TEXT},
    {"events", NULL, LISTING_COUNT},      {"closed_by", NULL, LISTING_TEXT},
    {"close_reason", NULL, LISTING_TEXT}, {0},
};

/* clang-format off */
#define INSTANCES_SQL \
    "SELECT v.flow, v.key, v.state, v.outcome, v.version, " SQL_TIME("v.began_at") ", " \
    SQL_TIME("v.ended_at") ", v.ended_by, v.events, a.actor, a.reason FROM skald.v_flow AS v" \
    " LEFT JOIN LATERAL (SELECT actor, reason FROM skald.audit WHERE v.outcome = 'closed'" \
    "  AND action = 'close' AND object = format('flow %s %s', v.flow, v.key)" \
    "  ORDER BY id DESC LIMIT 1) AS a ON true" \
    " WHERE v.key = $1 AND ($2::text IS NULL OR v.flow = $2) ORDER BY v.flow"
/* clang-format on */

enum { AT, TYPE, SOURCE, NOTE };

static const listing_column event_columns[] = {
    {"at", NULL, LISTING_TIME},
    {"type", NULL, LISTING_TEXT},
    {"source", NULL, LISTING_TEXT},
    {"note", NULL, LISTING_TEXT},
    {"message_id", NULL, LISTING_TEXT},
    {"position", NULL, LISTING_ID},
    {0},
};

#define EVENTS_SQL                                                                                 \
    "SELECT " SQL_TIME("at") ", type, source, note, message_id, position FROM skald.flow_event"    \
                             " WHERE flow = $1 AND key = $2 ORDER BY at, number"

enum { DUE, WORDS, SOURCES, OVERDUE, TOLD };

static const listing_column wait_columns[] = {
    {"due_at", NULL, LISTING_TIME},
    {"expects", NULL, LISTING_TEXT},
    {"sources", NULL, LISTING_TEXT},
    {"overdue", NULL, LISTING_BOOLEAN},
    {"alerted", NULL, LISTING_BOOLEAN},
    {"alerted_at", NULL, LISTING_TIME},
    {"after", NULL, LISTING_TEXT},
    {"since", NULL, LISTING_TIME},
    {0},
};

/* clang-format off */
#define WAITS_SQL \
    "SELECT " SQL_TIME("due_at") ", words, array_to_string(sources, ' or ')," \
    " due_at <= skald.now(), alerted_at IS NOT NULL, " SQL_TIME("alerted_at") ", after, " \
    SQL_TIME("since") " FROM skald.flow_wait WHERE flow = $1 AND key = $2 ORDER BY due_at, words"
/* clang-format on */

/* One instance. */
typedef struct flow_story {
    const skald_rows *instances;
    uint32_t row; /* of it */
    const skald_rows *events;
    const skald_rows *waits;
    int64_t began_us;
} flow_story;

static bool story_load(cli_session *session, flow_story *story)
{
    const char *flow = skald_rows_text(story->instances, story->row, FLOW);
    const char *key = skald_rows_text(story->instances, story->row, KEY);
    story->events = session_query(session, EVENTS_SQL, flow, key);
    story->waits = session_query(session, WAITS_SQL, flow, key);
    if (story->events == NULL || story->waits == NULL)
        return false;
    if (!skald_rows_null(story->instances, story->row, BEGAN))
        story->began_us = skald_rows_integer(story->instances, story->row, BEGAN);
    else if (skald_rows_count(story->events) > 0)
        story->began_us = skald_rows_integer(story->events, 0, AT);
    return true;
}

/* --- for people ------------------------------------------------------------------------------- */

/* How long after the beginning: "+3.1 s". Events may happen before it by their clocks. */
static const char *offset(cli_session *session, const flow_story *story, int64_t time_us)
{
    const int64_t after_us = time_us - story->began_us;
    if (after_us == 0)
        return "";
    return skald_arena_format(&session->arena, "%s%s", after_us < 0 ? "-" : "+",
                              session_span(session, after_us < 0 ? -after_us : after_us));
}

static void line_add(cli_session *session, cli_table *table, const flow_story *story,
                     int64_t time_us, const char *what, const char *source, const char *note)
{
    table_cell(table, session_when(session, time_us));
    table_cell(table, offset(session, story, time_us));
    table_cell(table, what);
    table_cell(table, source);
    table_cell(table, note);
}

static const char *wait_note(const skald_rows *waits, uint32_t row)
{
    if (!skald_rows_boolean(waits, row, OVERDUE))
        return "awaited until then";
    return skald_rows_boolean(waits, row, TOLD) ? "OVERDUE, people were told" : "OVERDUE";
}

static void table_draw(cli_session *session, const flow_story *story)
{
    static const char *const heads[] = {"TIME", "AFTER", "EVENT", "FROM", "NOTE"};
    cli_table table;
    table_init(&table, &session->arena);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_column(&table, heads[i], i == 1);
    for (uint32_t row = 0; row < skald_rows_count(story->events); row++)
        line_add(session, &table, story, skald_rows_integer(story->events, row, AT),
                 skald_rows_text(story->events, row, TYPE),
                 skald_rows_text(story->events, row, SOURCE),
                 skald_rows_text(story->events, row, NOTE));
    for (uint32_t row = 0; row < skald_rows_count(story->waits); row++)
        line_add(session, &table, story, skald_rows_integer(story->waits, row, DUE),
                 skald_rows_text(story->waits, row, WORDS),
                 skald_rows_text(story->waits, row, SOURCES), wait_note(story->waits, row));
    table_print(&table, stdout);
}

static void story_print(cli_session *session, const flow_story *story)
{
    const char *outcome = skald_rows_text(story->instances, story->row, OUTCOME);
    if (story->row > 0)
        putchar('\n');
    printf("%sflow %s, key %s:%s %s%s%s\n", skald_terminal_bold(stdout),
           table_text(&session->arena, skald_rows_text(story->instances, story->row, FLOW)),
           table_text(&session->arena, skald_rows_text(story->instances, story->row, KEY)),
           skald_terminal_plain(stdout), skald_rows_text(story->instances, story->row, STATE),
           outcome != NULL ? " " : "", outcome != NULL ? outcome : "");
    listing_fields(session, columns, story->instances, story->row, VERSION);
    putchar('\n');
    table_draw(session, story);
}

/* --- for programs ----------------------------------------------------------------------------- */

static void story_json(cli_session *session, const flow_story *story)
{
    skald_json_open(&session->out, '{');
    listing_members(session, columns, story->instances, story->row);
    skald_json_name(&session->out, "timeline");
    listing_array(session, event_columns, story->events);
    skald_json_name(&session->out, "awaited");
    listing_array(session, wait_columns, story->waits);
    skald_json_close(&session->out, '}');
}

/* ---------------------------------------------------------------------------------------------- */

static bool stories_load(cli_session *session, const skald_rows *instances, flow_story *stories)
{
    for (uint32_t row = 0; row < skald_rows_count(instances); row++) {
        stories[row] = (flow_story){.instances = instances, .row = row};
        if (!story_load(session, &stories[row]))
            return false;
    }
    return true;
}

static void stories_print(cli_session *session, const flow_story *stories, uint32_t count)
{
    if (session->json)
        skald_json_open(&session->out, '[');
    for (uint32_t i = 0; i < count; i++) {
        if (session->json)
            story_json(session, &stories[i]);
        else
            story_print(session, &stories[i]);
    }
    if (session->json) {
        skald_json_close(&session->out, ']');
        skald_json_end(&session->out);
    }
}

bool flow_timeline_print(cli_session *session, const char *key, const char *flow, bool *found)
{
    const skald_rows *instances = session_query(session, INSTANCES_SQL, key, flow);
    if (instances == NULL)
        return false;
    const uint32_t count = skald_rows_count(instances);
    *found = count > 0;
    if (count == 0)
        return true;
    /* Everything is read before anything is printed. */
    flow_story *stories = skald_arena_alloc(&session->arena, count * sizeof *stories);
    if (stories == NULL) {
        skald_error_set(&session->error, SKALD_NO_MEMORY, "no memory for flows");
        return false;
    }
    if (!stories_load(session, instances, stories))
        return false;
    stories_print(session, stories, count);
    return true;
}
