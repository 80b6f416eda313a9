/* What moves a saga, found by looking at its steps as they are. */
#include "saga_future.h"

#include "machine_inside.h"
#include "text.h"
#include "words.h"

static skald_work_kind kind_under_way(const skald_plan *plan, const skald_saga *saga, uint8_t step)
{
    const bool undo = saga->steps[step].state >= SKALD_STEP_UNDOING;
    return undo ? plan->steps[step].undo.kind : plan->steps[step].run.kind;
}

static skald_future_kind step_future(const skald_plan *plan, const skald_saga *saga, uint8_t step)
{
    const skald_work_kind kind = kind_under_way(plan, saga, step);
    switch (saga->steps[step].state) {
    case SKALD_STEP_HANDED_OVER:
    case SKALD_STEP_UNDO_HANDED_OVER:
        return SKALD_FUTURE_PERSON;
    case SKALD_STEP_SLEEPING:
    case SKALD_STEP_RESTING:
    case SKALD_STEP_UNDO_RESTING:
        return SKALD_FUTURE_TIME;
    case SKALD_STEP_ASKING:
    case SKALD_STEP_WAITING:
        return SKALD_FUTURE_MESSAGE;
    case SKALD_STEP_RUNNING:
    case SKALD_STEP_UNDOING:
        if (kind == SKALD_WORK_SLEEP)
            return SKALD_FUTURE_TIME;
        if (kind == SKALD_WORK_CHILD || kind == SKALD_WORK_TAKE_BACK)
            return SKALD_FUTURE_CHILD;
        return skald_work_is_group(kind) ? SKALD_FUTURE_NOTHING : SKALD_FUTURE_MESSAGE;
    default:
        return SKALD_FUTURE_NOTHING;
    }
}

/* A promise is only good with a time in it: whatever waits for time or a message must be due. */
static bool is_promise(const skald_saga *saga, uint8_t step, skald_future_kind kind)
{
    const bool timed = kind == SKALD_FUTURE_TIME || kind == SKALD_FUTURE_MESSAGE;
    return kind == SKALD_FUTURE_CHILD || (timed && saga->steps[step].due_ms != 0);
}

skald_saga_future skald_saga_future_of(const skald_plan *plan, const skald_saga *saga)
{
    skald_saga_future future = {SKALD_FUTURE_NOTHING, SKALD_STEP_NONE, 0, saga->due_ms};
    if (skald_saga_has_ended(saga) || saga->phase == SKALD_SAGA_NEW) {
        future.kind = saga->phase == SKALD_SAGA_NEW ? SKALD_FUTURE_START : SKALD_FUTURE_ENDED;
        return future;
    }
    uint8_t task = SKALD_STEP_NONE;
    for (uint8_t i = 0; i < plan->step_count; i++) {
        const skald_future_kind kind = step_future(plan, saga, i);
        if (kind == SKALD_FUTURE_PERSON) {
            future.task_count++;
            task = task == SKALD_STEP_NONE ? i : task;
        } else if (is_promise(saga, i, kind) && future.kind == SKALD_FUTURE_NOTHING) {
            future.kind = kind;
            future.step = i;
        }
    }
    if (future.kind == SKALD_FUTURE_NOTHING && task != SKALD_STEP_NONE) {
        future.kind = SKALD_FUTURE_PERSON;
        future.step = task;
    }
    return future;
}

static void until_add(skald_text_out *text, const skald_saga *saga, int64_t due_ms,
                      const char *word)
{
    if (due_ms == 0)
        return;
    skald_text_add(text, " %s ", word);
    skald_text_time(text, saga->started_ms, due_ms);
}

static const char *cause_words(uint8_t cause)
{
    return cause == SKALD_INPUT_DUE ? "out of time" : skald_step_input_words(cause);
}

size_t skald_saga_future_words(const skald_plan *plan, const skald_saga *saga, char *out,
                               size_t size)
{
    const skald_saga_future future = skald_saga_future_of(plan, saga);
    skald_text_out text = {out, size, 0};
    if (size > 0)
        out[0] = '\0';
    if (future.step != SKALD_STEP_NONE)
        skald_text_add(&text, "%s ", plan->steps[future.step].step->name);
    const int64_t step_due_ms =
        future.step != SKALD_STEP_NONE ? saga->steps[future.step].due_ms : 0;
    switch (future.kind) {
    case SKALD_FUTURE_NOTHING:
        skald_text_add(&text, "nothing will ever move this saga: this is a bug of the machine");
        break;
    case SKALD_FUTURE_ENDED:
        skald_text_add(&text, "it has ended %s", skald_saga_phase_words(saga->phase));
        break;
    case SKALD_FUTURE_START:
        skald_text_add(&text, "it has not begun");
        break;
    case SKALD_FUTURE_TIME:
        skald_text_add(&text, "goes on by itself");
        until_add(&text, saga, step_due_ms, "at");
        break;
    case SKALD_FUTURE_MESSAGE:
        skald_text_add(&text, "awaits its answer");
        until_add(&text, saga, step_due_ms, "until");
        break;
    case SKALD_FUTURE_CHILD:
        skald_text_add(&text, "awaits the end of its child");
        until_add(&text, saga, step_due_ms, "until");
        break;
    case SKALD_FUTURE_PERSON:
        skald_text_add(&text, "is a person's task: %s, %u attempts",
                       cause_words(saga->steps[future.step].cause),
                       saga->steps[future.step].attempts);
        break;
    }
    if (future.task_count > 0 && future.kind != SKALD_FUTURE_PERSON)
        skald_text_add(&text, "; %u for a person meanwhile", future.task_count);
    return text.length;
}

bool skald_saga_owes(const skald_plan *plan, const skald_saga *saga, uint8_t step)
{
    const uint8_t state = saga->steps[step].state;
    return skald_step_is_owed(plan, saga, step) || state == SKALD_STEP_UNDOING ||
           state == SKALD_STEP_UNDO_RESTING || state == SKALD_STEP_UNDO_HANDED_OVER;
}

skald_saga_outcome skald_saga_outcome_of(const skald_plan *plan, const skald_saga *saga)
{
    if (saga->phase == SKALD_SAGA_COMPLETED)
        return SKALD_OUTCOME_COMPLETED;
    if (saga->phase == SKALD_SAGA_COMPENSATED)
        return SKALD_OUTCOME_COMPENSATED;
    const bool person = skald_saga_future_of(plan, saga).kind == SKALD_FUTURE_PERSON;
    return person ? SKALD_OUTCOME_PERSON : SKALD_OUTCOME_OPEN;
}
