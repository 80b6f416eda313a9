/* What the machine knows of a step (state, attempts, when it is due), and what the story tells of
 * it (since when it is in that state, and why). */
#include "cli/saga_steps.h"
#include "cli/table.h"

#include "diagram.h"
#include "machine_inside.h"
#include "words.h"

#include <string.h>

enum { WORK_SIZE = 320 };

typedef struct step_facts {
    const skald_plan_step *planned;
    const skald_saga_step *at;
    const skald_plan_work *work; /* what is or was under way: the undo once that has begun */
    int64_t since_us;            /* in this state; 0: not known */
    const char *why;             /* NULL: not known */
    bool owed;
    bool task;
} step_facts;

static bool has_begun(const skald_saga_step *at)
{
    return at->state != SKALD_STEP_PENDING;
}

static step_facts facts_of(const saga_view *view, const saga_story *story, uint8_t step)
{
    const skald_saga_step *at = &view->saga->steps[step];
    const skald_plan_step *planned = &view->plan->steps[step];
    const story_change *told = &story->steps[step];
    const bool undo = at->state >= SKALD_STEP_UNDOING;
    const bool known = told->to != NULL && strcmp(told->to, skald_step_state_words(at->state)) == 0;
    return (step_facts){
        .planned = planned,
        .at = at,
        .work = undo ? &planned->undo : &planned->run,
        .since_us = known ? told->at_us : 0,
        .why = known && has_begun(at) ? told->why : NULL,
        .owed = view->saga->phase == SKALD_SAGA_COMPENSATING &&
                skald_step_is_owed(view->plan, view->saga, step),
        .task = at->state == SKALD_STEP_HANDED_OVER || at->state == SKALD_STEP_UNDO_HANDED_OVER,
    };
}

static const char *work_text(cli_session *session, const skald_work *work,
                             const skald_plan_work *planned)
{
    char buffer[WORK_SIZE] = "";
    skald_diagram_work(&(skald_text_out){buffer, sizeof buffer, 0}, work, planned);
    return skald_arena_text(&session->arena, buffer);
}

/* --- for people ---------------------------------------------------------------------------- */

static const char *doing_text(cli_session *session, const step_facts *facts)
{
    const skald_step *defined = facts->planned->step;
    if (facts->work == &facts->planned->run)
        return work_text(session, &defined->run, &facts->planned->run);
    return skald_arena_format(&session->arena, "undo: %s",
                              work_text(session, &defined->undo, &facts->planned->undo));
}

static const char *tries_text(cli_session *session, const step_facts *facts)
{
    const uint32_t most = facts->work->retry.attempts_max;
    if (facts->at->attempts == 0)
        return NULL;
    return most == 0 ? skald_arena_format(&session->arena, "%u", facts->at->attempts)
                     : skald_arena_format(&session->arena, "%u/%u", facts->at->attempts, most);
}

static const char *state_text(cli_session *session, const step_facts *facts)
{
    const char *words = skald_step_state_words(facts->at->state);
    return facts->owed ? skald_arena_format(&session->arena, "%s, owed", words) : words;
}

static void step_cells(cli_session *session, cli_table *table, const saga_view *view,
                       const saga_story *story, uint8_t step)
{
    const step_facts facts = facts_of(view, story, step);
    const skald_step *defined = facts.planned->step;
    table_cell(table, skald_arena_format(&session->arena, "%*s%s%s", 2 * facts.planned->depth, "",
                                         defined->name, defined->pivot ? " (pivot)" : ""));
    table_cell(table, state_text(session, &facts));
    table_cell(table, tries_text(session, &facts));
    table_cell(table, facts.since_us != 0 ? session_when(session, facts.since_us) : NULL);
    table_cell(table,
               facts.at->due_ms != 0 ? session_when(session, facts.at->due_ms * 1000) : NULL);
    table_cell(table, doing_text(session, &facts));
    table_cell(table, facts.why);
}

void saga_steps_print(cli_session *session, const saga_view *view, const saga_story *story)
{
    static const char *const heads[] = {"STEP", "STATE", "TRY", "SINCE", "NEXT", "WORK", "WHY"};
    cli_table table;
    table_init(&table, &session->arena);
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        table_column(&table, heads[i], false);
    for (uint8_t i = 0; i < view->plan->step_count; i++)
        step_cells(session, &table, view, story, i);
    table_print(&table, stdout);
}

/* --- for programs -------------------------------------------------------------------------- */

static void text_member(skald_json *json, const char *name, const char *text)
{
    skald_json_name(json, name);
    skald_json_text(json, text);
}

static void number_member(skald_json *json, const char *name, int64_t number)
{
    skald_json_name(json, name);
    skald_json_integer(json, number);
}

static void boolean_member(skald_json *json, const char *name, bool value)
{
    skald_json_name(json, name);
    skald_json_boolean(json, value);
}

static void time_member(skald_json *json, const char *name, int64_t time_us)
{
    skald_json_name(json, name);
    listing_time(json, time_us == 0, time_us);
}

static void step_object(cli_session *session, const saga_view *view, const saga_story *story,
                        uint8_t step)
{
    skald_json *json = &session->out;
    const step_facts facts = facts_of(view, story, step);
    const skald_step *defined = facts.planned->step;
    const uint8_t parent = facts.planned->parent;
    skald_json_open(json, '{');
    text_member(json, "name", defined->name);
    text_member(json, "group",
                parent == SKALD_STEP_NONE ? NULL : view->plan->steps[parent].step->name);
    text_member(json, "kind", skald_work_kind_words(facts.planned->run.kind));
    text_member(json, "work", work_text(session, &defined->run, &facts.planned->run));
    text_member(json, "undo",
                facts.planned->undo.kind == SKALD_WORK_NONE
                    ? NULL
                    : work_text(session, &defined->undo, &facts.planned->undo));
    boolean_member(json, "pivot", defined->pivot);
    text_member(json, "state", skald_step_state_words(facts.at->state));
    number_member(json, "attempts", facts.at->attempts);
    number_member(json, "attempts_max", facts.work->retry.attempts_max);
    number_member(json, "run_round", facts.at->run_round);
    number_member(json, "undo_round", facts.at->undo_round);
    time_member(json, "since", facts.since_us);
    time_member(json, "due_at", facts.at->due_ms * 1000);
    boolean_member(json, "maybe_done",
                   (facts.at->flags & (SKALD_STEP_DOUBT | SKALD_STEP_KNOWN)) == SKALD_STEP_DOUBT);
    boolean_member(json, "owed", facts.owed);
    boolean_member(json, "task", facts.task);
    text_member(json, "why", facts.why);
    skald_json_close(json, '}');
}

void saga_steps_array(cli_session *session, const saga_view *view, const saga_story *story)
{
    skald_json_open(&session->out, '[');
    for (uint8_t i = 0; i < view->plan->step_count; i++)
        step_object(session, view, story, i);
    skald_json_close(&session->out, ']');
}
