/* A definition or a running saga for Graphviz. A group is a cluster with a point where it begins
 * and one where it ends, so that lines go from point to point whatever is in it. */
#include "diagram.h"
#include "words.h"

typedef struct picture {
    const skald_plan *plan;
    const skald_saga *saga;
    skald_text_out text;
} picture;

static void indent(picture *p, uint8_t step)
{
    for (int i = 0; i <= p->plan->steps[step].depth; i++)
        skald_text_add(&p->text, "    ");
}

static bool is_group(const picture *p, uint8_t step)
{
    return skald_work_is_group(p->plan->steps[step].run.kind);
}

static void line_add(picture *p, uint8_t indented_as, const char *from, uint8_t from_step,
                     const char *to, uint8_t to_step)
{
    indent(p, indented_as);
    skald_text_add(&p->text, "%s%u -> %s%u\n", from, from_step, to, to_step);
}

static void leaf_add(picture *p, uint8_t step)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    const uint8_t state = p->saga != NULL ? p->saga->steps[step].state : SKALD_STEP_PENDING;
    indent(p, step);
    skald_text_add(&p->text, "s%u [label=\"%s\\n", step, planned->step->name);
    skald_diagram_work(&p->text, &planned->step->run, &planned->run);
    if (planned->step->only_if != NULL)
        skald_text_add(&p->text, "\\nif needed");
    if (step == p->plan->pivot)
        skald_text_add(&p->text, "\\nno way back");
    if (p->saga != NULL)
        skald_text_add(&p->text, "\\n%s", skald_step_state_words(state));
    skald_text_add(&p->text, "\"%s", step == p->plan->pivot ? ", shape=hexagon" : "");
    if (p->saga != NULL)
        skald_text_add(&p->text, ", style=filled, fillcolor=\"%s\"", skald_diagram_colour(state));
    skald_text_add(&p->text, "]\n");
}

static void undo_add(picture *p, uint8_t step)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    if (planned->undo.kind == SKALD_WORK_NONE)
        return;
    skald_text_add(&p->text, "    u%u [shape=note, label=\"", step);
    skald_diagram_work(&p->text, &planned->step->undo, &planned->undo);
    skald_text_add(&p->text, "\"]\n    s%u -> u%u [style=dotted, label=\"undo\"]\n", step, step);
}

static void step_add(picture *p, uint8_t step);

/* Where lines begin and end: at the step itself, or at the points of a group. */
static const char *entry(const picture *p, uint8_t step)
{
    return is_group(p, step) ? "in" : "s";
}

static const char *leaving(const picture *p, uint8_t step)
{
    return is_group(p, step) ? "out" : "s";
}

static void group_add(picture *p, uint8_t step)
{
    const skald_plan_step *planned = &p->plan->steps[step];
    const bool sequence = planned->run.kind == SKALD_WORK_SEQUENCE;
    indent(p, step);
    skald_text_add(&p->text, "subgraph cluster%u { label=\"%s: %s%s\"\n", step, planned->step->name,
                   sequence ? "one after the other" : "all at once",
                   planned->step->only_if != NULL ? ", if needed" : "");
    indent(p, step);
    skald_text_add(&p->text, "in%u [shape=point] out%u [shape=point]\n", step, step);
    uint8_t before = SKALD_STEP_NONE;
    for (uint8_t i = (uint8_t)(step + 1); i < planned->end; i = p->plan->steps[i].end) {
        step_add(p, i);
        const bool chained = sequence && before != SKALD_STEP_NONE;
        line_add(p, i, chained ? leaving(p, before) : "in", chained ? before : step, entry(p, i),
                 i);
        if (!sequence || p->plan->steps[i].end == planned->end)
            line_add(p, i, leaving(p, i), i, "out", step);
        before = i;
    }
    indent(p, step);
    skald_text_add(&p->text, "}\n");
}

static void step_add(picture *p, uint8_t step)
{
    if (is_group(p, step))
        group_add(p, step);
    else
        leaf_add(p, step);
}

size_t skald_diagram_dot(const skald_plan *plan, const skald_saga *saga, char *out, size_t size)
{
    picture p = {plan, saga, {out, size, 0}};
    skald_text_add(&p.text, "digraph \"%s\" {\n    node [shape=box]\n", plan->definition->name);
    uint8_t before = SKALD_STEP_NONE;
    for (uint8_t i = 0; i < plan->step_count; i = plan->steps[i].end) {
        step_add(&p, i);
        if (before != SKALD_STEP_NONE)
            line_add(&p, i, leaving(&p, before), before, entry(&p, i), i);
        before = i;
    }
    for (uint8_t i = 0; i < plan->step_count; i++)
        undo_add(&p, i);
    skald_text_add(&p.text, "}\n");
    return p.text.length;
}

size_t skald_definition_dot(const skald_definition *definition, char *out, size_t size)
{
    skald_plan plan;
    skald_plan_make(&plan, definition);
    return skald_diagram_dot(&plan, NULL, out, size);
}
