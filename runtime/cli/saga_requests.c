/* A saga goes on while people read, so what is said here is advice: the engine decides. */
#include "cli/saga_requests.h"

#include "machine_inside.h"

#include <stdlib.h>
#include <string.h>

/* The decision for a request, on a copy of the saga at the present time; NULL without memory. */
static skald_saga_decision *decide(const saga_view *view, skald_saga_event_kind kind, uint8_t step,
                                   skald_saga *after)
{
    skald_saga_decision *decision = malloc(sizeof *decision);
    if (decision == NULL)
        return NULL;
    *after = *view->saga;
    const skald_saga_event event = {
        .kind = kind, .time_ms = after->last_ms, .operation.step = step};
    skald_machine_step(view->plan, after, &event, decision);
    return decision;
}

static const skald_saga_action *refusal_in(const skald_saga_decision *decision)
{
    for (size_t i = 0; i < decision->action_count; i++) {
        const skald_saga_action *action = &decision->actions[i];
        if (action->kind == SKALD_ACTION_REFUSE_REQUEST)
            return action;
    }
    return NULL;
}

const char *saga_refusal(const saga_view *view, skald_saga_event_kind kind, const char *step)
{
    skald_saga after;
    if (view->saga == NULL)
        return NULL;
    const uint8_t at =
        step != NULL ? skald_plan_find(view->plan, step, strlen(step)) : SKALD_STEP_NONE;
    skald_saga_decision *decision = decide(view, kind, at, &after);
    const skald_saga_action *refusal = decision != NULL ? refusal_in(decision) : NULL;
    const char *why = refusal != NULL ? refusal->why : NULL;
    free(decision);
    return why;
}

bool saga_would_change(const saga_view *view, skald_saga_event_kind kind, uint8_t step)
{
    skald_saga after;
    skald_saga_decision *decision = decide(view, kind, step, &after);
    if (decision == NULL)
        return false;
    const skald_saga *before = view->saga;
    const bool granted = refusal_in(decision) == NULL;
    const bool same = after.phase == before->phase && after.flags == before->flags &&
                      after.rewind_to == before->rewind_to &&
                      memcmp(after.steps, before->steps, sizeof after.steps) == 0;
    free(decision);
    return granted && !same;
}

/* --- the commands -------------------------------------------------------------------------- */

typedef struct step_request {
    skald_saga_event_kind kind;
    const char *command; /* of the saga's id and the step's name */
    const char *forward; /* what it means on the way there */
    const char *back;    /* and on the way back */
} step_request;

static const step_request step_requests[] = {
    {SKALD_EVENT_RETRY, "saga retry %s --step %s --reason TEXT", "try it again now",
     "undo it again now"},
    {SKALD_EVENT_RETRY_NEW_INPUT, "saga retry %s --step %s --edit --reason TEXT",
     "change the saga's state first", "change the saga's state first"},
    {SKALD_EVENT_RESOLVE_DONE, "saga resolve %s --step %s --done --reason TEXT",
     "you have seen that it is done", "you have undone it by hand"},
    {SKALD_EVENT_RESOLVE_NOT_DONE, "saga resolve %s --step %s --not-done --reason TEXT",
     "you have seen that it is not done", ""},
    {SKALD_EVENT_SKIP, "saga skip %s --step %s --reason TEXT", "go on without it", "let it be"},
};

typedef struct commands {
    cli_session *session;
    const saga_view *view;
    saga_command_told *told;
    void *user;
} commands;

/* An id as a shell takes it: quoted where it must be. */
static const char *shell_word(cli_session *session, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./:@+=,";
    if (*word != '\0' && *word != '-' && word[strspn(word, plain)] == '\0')
        return word;
    char *out = skald_arena_alloc(&session->arena, 4 * strlen(word) + 3);
    if (out == NULL)
        return word;
    char *at = out;
    *at++ = '\'';
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            at += sprintf(at, "'\\'");
        *at++ = *word;
    }
    *at = '\'';
    return out;
}

static void tell(const commands *all, const char *format, const char *step, const char *meaning)
{
    const char *id = shell_word(all->session, all->view->id);
    char line[1024];
    snprintf(line, sizeof line, format, id, step);
    all->told(all->user, skald_arena_format(&all->session->arena, "skald %s", line), meaning);
}

static void step_commands(const commands *all, uint8_t step)
{
    const saga_view *view = all->view;
    const bool back = view->saga->steps[step].state >= SKALD_STEP_UNDOING;
    for (size_t i = 0; i < sizeof step_requests / sizeof *step_requests; i++) {
        const step_request *request = &step_requests[i];
        if (saga_would_change(view, request->kind, step))
            tell(all, request->command, view->plan->steps[step].step->name,
                 back ? request->back : request->forward);
    }
}

static bool is_trouble(const saga_view *view, uint8_t step)
{
    const uint8_t state = view->saga->steps[step].state;
    return state == SKALD_STEP_HANDED_OVER || state == SKALD_STEP_UNDO_HANDED_OVER ||
           state == SKALD_STEP_RESTING || state == SKALD_STEP_UNDO_RESTING;
}

/* The nearest step on the top level from which it can go on anew; of many the last one before what
 * is in trouble. */
static void rewind_command(const commands *all)
{
    const saga_view *view = all->view;
    uint8_t best = SKALD_STEP_NONE;
    uint8_t trouble = SKALD_STEP_NONE;
    for (uint8_t i = 0; i < view->plan->step_count && trouble == SKALD_STEP_NONE; i++) {
        if (view->plan->steps[i].parent == SKALD_STEP_NONE &&
            saga_would_change(view, SKALD_EVENT_RETRY_FROM, i))
            best = i;
        trouble = is_trouble(view, i) ? i : SKALD_STEP_NONE;
    }
    if (best != SKALD_STEP_NONE && trouble != SKALD_STEP_NONE)
        tell(all, "saga retry %s --from %s --reason TEXT", view->plan->steps[best].step->name,
             "undo down to that step and go on from there");
}

static void saga_command(const commands *all, skald_saga_event_kind kind, const char *format,
                         const char *meaning)
{
    if (saga_would_change(all->view, kind, SKALD_STEP_NONE))
        tell(all, format, "", meaning);
}

void saga_commands(cli_session *session, const saga_view *view, bool blocked,
                   saga_command_told *told, void *user)
{
    const commands all = {session, view, told, user};
    /* Whatever else is asked of a blocked saga waits until it is let go. */
    if (blocked)
        tell(&all, "saga retry %s --reason TEXT", "", "let it go on");
    if (blocked || view->saga == NULL || skald_saga_has_ended(view->saga))
        return;
    for (uint8_t i = 0; i < view->plan->step_count; i++)
        step_commands(&all, i);
    rewind_command(&all);
    saga_command(&all, SKALD_EVENT_COMPENSATE, "saga compensate %s --reason TEXT",
                 "turn back: undo what was done");
    saga_command(&all, SKALD_EVENT_CANCEL, "saga cancel %s --reason TEXT",
                 "the same, because it is not wanted any more");
}
