/* A flow in words: lines that a person understands who does not read C. */
#include "flows/definitions.h"
#include "flow.h"
#include "pg/array.h"
#include "text.h"

enum { WORDS_SIZE = SKALD_FLOW_ALTERNATIVES_MAX * (SKALD_STEP_TYPE_SIZE_MAX + 5), ROOM = 32768 };

static void event_describe(skald_text_out *text, const skald_flow_event *event)
{
    static const char *const ends[] = {"", ", ends it well", ", ends it badly"};
    skald_text_add(text, "%s from %s%s%s\n", event->type, event->from,
                   event->begins ? ", begins it" : "", ends[event->ends]);
}

static void expectation_describe(skald_text_out *text, const skald_flow_expectation *expectation)
{
    char words[WORDS_SIZE];
    skald_flow_expectation_words(expectation, words, sizeof words);
    skald_text_add(text, "after %s%s: %s within ", expectation->each_time ? "each " : "",
                   expectation->after, words);
    skald_text_duration(text, expectation->within_ms);
    skald_text_add(text, "\n");
}

static void flow_describe(skald_text_out *text, const skald_flow *flow)
{
    for (size_t i = 0; i < flow->events.count; i++)
        event_describe(text, &flow->events.list[i]);
    for (size_t i = 0; i < flow->expectations.count; i++)
        expectation_describe(text, &flow->expectations.list[i]);
}

/* Of two programs that know a flow differently, the one that started last is believed. */
static skald_status flow_write(const skald_flow *flow, const char *description, skald_pg *pg,
                               skald_error *error)
{
    const uint64_t keep_ms = flow->keep_ms != 0 ? flow->keep_ms : SKALD_FLOW_KEEP_MS_DEFAULT;
    return skald_pg_do(
        pg, NULL, error,
        "INSERT INTO skald.flow_definition AS d (name, version, description, keep_ms)"
        " VALUES ($1, $2, $3, $4) ON CONFLICT (name) DO UPDATE SET version = excluded.version,"
        " description = excluded.description, keep_ms = excluded.keep_ms,"
        " seen_at = clock_timestamp() WHERE (d.version, d.description, d.keep_ms)"
        " <> (excluded.version, excluded.description, excluded.keep_ms)",
        flow->name, flow->version, description, (int64_t)keep_ms);
}

/* What the table does not expect any more is not awaited any more; what it expects newly is awaited
 * from an instance's next event on. */
static skald_status waits_trim(const skald_flow *flow, skald_pg *pg, skald_error *error)
{
    skald_array afters;
    skald_array expected;
    skald_array_init(&afters, SKALD_ARRAY_TEXT);
    skald_array_init(&expected, SKALD_ARRAY_TEXT);
    for (size_t i = 0; i < flow->expectations.count; i++) {
        char words[WORDS_SIZE];
        skald_flow_expectation_words(&flow->expectations.list[i], words, sizeof words);
        skald_array_text(&afters, flow->expectations.list[i].after);
        skald_array_text(&expected, words);
    }
    skald_status status = SKALD_OK;
    if (!skald_array_ok(&afters) || !skald_array_ok(&expected))
        status = skald_error_set(error, SKALD_NO_MEMORY, "no memory to describe a flow");
    else
        status = skald_pg_do(pg, NULL, error,
                             "DELETE FROM skald.flow_wait AS w WHERE w.flow = $1 AND NOT EXISTS"
                             " (SELECT FROM unnest($2, $3) AS e(after, words)"
                             "  WHERE e.after = w.after AND e.words = w.words)",
                             flow->name, skald_array_param(&afters), skald_array_param(&expected));
    skald_array_done(&afters);
    skald_array_done(&expected);
    return status;
}

skald_status skald_flows_declare(const skald_flows *flows, skald_pg *pg, skald_error *error)
{
    skald_status status = SKALD_OK;
    for (size_t i = 0; i < flows->count && status == SKALD_OK; i++) {
        skald_arena arena = {0};
        char *room = skald_arena_alloc(&arena, ROOM);
        skald_text_out text = {room, ROOM, 0};
        if (room == NULL) {
            status = skald_error_set(error, SKALD_NO_MEMORY, "no memory to describe a flow");
        } else {
            flow_describe(&text, flows->list[i]);
            status = flow_write(flows->list[i], room, pg, error);
            if (status == SKALD_OK)
                status = waits_trim(flows->list[i], pg, error);
        }
        skald_arena_done(&arena);
    }
    return status;
}
