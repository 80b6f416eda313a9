/* Why this is enough. The machine looks at steps by their places and never at the version, so a
 * saga is at home in a plan in which everything it has touched has the same meaning: the same work
 * and undo (answers that are on their way, and debts, find who they are for), the same group and
 * order (whose turn comes next is found by walking), and the same side of the pivot (whether there
 * is a way back). A step that it has not touched has no state, so it makes no difference whether
 * the plan has always had it; but for one thing: nothing new may stand before what has begun, or in
 * a group that is over, because its turn would never come, or come out of order. */
#include "upgrade.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "machine_inside.h"
#include "words.h"

typedef struct upgrade {
    const skald_plan *from;
    const skald_plan *to;
    const skald_saga *saga;
    skald_renames renames;
    skald_upgrade *out;
    uint8_t sources[SKALD_STEPS_MAX]; /* of each new step: the touched old one, or none */
} upgrade;

/* The first reason counts, and "unsafe" more than "needs a map". */
static void objection_say(upgrade *of, skald_upgrade_kind kind, const char *format, ...)
    SKALD_PRINTF(3, 4);

static void objection_say(upgrade *of, skald_upgrade_kind kind, const char *format, ...)
{
    if (of->out->kind >= kind)
        return;
    of->out->kind = kind;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(of->out->why, sizeof of->out->why, format, arguments);
    va_end(arguments);
}

#define UNSAFE(of, ...) objection_say((of), SKALD_UPGRADE_UNSAFE, __VA_ARGS__)

static bool same(const char *left, const char *right)
{
    if (left == NULL || right == NULL)
        return left == right;
    const size_t size = strlen(left);
    return size == strlen(right) && memcmp(left, right, size) == 0;
}

static const char *old_name(const upgrade *of, uint8_t step)
{
    return of->from->steps[step].step->name;
}

static const char *new_name(const upgrade *of, uint8_t step)
{
    return of->to->steps[step].step->name;
}

/* ---- what has begun ---- */

static bool is_reached(const upgrade *of, uint8_t step)
{
    return of->saga->steps[step].state != SKALD_STEP_PENDING;
}

/* Also one whose event came early, and one that was undone to be done again. */
static bool is_touched(const upgrade *of, uint8_t step)
{
    const skald_saga_step *at = &of->saga->steps[step];
    return is_reached(of, step) || at->flags != 0 || at->run_round != 0 || at->undo_round != 0 ||
           of->saga->rewind_to == step;
}

/* ---- where it is now ---- */

static const char *name_now(const upgrade *of, uint8_t step)
{
    for (size_t i = 0; i < of->renames.count; i++) {
        if (same(of->renames.list[i].from, old_name(of, step)))
            return of->renames.list[i].to;
    }
    return old_name(of, step);
}

static bool is_same_work(const skald_plan_work *planned, const skald_work *work,
                         const skald_plan_work *other_planned, const skald_work *other)
{
    return planned->kind == other_planned->kind && same(work->participant, other->participant) &&
           same(work->command, other->command) && same(work->wait_for, other->wait_for) &&
           same(work->child != NULL ? work->child->name : NULL,
                other->child != NULL ? other->child->name : NULL);
}

static bool is_same_run(const upgrade *of, uint8_t old_step, uint8_t new_step)
{
    const skald_plan_step *a = &of->from->steps[old_step];
    const skald_plan_step *b = &of->to->steps[new_step];
    return is_same_work(&a->run, &a->step->run, &b->run, &b->step->run);
}

static bool is_same_undo(const upgrade *of, uint8_t old_step, uint8_t new_step)
{
    const skald_plan_step *a = &of->from->steps[old_step];
    const skald_plan_step *b = &of->to->steps[new_step];
    return is_same_work(&a->undo, &a->step->undo, &b->undo, &b->step->undo);
}

/* Is it in the group that it was in? Groups stand before what is in them, so theirs is found. */
static bool is_same_group(const upgrade *of, uint8_t old_step, uint8_t new_step)
{
    const uint8_t old_group = of->from->steps[old_step].parent;
    const uint8_t new_group = of->to->steps[new_step].parent;
    if (old_group == SKALD_STEP_NONE || new_group == SKALD_STEP_NONE)
        return old_group == new_group;
    if (of->out->places[old_group] != SKALD_STEP_NONE)
        return of->out->places[old_group] == new_group;
    return same(name_now(of, old_group), new_name(of, new_group));
}

/* Could one of those that are new be this one, under another name? */
static uint8_t candidate_find(const upgrade *of, uint8_t step)
{
    for (uint8_t i = 0; i < of->to->step_count; i++) {
        const char *name = new_name(of, i);
        const bool is_new = of->sources[i] == SKALD_STEP_NONE &&
                            skald_plan_find(of->from, name, strlen(name)) == SKALD_STEP_NONE;
        if (is_new && is_same_group(of, step, i) && is_same_run(of, step, i) &&
            is_same_undo(of, step, i))
            return i;
    }
    return SKALD_STEP_NONE;
}

