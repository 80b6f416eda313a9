/* Examines a definition before it is ever run: the walk, and the rules on the whole. A mistake is a
 * sentence that names the step, the cause and the remedy; all of them are told, not only the first.
 */
#include "definition_check.h"

#include <stdarg.h>
#include <stdio.h>

#include "text.h"

void skald_check_tell(skald_check *check, const char *format, ...)
{
    char sentence[SKALD_MISTAKE_SIZE];
    const char *name = check->definition->name != NULL ? check->definition->name : "(no name)";
    const int start = snprintf(sentence, sizeof sentence, "definition \"%.63s\": ", name);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence + start, sizeof sentence - (size_t)start, format, arguments);
    va_end(arguments);
    check->mistake_count++;
    if (check->tell != NULL)
        check->tell(check->context, sentence);
}

const char *skald_check_name(const skald_step *step)
{
    return step->name != NULL ? step->name : "(no name)";
}

/* ---- the walk ---- */

static void steps_check(skald_check *check, skald_steps steps, size_t depth);

/* A group that is too deep is told of and not entered, so a circle of groups ends too. */
static void group_check(skald_check *check, const skald_step *step, size_t depth)
{
    const skald_steps *members =
        step->run.parallel.list != NULL ? &step->run.parallel : &step->run.sequence;
    if (members->count == 0)
        skald_check_tell(check, "the group \"%s\" is empty: put steps into it or remove it",
                         skald_check_name(step));
    else if (depth == SKALD_STEPS_NESTING_MAX)
        skald_check_tell(
            check, "the group \"%s\" is nested deeper than %u groups: make a child saga of it",
            skald_check_name(step), SKALD_STEPS_NESTING_MAX);
    else
        steps_check(check, *members, depth + 1);
}

static void steps_check(skald_check *check, skald_steps steps, size_t depth)
{
    for (size_t i = 0; i < steps.count && check->step_count < SKALD_STEPS_MAX; i++) {
        const skald_step *step = &steps.list[i];
        check->step_count++;
        skald_check_step(check, step, depth);
        if (step->run.parallel.list != NULL || step->run.sequence.list != NULL)
            group_check(check, step, depth);
    }
}

/* Counts what the walk above leaves out when there are too many. */
static size_t steps_count(skald_steps steps, size_t depth)
{
    size_t count = steps.count;
    for (size_t i = 0; i < steps.count && depth < SKALD_STEPS_NESTING_MAX; i++) {
        count += steps_count(steps.list[i].run.parallel, depth + 1);
        count += steps_count(steps.list[i].run.sequence, depth + 1);
    }
    return count;
}

/* ---- the whole ---- */

static void whole_check(skald_check *check)
{
    const skald_definition *definition = check->definition;
    if (definition->version == 0)
        skald_check_tell(check, "it has no version: begin with .version = 1");
    if (definition->steps.list == NULL || definition->steps.count == 0) {
        skald_check_tell(check, "it has no steps: give it .steps = SKALD_STEPS(your_steps)");
        return;
    }
    if (definition->deadline_ms > SKALD_DURATION_MS_MAX)
        skald_check_tell(check, "its deadline is after more than ten years: shorten .deadline_ms, "
                                "which is in milliseconds");
    const size_t count = steps_count(definition->steps, 0);
    if (count > SKALD_STEPS_MAX)
        skald_check_tell(check, "it has %zu steps and the most is %u: make child sagas of some",
                         count, SKALD_STEPS_MAX);
    steps_check(check, definition->steps, 0);
}

static void sleeps_check(skald_check *check)
{
    const uint64_t deadline_ms = check->definition->deadline_ms;
    if (deadline_ms == 0 || check->slept_ms < deadline_ms)
        return;
    char all[32];
    char deadline[32];
    skald_text_duration(&(skald_text_out){all, sizeof all, 0}, check->slept_ms);
    skald_text_duration(&(skald_text_out){deadline, sizeof deadline, 0}, deadline_ms);
    skald_check_tell(check,
                     "its steps sleep for %s together and its deadline is after %s: sleep less or "
                     "raise .deadline_ms",
                     all, deadline);
}

/* A definition and those that start it. */
typedef struct lineage {
    const skald_definition *definition;
    const struct lineage *parent;
    size_t depth;
} lineage;

static size_t definition_check(const lineage *line, skald_mistake_told *tell, void *context);

static bool is_ancestor(const lineage *line, const skald_definition *definition)
{
    for (; line != NULL; line = line->parent) {
        if (line->definition == definition)
            return true;
    }
    return false;
}

static size_t child_check(skald_check *check, const lineage *line, const skald_step *step,
                          const skald_definition *child)
{
    const size_t before = check->mistake_count;
    if (child == NULL)
        return 0;
    if (is_ancestor(line, child))
        skald_check_tell(check,
                         "step \"%s\" starts the saga that it belongs to as its own child: a saga "
                         "cannot hold itself, so start another one",
                         skald_check_name(step));
    else if (line->depth == SKALD_CHILDREN_NESTING_MAX)
        skald_check_tell(check,
                         "step \"%s\" starts a child nested deeper than %u sagas: flatten some",
                         skald_check_name(step), SKALD_CHILDREN_NESTING_MAX);
    else
        return definition_check(&(lineage){child, line, line->depth + 1}, check->tell,
                                check->context);
    return check->mistake_count - before;
}

/* Children are examined with their parent, because they run with it. */
static size_t children_check(skald_check *check, const lineage *line, skald_steps steps,
                             size_t nesting)
{
    size_t mistakes = 0;
    for (size_t i = 0; i < steps.count; i++) {
        const skald_step *step = &steps.list[i];
        mistakes += child_check(check, line, step, step->run.child);
        if (step->undo.child != step->run.child)
            mistakes += child_check(check, line, step, step->undo.child);
        if (nesting < SKALD_STEPS_NESTING_MAX) {
            mistakes += children_check(check, line, step->run.parallel, nesting + 1);
            mistakes += children_check(check, line, step->run.sequence, nesting + 1);
        }
    }
    return mistakes;
}

static size_t definition_check(const lineage *line, skald_mistake_told *tell, void *context)
{
    skald_check check = {.definition = line->definition, .tell = tell, .context = context};
    if (!skald_check_is_name(line->definition->name))
        skald_check_tell(
            &check,
            "its name is missing, longer than %u or has other characters than a-z, 0-9 "
            "and '-' behind a letter: choose another one",
            SKALD_NAME_SIZE_MAX);
    whole_check(&check);
    sleeps_check(&check);
    const size_t own = check.mistake_count;
    return own + children_check(&check, line, line->definition->steps, 0);
}

size_t skald_definition_check(const skald_definition *definition, skald_mistake_told *tell,
                              void *context)
{
    return definition_check(&(lineage){.definition = definition}, tell, context);
}
