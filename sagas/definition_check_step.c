/* The rules on one step. Each function is one rule or one family of them, and returns without a
 * word when the step keeps it. */
#include <string.h>

#include "definition_check.h"
#include "text.h"

/* ---- names ---- */

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool skald_check_is_name(const char *name)
{
    if (name == NULL || name[0] < 'a' || name[0] > 'z' || strlen(name) > SKALD_NAME_SIZE_MAX)
        return false;
    for (const char *c = name; *c != '\0'; c++) {
        if (!is_lower_or_digit(*c) && *c != '-')
            return false;
    }
    return true;
}

static bool is_type(const char *type)
{
    if (type[0] == '\0' || strlen(type) > SKALD_STEP_TYPE_SIZE_MAX)
        return false;
    for (const char *c = type; *c != '\0'; c++) {
        const bool fits = is_lower_or_digit(*c) || (*c >= 'A' && *c <= 'Z') || *c == '.' ||
                          *c == '_' || *c == '-';
        if (!fits)
            return false;
    }
    return true;
}

static bool is_listed(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(list[i]) == strlen(text) && memcmp(list[i], text, strlen(text)) == 0)
            return true;
    }
    return false;
}

static void name_check(skald_check *check, const skald_step *step)
{
    if (!skald_check_is_name(step->name)) {
        skald_check_tell(check,
                         "step %zu is named \"%.80s\": a name has a-z, 0-9 and '-', begins with a "
                         "letter and is no longer than %u",
                         check->step_count, skald_check_name(step), SKALD_NAME_SIZE_MAX);
        return;
    }
    if (is_listed(check->names, check->name_count, step->name))
        skald_check_tell(check, "two steps are named \"%s\": rename one, keys are made of names",
                         step->name);
    else
        check->names[check->name_count++] = step->name;
}

/* ---- one work, be it the run or the undo ---- */

typedef struct role {
    const skald_step *step;
    const skald_work *work;
    skald_work_kind kind;
    const char *called; /* "run" or "undo" */
} role;

static void type_check(skald_check *check, const role *r, const char *type)
{
    if (type != NULL && !is_type(type))
        skald_check_tell(check,
                         "the %s of step \"%s\" names \"%.40s\": letters, digits, '.', '_' and '-' "
                         "only, no more than %u",
                         r->called, skald_check_name(r->step), type, SKALD_STEP_TYPE_SIZE_MAX);
}

static void command_check(skald_check *check, const role *r)
{
    const char *name = skald_check_name(r->step);
    if (r->work->command != NULL && r->work->participant == NULL)
        skald_check_tell(check, "the %s of step \"%s\" sends a command to nobody: say .participant",
                         r->called, name);
    if (r->work->command == NULL && r->work->participant != NULL)
        skald_check_tell(check,
                         "the %s of step \"%s\" has a participant and no command: say .command",
                         r->called, name);
    if (r->work->participant != NULL && !skald_check_is_name(r->work->participant))
        skald_check_tell(check,
                         "the %s of step \"%s\" names the participant \"%.40s\": a-z, 0-9 and '-' "
                         "behind a letter only",
                         r->called, name, r->work->participant);
}

static void event_check(skald_check *check, const role *r)
{
    const char *event = r->work->wait_for;
    if (event == NULL)
        return;
    if (is_listed(check->events, check->event_count, event))
        skald_check_tell(
            check,
            "step \"%s\" waits for \"%.40s\", for which another one waits: it would be "
            "open whose it is, so give them two names",
            skald_check_name(r->step), event);
    else
        check->events[check->event_count++] = event;
    if (r->work->timeout_ms == 0)
        skald_check_tell(check,
                         "the %s of step \"%s\" waits for ever: say .timeout_ms, and with "
                         ".on_timeout what then",
                         r->called, skald_check_name(r->step));
}

static void code_check(skald_check *check, const role *r)
{
    const char *name = skald_check_name(r->step);
    const skald_work_kind kind = r->kind;
    if (r->work->verify != NULL && kind != SKALD_WORK_ACTIVITY)
        skald_check_tell(check, "the %s of step \"%s\" has .verify and is no activity: remove it",
                         r->called, name);
    if (r->work->compose != NULL && kind != SKALD_WORK_COMMAND && kind != SKALD_WORK_CHILD)
        skald_check_tell(check,
                         "the %s of step \"%s\" has .compose and is neither a command nor a child: "
                         "remove it",
                         r->called, name);
    const bool tells = kind == SKALD_WORK_ACTIVITY || kind == SKALD_WORK_COMMAND ||
                       kind == SKALD_WORK_WAIT || kind == SKALD_WORK_CHILD;
    if (r->work->accept != NULL && !tells)
        skald_check_tell(check,
                         "the %s of step \"%s\" has .accept and nothing answers it: remove it",
                         r->called, name);
}