/* The place of one that is not found by its name. It is looked at as if it were the candidate, so
 * that nobody is asked for a map that would not help. */
static uint8_t missing_place(upgrade *of, uint8_t step)
{
    const char *now = name_now(of, step);
    if (!same(now, old_name(of, step))) {
        UNSAFE(of,
               "step \"%s\" is called \"%s\" by the map, and the new definition has no such step",
               old_name(of, step), now);
        return SKALD_STEP_NONE;
    }
    const uint8_t candidate = candidate_find(of, step);
    if (candidate == SKALD_STEP_NONE)
        UNSAFE(of, "step \"%s\" has begun and the new definition does not have it: keep it", now);
    else
        objection_say(of, SKALD_UPGRADE_NEEDS_MAP,
                      "step \"%s\" has begun and the new definition has none of that name: say "
                      "whether it is called \"%s\" now",
                      now, new_name(of, candidate));
    return candidate;
}

static void place_find(upgrade *of, uint8_t step)
{
    if (!is_touched(of, step))
        return;
    const char *now = name_now(of, step);
    const uint8_t found = skald_plan_find(of->to, now, strlen(now));
    const uint8_t place = found != SKALD_STEP_NONE ? found : missing_place(of, step);
    if (place == SKALD_STEP_NONE)
        return;
    if (of->sources[place] != SKALD_STEP_NONE) {
        UNSAFE(of, "steps \"%s\" and \"%s\" have begun and would both be \"%s\"",
               old_name(of, of->sources[place]), old_name(of, step), now);
        return;
    }
    of->out->places[step] = place;
    of->sources[place] = step;
}

static void places_find(upgrade *of)
{
    memset(of->out->places, SKALD_STEP_NONE, sizeof of->out->places);
    memset(of->sources, SKALD_STEP_NONE, sizeof of->sources);
    for (uint8_t i = 0; i < of->from->step_count; i++)
        place_find(of, i);
}

/* ---- rules on one step ---- */

/* Nobody outside will be asked under its key again, and no answer under it counts any more. */
static bool is_key_needed(const upgrade *of, uint8_t step)
{
    const skald_plan_step *planned = &of->from->steps[step];
    const skald_saga_step *at = &of->saga->steps[step];
    const skald_work_kind kind = planned->run.kind;
    const bool quiet = skald_work_is_group(kind) || kind == SKALD_WORK_WAIT ||
                       kind == SKALD_WORK_SLEEP || at->run_round == 0;
    const bool finished = at->state == SKALD_STEP_DONE || at->state == SKALD_STEP_NOT_NEEDED;
    const bool for_good =
        planned->undo.kind == SKALD_WORK_NONE || skald_pivot_is_behind(of->from, of->saga);
    return !(quiet && planned->undo.kind == SKALD_WORK_NONE) && !(finished && for_good);
}

static void name_check(upgrade *of, uint8_t step, uint8_t place)
{
    if (!same(old_name(of, step), new_name(of, place)) && is_key_needed(of, step))
        UNSAFE(of,
               "step \"%s\" cannot be called \"%s\" now: what is still to be answered or undone "
               "carries its old name",
               old_name(of, step), new_name(of, place));
}

static void work_check(upgrade *of, uint8_t step, uint8_t place)
{
    if (!is_same_run(of, step, place))
        UNSAFE(of,
               "step \"%s\" has begun and does other work in the new definition, or for "
               "somebody else: give the new work another name",
               old_name(of, step));
    if (!is_same_undo(of, step, place))
        UNSAFE(of,
               "step \"%s\" has begun and is undone otherwise in the new definition: "
               "keep its undo as it is",
               old_name(of, step));
    if (of->saga->steps[step].state == SKALD_STEP_ASKING &&
        of->to->steps[place].step->only_if == NULL)
        UNSAFE(of,
               "step \"%s\" is just being asked whether it is needed, and has no condition in "
               "the new definition: wait a moment",
               old_name(of, step));
}

/* One that only keeps an early event may stand anywhere. */
static void group_check(upgrade *of, uint8_t step, uint8_t place)
{
    if (is_reached(of, step) && !is_same_group(of, step, place))
        UNSAFE(of, "step \"%s\" has begun and stands in another group in the new definition",
               old_name(of, step));
}

