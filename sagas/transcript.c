/* Lines of a saga's story. */
#include "transcript.h"

#include "text.h"
#include "transitions.h"
#include "words.h"

enum { NAME_COLUMNS = 18, CHANGE_COLUMNS = 28 };

static void head_add(skald_text_out *text, const skald_plan *plan, const skald_saga *saga,
                     uint8_t step)
{
    const bool started = saga->started_ms != 0;
    skald_text_time(text, started ? saga->started_ms : saga->last_ms, saga->last_ms);
    skald_text_add(text, " ");
    const size_t start = text->length;
    const bool known = step < plan->step_count;
    skald_text_add(text, "%s", known ? plan->steps[step].step->name : "(saga)");
    skald_text_pad(text, start, NAME_COLUMNS);
}

size_t skald_transcript_change(const skald_plan *plan, const skald_saga *saga,
                               const skald_saga_change *change, char *out, size_t size)
{
    skald_text_out text = {out, size, 0};
    const bool whole = change->step == SKALD_STEP_NONE;
    const char *from =
        whole ? skald_saga_phase_words(change->from) : skald_step_state_words(change->from);
    const char *to =
        whole ? skald_saga_phase_words(change->to) : skald_step_state_words(change->to);
    const char *input =
        whole ? skald_saga_input_words(change->input) : skald_step_input_words(change->input);
    const char *why =
        whole ? skald_saga_transitions[change->row].why : skald_transitions[change->row].why;
    head_add(&text, plan, saga, change->step);
    const size_t start = text.length;
    if (change->from == change->to)
        skald_text_add(&text, "%s", from);
    else
        skald_text_add(&text, "%s -> %s", from, to);
    skald_text_pad(&text, start, CHANGE_COLUMNS);
    skald_text_add(&text, "%s: %s", input, why);
    return text.length;
}

static void details_add(skald_text_out *text, const skald_saga *saga,
                        const skald_saga_action *action)
{
    if (action->operation.direction == SKALD_UNDO)
        skald_text_add(text, " of the undo");
    if (action->operation.round > 1)
        skald_text_add(text, ", round %u", action->operation.round);
    if (action->attempt > 0)
        skald_text_add(text, ", attempt %u", action->attempt);
    if (action->verify)
        skald_text_add(text, ", verify first");
    if (action->kind == SKALD_ACTION_END)
        skald_text_add(text, " %s", skald_saga_phase_words((uint8_t)action->outcome));
    if (action->due_ms != 0) {
        skald_text_add(text, action->kind == SKALD_ACTION_SET_DUE ? " " : ", until ");
        skald_text_time(text, saga->started_ms, action->due_ms);
    } else if (action->kind == SKALD_ACTION_SET_DUE) {
        skald_text_add(text, " never");
    }
    if (action->why != NULL)
        skald_text_add(text, ": %s", action->why);
}

size_t skald_transcript_action(const skald_plan *plan, const skald_saga *saga,
                               const skald_saga_action *action, char *out, size_t size)
{
    skald_text_out text = {out, size, 0};
    head_add(&text, plan, saga, action->operation.step);
    skald_text_add(&text, "=> %s", skald_saga_action_words(action->kind));
    details_add(&text, saga, action);
    return text.length;
}