static void timeout_check(skald_check *check, const role *r)
{
    const char *name = skald_check_name(r->step);
    const bool untimed = r->kind == SKALD_WORK_SLEEP || skald_work_is_group(r->kind);
    if (untimed && (r->work->timeout_ms != 0 || r->work->on_timeout != SKALD_TIMEOUT_DEFAULT))
        skald_check_tell(
            check,
            "the %s of step \"%s\" sleeps or is a group and has no timeout of its own: "
            "remove .timeout_ms and .on_timeout",
            r->called, name);
    if (r->kind == SKALD_WORK_LOCAL && r->work->on_timeout > SKALD_TIMEOUT_RETRIES)
        skald_check_tell(check,
                         "the %s of step \"%s\" is local, and a local step that ran out of time is "
                         "not done: remove .on_timeout",
                         r->called, name);
}

static void duration_check(skald_check *check, const role *r)
{
    const skald_work *work = r->work;
    if (work->timeout_ms > SKALD_DURATION_MS_MAX || work->sleep_ms > SKALD_DURATION_MS_MAX)
        skald_check_tell(check,
                         "the %s of step \"%s\" has a time of more than ten years: times are in "
                         "milliseconds, so shorten .timeout_ms or .sleep_ms",
                         r->called, skald_check_name(r->step));
}

/* What the schedule says; one with a mistake, which is told, says nothing. */
static skald_retry retry_read(const skald_work *work)
{
    skald_retry retry = {0};
    if (work->retry != NULL && skald_retry_parse(&retry, work->retry, NULL) != SKALD_OK)
        return (skald_retry){0};
    return retry;
}

static void retry_check(skald_check *check, const role *r)
{
    const char *name = skald_check_name(r->step);
    const bool again = r->work->on_timeout == SKALD_TIMEOUT_DEFAULT ||
                       r->work->on_timeout == SKALD_TIMEOUT_RETRIES;
    skald_retry retry = {0};
    skald_error error = {0};
    if (r->work->retry != NULL && skald_retry_parse(&retry, r->work->retry, &error) != SKALD_OK) {
        skald_check_tell(check, "the %s of step \"%s\": %s", r->called, name, error.text);
        return;
    }
    if (retry.for_ms != 0 && r->work->timeout_ms >= retry.for_ms && again)
        skald_check_tell(check,
                         "the %s of step \"%s\" is tried for no longer than one attempt may take: "
                         "lengthen the \"for\" of .retry or lower .timeout_ms",
                         r->called, name);
}

static void work_check(skald_check *check, const role *r)
{
    if (skald_work_kinds_set(r->work) > 1)
        skald_check_tell(check,
                         "the %s of step \"%s\" is of several kinds at once: make a step of each",
                         r->called, skald_check_name(r->step));
    type_check(check, r, r->work->command);
    type_check(check, r, r->work->wait_for);
    command_check(check, r);
    event_check(check, r);
    code_check(check, r);
    timeout_check(check, r);
    duration_check(check, r);
    retry_check(check, r);
}

/* ---- the run ---- */

static void longer_than_deadline(skald_check *check, const skald_step *step, uint64_t ms,
                                 const char *what)
{
    const uint64_t deadline_ms = check->definition->deadline_ms;
    if (deadline_ms == 0 || ms < deadline_ms)
        return;
    char long_one[32];
    char deadline[32];
    skald_text_duration(&(skald_text_out){long_one, sizeof long_one, 0}, ms);
    skald_text_duration(&(skald_text_out){deadline, sizeof deadline, 0}, deadline_ms);
    skald_check_tell(check,
                     "step \"%s\" %s %s and the deadline of the saga is after %s: shorten it or "
                     "raise .deadline_ms",
                     skald_check_name(step), what, long_one, deadline);
}