static void pivot_check(upgrade *of, uint8_t step, uint8_t place)
{
    const char *name = old_name(of, step);
    if (!is_reached(of, step))
        return;
    if ((of->from->pivot == step) != (of->to->pivot == place))
        UNSAFE(of,
               "step \"%s\" has begun and is the pivot in only one of the two definitions: the "
               "pivot cannot move across what has begun",
               name);
    else if (of->from->steps[step].after_pivot != of->to->steps[place].after_pivot)
        UNSAFE(of,
               "step \"%s\" has begun and stands on the other side of the pivot in the new "
               "definition",
               name);
}

/* ---- rules on the order ---- */

static bool is_parallel(const skald_plan *plan, uint8_t group)
{
    return group != SKALD_STEP_NONE && plan->steps[group].run.kind == SKALD_WORK_PARALLEL;
}

static bool is_reached_now(const upgrade *of, uint8_t place)
{
    const uint8_t source = of->sources[place];
    return source != SKALD_STEP_NONE && is_reached(of, source);
}

/* Of two that stand one after the other in the new plan, the first has begun first, too. */
static void pair_check(upgrade *of, uint8_t first, uint8_t second)
{
    const uint8_t a = of->sources[first];
    const uint8_t b = of->sources[second];
    if (!is_reached_now(of, second))
        return;
    if (!is_reached_now(of, first))
        UNSAFE(of,
               "step \"%s\" has not begun and stands before \"%s\" in the new definition, "
               "which has: its turn would come too late",
               new_name(of, first), old_name(of, b));
    else if (a > b)
        UNSAFE(of,
               "steps \"%s\" and \"%s\" have begun and stand the other way round in the new "
               "definition",
               old_name(of, b), old_name(of, a));
}

static void order_check(upgrade *of, uint8_t place)
{
    const skald_plan *to = of->to;
    const uint8_t group = to->steps[place].parent;
    const uint8_t end = group == SKALD_STEP_NONE ? to->step_count : to->steps[group].end;
    if (is_parallel(to, group))
        return;
    for (uint8_t next = to->steps[place].end; next < end; next = to->steps[next].end)
        pair_check(of, place, next);
}

/* A group that is over does not begin again for one more step. */
static void addition_check(upgrade *of, uint8_t place)
{
    const uint8_t group = of->to->steps[place].parent;
    if (of->sources[place] != SKALD_STEP_NONE || group == SKALD_STEP_NONE ||
        !is_reached_now(of, group))
        return;
    if (of->saga->steps[of->sources[group]].state != SKALD_STEP_RUNNING)
        UNSAFE(of, "step \"%s\" is new in the group \"%s\", which is over", new_name(of, place),
               old_name(of, of->sources[group]));
}

/* ---- all ---- */

static void rules_check(upgrade *of)
{
    for (uint8_t i = 0; i < of->from->step_count; i++) {
        const uint8_t place = of->out->places[i];
        if (place == SKALD_STEP_NONE)
            continue;
        name_check(of, i, place);
        work_check(of, i, place);
        group_check(of, i, place);
        pivot_check(of, i, place);
    }
    for (uint8_t i = 0; i < of->to->step_count; i++) {
        order_check(of, i);
        addition_check(of, i);
    }
}

static void saga_move(const upgrade *of)
{
    skald_saga *moved = &of->out->saga;
    skald_saga_init(moved, of->to);
    moved->phase = of->saga->phase;
    moved->flags = of->saga->flags;
    moved->cause = of->saga->cause;
    moved->order = of->saga->order;
    moved->started_ms = of->saga->started_ms;
    moved->last_ms = of->saga->last_ms;
    if (of->saga->rewind_to != SKALD_STEP_NONE)
        moved->rewind_to = of->out->places[of->saga->rewind_to];
    for (uint8_t i = 0; i < of->from->step_count; i++) {
        if (of->out->places[i] != SKALD_STEP_NONE)
            moved->steps[of->out->places[i]] = of->saga->steps[i];
    }
    moved->due_ms = skald_saga_due(of->to, moved);
}

void skald_upgrade_decide(const skald_plan *from, const skald_plan *to, const skald_saga *saga,
                          skald_renames renames, skald_upgrade *out)
{
    upgrade of = {.from = from, .to = to, .saga = saga, .renames = renames, .out = out};
    out->kind = SKALD_UPGRADE_SAFE;
    out->why[0] = '\0';
    places_find(&of);
    if (!same(from->definition->name, to->definition->name))
        UNSAFE(&of, "it is a saga \"%s\" and not \"%s\"", from->definition->name,
               to->definition->name);
    rules_check(&of);
    if (out->kind == SKALD_UPGRADE_SAFE)
        saga_move(&of);
}

const char *skald_upgrade_words(skald_upgrade_kind kind)
{
    return kind == SKALD_UPGRADE_SAFE        ? "safe"
           : kind == SKALD_UPGRADE_NEEDS_MAP ? "needs map"
                                             : "unsafe";
}
