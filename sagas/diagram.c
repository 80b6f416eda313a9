/* What the pictures share: words on a box and the look of a state. */
#include "diagram.h"

#include "words.h"

void skald_diagram_work(skald_text_out *text, const skald_work *work, const skald_plan_work *planned)
{
    switch (planned->kind) {
    case SKALD_WORK_COMMAND:
        skald_text_add(text, "%s to %s", work->command, work->participant);
        break;
    case SKALD_WORK_WAIT:
        skald_text_add(text, "wait for %s", work->wait_for);
        break;
    case SKALD_WORK_CHILD:
        skald_text_add(text, "child %s", work->child->name);
        break;
    default:
        skald_text_add(text, "%s", skald_work_kind_words(planned->kind));
        break;
    }
    if (planned->timeout_ms != 0 && (work->timeout_ms != 0 || work->sleep_ms != 0)) {
        skald_text_add(text, ", ");
        skald_text_duration(text, planned->timeout_ms);
    }
}

typedef struct look {
    const char *name;
    const char *colour;
} look;

static look look_of(uint8_t state)
{
    switch (state) {
    case SKALD_STEP_DONE:
    case SKALD_STEP_PASSED:
        return (look){"done", "#c8e6c9"};
    case SKALD_STEP_ASKING:
    case SKALD_STEP_RUNNING:
    case SKALD_STEP_WAITING:
    case SKALD_STEP_SLEEPING:
    case SKALD_STEP_RESTING:
    case SKALD_STEP_UNDOING:
    case SKALD_STEP_UNDO_RESTING:
        return (look){"active", "#bbdefb"};
    case SKALD_STEP_NOT_DONE:
    case SKALD_STEP_IN_DOUBT:
    case SKALD_STEP_UNDONE:
    case SKALD_STEP_UNDO_SKIPPED:
        return (look){"undone", "#ffe0b2"};
    case SKALD_STEP_HANDED_OVER:
    case SKALD_STEP_UNDO_HANDED_OVER:
        return (look){"person", "#ffcdd2"};
    default:
        return (look){"idle", "#eeeeee"};
    }
}

const char *skald_diagram_look(uint8_t state)
{
    return look_of(state).name;
}

const char *skald_diagram_colour(uint8_t state)
{
    return look_of(state).colour;
}