static void run_check(skald_check *check, const skald_step *step)
{
    const role r = {step, &step->run, skald_work_kind_of(&step->run), "run"};
    if (r.kind == SKALD_WORK_NONE)
        skald_check_tell(check,
                         "step \"%s\" does nothing: set one of local, activity, command, wait_for, "
                         "sleep_ms, child, parallel, sequence in .run",
                         skald_check_name(step));
    work_check(check, &r);
    check->slept_ms += step->run.sleep_ms;
    if (check->pivot != NULL)
        return;
    longer_than_deadline(check, step, step->run.timeout_ms, "has a timeout of");
    longer_than_deadline(check, step, retry_read(&step->run).for_ms, "is tried again for");
}

/* ---- the undo ---- */

static void undo_check(skald_check *check, const skald_step *step)
{
    const role r = {step, &step->undo, skald_work_kind_of(&step->undo), "undo"};
    const char *name = skald_check_name(step);
    work_check(check, &r);
    if (r.kind == SKALD_WORK_NONE)
        return;
    if (skald_work_is_group(r.kind))
        skald_check_tell(
            check, "the undo of step \"%s\" is a group: give each step an undo of its own", name);
    if (skald_work_is_group(skald_work_kind_of(&step->run)))
        skald_check_tell(check, "the group \"%s\" has an undo: give it to the steps in the group",
                         name);
    if (step->pivot)
        skald_check_tell(check,
                         "step \"%s\" is the pivot and has an undo: from the pivot there is no way "
                         "back, so remove one of the two",
                         name);
    if (check->pivot != NULL)
        skald_check_tell(check,
                         "step \"%s\" has an undo and stands behind the pivot \"%s\": it is never "
                         "undone, so move it before the pivot or remove the undo",
                         name, skald_check_name(check->pivot));
    if (r.work->on_timeout > SKALD_TIMEOUT_RETRIES)
        skald_check_tell(check,
                         "the undo of step \"%s\" says what a timeout means: an undo is owed and "
                         "tried again, so remove .on_timeout",
                         name);
}

/* ---- the pivot, and behind it ---- */

static void pivot_check(skald_check *check, const skald_step *step, size_t depth)
{
    const char *name = skald_check_name(step);
    const skald_work_kind kind = skald_work_kind_of(&step->run);
    if (depth > 0)
        skald_check_tell(check,
                         "the pivot \"%s\" stands in a group: its neighbours could still fail, so "
                         "move it to the top level",
                         name);
    if (kind == SKALD_WORK_WAIT || kind == SKALD_WORK_SLEEP || skald_work_is_group(kind))
        skald_check_tell(check,
                         "the pivot \"%s\" waits, sleeps or is a group: the pivot is one deed, so "
                         "mark the step that does it",
                         name);
    if (step->run.on_timeout == SKALD_TIMEOUT_CONTINUES)
        skald_check_tell(check,
                         "the pivot \"%s\" goes on after a timeout: it must be known whether there "
                         "is a way back, so choose another .on_timeout",
                         name);
}

/* Behind the pivot nothing may end but done: it is retried, gone on without, or a person's task. */
static void retriable_check(skald_check *check, const skald_step *step)
{
    const char *name = skald_check_name(step);
    const char *pivot = skald_check_name(check->pivot);
    const skald_work_kind kind = skald_work_kind_of(&step->run);
    const bool patient =
        kind == SKALD_WORK_WAIT || (kind == SKALD_WORK_CHILD && step->run.timeout_ms != 0);
    const bool turns_back = step->run.on_timeout == SKALD_TIMEOUT_COMPENSATES ||
                            (step->run.on_timeout == SKALD_TIMEOUT_DEFAULT && patient);
    if (turns_back)
        skald_check_tell(
            check,
            "step \"%s\" turns back after a timeout and stands behind the pivot "
            "\"%s\": say .on_timeout = SKALD_TIMEOUT_RETRIES or SKALD_TIMEOUT_CONTINUES",
            name, pivot);
    if (retry_read(&step->run).attempts_max == 1)
        skald_check_tell(check,
                         "step \"%s\" is tried only once and stands behind the pivot \"%s\": it is "
                         "owed, so let .retry say more",
                         name, pivot);
}

void skald_check_step(skald_check *check, const skald_step *step, size_t depth)
{
    name_check(check, step);
    run_check(check, step);
    undo_check(check, step);
    if (step->pivot)
        pivot_check(check, step, depth);
    if (check->pivot != NULL)
        retriable_check(check, step);
    if (step->pivot && check->pivot != NULL)
        skald_check_tell(check,
                         "steps \"%s\" and \"%s\" are both the pivot: there is one point of no "
                         "return, so unmark one",
                         skald_check_name(check->pivot), skald_check_name(step));
    else if (step->pivot)
        check->pivot = step;
}
